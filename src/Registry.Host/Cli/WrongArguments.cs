using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Cli;

/// <summary>What is wrong with a command line, in words of this program: those of the parser name types and not what to do.</summary>
internal static class WrongArguments
{
    // So many verbs are named all; more are in the help.
    private const int Few = 5;

    /// <summary>The lines to end with; none when nothing is wrong.</summary>
    /// <param name="result">What became of the words.</param>
    /// <param name="arguments">The words.</param>
    public static IReadOnlyList<string> Of(ParseResult result, IReadOnlyList<string> arguments)
    {
        if (WithOptionForValue(result) is (var valueless, var next))
            return [$"{valueless.Name} needs a value, and '{next}' is the next option: {Named(valueless)}. See 'registry {PathOf(result.CommandResult)}".TrimEnd() + " --help'."];
        var stray = StrayOption(result) ?? Whole(result.UnmatchedTokens, arguments);
        if (stray is null && result.Errors.Count == 0 && !WithoutValue(result).Any())
            return [];
        var at = stray is null ? result.CommandResult : Before(stray, result, arguments);
        var path = PathOf(at);
        // What else is wrong follows from the word that is not known.
        string[] lines = stray is null ? [.. Wrong(result, path)] : [Unknown(stray, at.Command, path, result.CommandResult.Command, arguments)];
        lines[^1] += $" See '{$"registry {path}".TrimEnd()} --help'.";
        return lines;
    }

    // What a word was said to, which need not be the last verb: "get tubes". A verb may be there twice: "tubes ls tubes".
    private static CommandResult Before(string stray, ParseResult result, IReadOnlyList<string> arguments)
    {
        var verbs = new Stack<CommandResult>();
        for (var each = result.CommandResult; each is not null; each = each.Parent as CommandResult)
            verbs.Push(each);
        var at = verbs.Pop();
        foreach (var word in arguments)
        {
            if (verbs.TryPeek(out var next) && word == next.Command.Name)
                at = verbs.Pop();
            else if (word == stray)
                break;
        }

        return at;
    }

    // An argument that may be any word takes one that was meant as an option; behind "--" it was not.
    private static string? StrayOption(ParseResult result) => result.Tokens.Any(token => token.Type == TokenType.DoubleDash)
        ? null
        : result.CommandResult.Tokens.FirstOrDefault(token => token.Value is ['-', _, ..])?.Value;

    // Of "-help", "-h" is known, and the rest is a word that nobody wrote.
    private static string? Whole(IReadOnlyList<string> unmatched, IReadOnlyList<string> arguments) => unmatched is not [var word, ..] ? null
        : arguments.Contains(word) ? word
        : arguments.FirstOrDefault(given => given is ['-', not '-', ..] && given.EndsWith(word, StringComparison.Ordinal) && !given.EndsWith($"={word}", StringComparison.Ordinal)) ?? word;

    private static string Unknown(string word, Command command, string path, Command verb, IReadOnlyList<string> arguments)
    {
        // What it sets may be a secret.
        var name = word.Split('=')[0];
        if (name.StartsWith('-'))
            return verb != command && verb.Options.Any(option => option.Name == name || option.Aliases.Contains(name))
                ? $"'{name}' is an option of {verb.Name}: put it behind that word."
                : Habits.Of(path, name) is null && VerbsWith(name, command).ToArray() is [_, ..] owners ? $"'{name}' belongs behind {OneOf(owners)}."
                : $"'{name}' is no option{Meant(name, path, [.. OptionsOf(command), "--help", .. path.Length == 0 ? ["--version"] : Array.Empty<string>()])}.";
        if (arguments.FirstOrDefault(given => given.StartsWith('-') && given.EndsWith($"={word}", StringComparison.Ordinal)) is { } valued)
            return $"{valued.Split('=')[0]} takes no value, such as '{word}'.";
        if (command.Subcommands.Count > 0)
        {
            string[] verbs = [.. command.Subcommands.Select(each => each.Name)];
            if (verbs.Contains(word))
                return $"'{word}' is behind '--', where no word is a verb.";
            return $"'{word}' is no verb{(Meant(word, path, verbs) is { Length: > 0 } meant ? meant : verbs.Length > Few ? "" : $"; there {(verbs.Length == 1 ? "is" : "are")} {string.Join(", ", verbs)}")}.";
        }

        var takes = command.Arguments is [var argument, ..] ? $"one {Named(argument)}" : $"options only{(name == word ? Habits.WithoutOption(command) : "")}";
        return $"'{(name == word ? word : $"{name}=…")}' is one word too many: {path} takes {takes}.";
    }

    // As they are written behind the command: "ls", or "tubes ls".
    private static IEnumerable<string> VerbsWith(string option, Command command) => command.Subcommands.Where(verb => !verb.Hidden).SelectMany(verb =>
        (verb.Options.Any(each => each.Name == option || each.Aliases.Contains(option)) ? [verb.Name] : Array.Empty<string>()).Concat(VerbsWith(option, verb).Select(below => $"{verb.Name} {below}")));

