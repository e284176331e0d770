using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Registry.Host.Serving;

namespace Registry.Host.Cli;

/// <summary>Options that several verbs take.</summary>
internal static class SharedOptions
{
    public static readonly Option<string> Gateway = new("--gateway")
    {
        Description = "The gateway's HTTP address.",
        HelpName = "URL",
        DefaultValueFactory = _ => GatewayOptions.DefaultHttp,
    };

    public static readonly Option<string?> KeyFile = new("--key-file")
    {
        Description = $"File with the API key or token for the gateway. Left out, the one that the environment variable {GatewayKey.Variable} names.",
        HelpName = "FILE",
    };

    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON for programs." };

    /// <summary>Lets an option be one of some words, which are also offered as completions.</summary>
    public static T OneOf<T>(this T option, params string[] words) where T : Option
    {
        option.CompletionSources.Add(words);
        option.Validators.Add(result => Check(result, option.Name, words));
        return option;
    }

    /// <summary>The same for an argument.</summary>
    public static void OneOf(this Argument argument, params string[] words)
    {
        argument.CompletionSources.Add(words);
        argument.Validators.Add(result => Check(result, $"<{argument.Name}>", words));
    }

    /// <summary>Lets an option be a whole number in a range. Without a greatest one, that it is a number at all is the parser's matter.</summary>
    public static T From<T>(this T option, int least, int most = int.MaxValue) where T : Option
    {
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => int.TryParse(token.Value, CultureInfo.InvariantCulture, out var number) ? number < least || number > most : most < int.MaxValue))
                result.AddError($"{option.Name} '{token.Value}' must be {(most == int.MaxValue ? $"at least {least}" : $"a whole number from {least} to {most}")}.");
        });
        return option;
    }

    private static void Check(SymbolResult result, string name, string[] words)
    {
        foreach (var token in result.Tokens.Where(token => token.Value.Length > 0 && !words.Contains(token.Value)))
            result.AddError($"{name} '{token.Value}' must be one of {string.Join(", ", words)}.");
    }
}