    private static string OneOf(string[] verbs) => verbs.Length == 1 ? $"the verb {verbs[0]}" : verbs.Length > Few ? $"a verb, such as {verbs[0]}" : $"one of {string.Join(", ", verbs)}";

    private static string VerbsOf(Command command, string path) =>
        $"{path} takes {(command.Subcommands.Count == 1 ? "the verb" : "one of")} {string.Join(", ", command.Subcommands.Select(verb => verb.Name))}";

    private static IEnumerable<string> OptionsOf(Command command) => command.Options.Where(known => !known.Hidden).Select(known => known.Name).Where(name => name.StartsWith("--", StringComparison.Ordinal));

    private static IEnumerable<string> Wrong(ParseResult result, string path)
    {
        var command = result.CommandResult.Command;
        if (command.Action is null && command.Subcommands.Count > 0)
            return [$"{VerbsOf(command, path)}."];
        string[] missing = [.. result.Errors.Where(IsMissing).Select(error => Named(SymbolOf(error.SymbolResult!)))];
        var wrong = result.Errors.Where(error => !IsMissing(error)).Select(TextOf).Concat(WithoutValue(result).Select(option => $"{option.Name} needs a value each time: {Named(option)}.")).Distinct();
        return missing is [] ? wrong : wrong.Append($"{path} needs {string.Join(" and ", new[] { string.Join(", ", missing[..^1]), missing[^1] }.Where(part => part.Length > 0))}.");
    }

    // To the parser what follows an option is its value, another option too.
    private static (Option Option, string Next)? WithOptionForValue(ParseResult result)
    {
        string[] names = [.. result.CommandResult.Command.Options.SelectMany(option => option.Aliases.Prepend(option.Name))];
        return result.CommandResult.Children.OfType<OptionResult>()
            .SelectMany(each => each.Tokens.Where(token => names.Contains(token.Value)).Select(token => ((Option, string)?)(each.Option, token.Value))).FirstOrDefault();
    }

    // To the parser one value is enough for an option that is there several times.
    private static IEnumerable<Option> WithoutValue(ParseResult result) => result.CommandResult.Children.OfType<OptionResult>()
        .Where(each => each is { Option.Arity.MinimumNumberOfValues: > 0, Tokens.Count: > 0 } && each.Tokens.Count < each.IdentifierTokenCount).Select(each => each.Option);

    private static bool IsMissing(ParseError error) => error.SymbolResult is OptionResult { Implicit: true } or ArgumentResult { Tokens.Count: 0, Parent: CommandResult };

    private static Symbol SymbolOf(SymbolResult result) => result is OptionResult option ? option.Option : ((ArgumentResult)result).Argument;

    // As help shows it.
    private static string Named(Symbol symbol) => symbol is Option option ? $"{option.Name} {option.HelpName ?? "VALUE"}" : $"<{symbol.Name}>";

    private static string TextOf(ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Option: var option, Tokens: var given })
            return error.Message;
        if (given.Count == 0)
            return $"{option.Name} needs a value: {Named(option)}.";
        if (given.Count > option.Arity.MaximumNumberOfValues)
            return $"{option.Name} is there {given.Count} times, and takes one value.";
        var kind = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        return IsOf(kind, given[0].Value) || error.Message.StartsWith(option.Name, StringComparison.Ordinal) ? error.Message : $"{option.Name} '{given[0].Value}' must be {Describe(kind, option)}.";
    }

    private static bool IsOf(Type kind, string text) =>
        kind.IsEnum ? Enum.TryParse(kind, text, ignoreCase: true, out _)
        : kind == typeof(ushort) ? ushort.TryParse(text, CultureInfo.InvariantCulture, out _)
        : kind == typeof(int) ? int.TryParse(text, CultureInfo.InvariantCulture, out _)
        : kind != typeof(double) || double.TryParse(text, CultureInfo.InvariantCulture, out _);

    private static string Describe(Type kind, Option option) =>
        kind.IsEnum ? $"one of {string.Join(", ", option.GetCompletions(CompletionContext.Empty).Select(choice => choice.Label))}"
        : kind == typeof(ushort) ? $"a whole number from 0 to {ushort.MaxValue}"
        : kind == typeof(int) ? $"a whole number, at most {int.MaxValue}"
        : "a number";

    private static string Meant(string word, string path, IReadOnlyList<string> known) =>
        Habits.Of(path, word) is { } instead ? $"; {instead}"
        : word == "help" ? "; the nearest is --help"
        : Nearest(word, known) is { } nearest ? $"; the nearest is {nearest}" : "";

    // The first letters, or no more than a third of them mistyped; the dashes of an option are none.
    private static string? Nearest(string word, IReadOnlyList<string> known) =>
        known.FirstOrDefault(each => each.StartsWith(word, StringComparison.OrdinalIgnoreCase)) ?? NearestKey.Of(word, known, most: (word.TrimStart('-').Length + 1) / 3);

    private static string PathOf(CommandResult result) => result.Parent is not CommandResult parent ? "" : $"{PathOf(parent)} {result.Command.Name}".TrimStart();
}
