using System.CommandLine;
using System.CommandLine.Parsing;
using Registry.Host.Security;

namespace Registry.Host.Cli;

/// <summary><c>keys new</c>: makes an API key.</summary>
internal static class KeysCommand
{
    private static readonly Argument<string> Id = new("ID") { Description = "What the key is called: 1 to 64 of the characters A-Z, a-z, 0-9, '-' and '.'." };

    private static readonly Option<string[]> Role = new("--role") { Description = "viewer (sees all tubes), creator (makes, sees and closes tubes of its owner) or operator (may do everything). May be repeated.", HelpName = "ROLE", Required = true, CompletionSources = { Roles.All.ToArray() }, Validators = { Check } };

    private static readonly Option<string?> Owner = new("--owner") { Description = "Whose the tubes are that a creator makes; a creator needs one.", HelpName = "NAME" };

    private static readonly Option<string> KeyFile = new("--key-file") { Description = "New file for the key, which only you can read; for the client's --key-file.", HelpName = "FILE", Required = true };

    public static Command Create()
    {
        var make = new Command("new", "Make a key: it goes into a file for the client, and its line for the gateway's registry.auth.keys to standard output.") { Id, Role, Owner, KeyFile };
        make.SetAction((result, _) => CommandLine.RunAsync(result, async _ =>
        {
            var (key, line) = ApiKeys.Create(result.GetRequiredValue(Id), result.GetRequiredValue(Role), result.GetValue(Owner));
            await WriteAsync(result.GetRequiredValue(KeyFile), key);
            await result.InvocationConfiguration.Output.WriteLineAsync(line);
            return ExitCode.Ok;
        }));
        return new("keys", "Make API keys for a gateway.") { make };
    }

    // With what else is wrong, before anything is made.
    private static void Check(OptionResult roles)
    {
        foreach (var role in roles.Tokens.Select(token => token.Value).Except(Roles.All))
            roles.AddError($"--role '{role}' is no role; there are {string.Join(", ", Roles.All)}.");
        if (roles.Tokens.Any(token => token.Value == Roles.Creator) && roles.GetResult(Owner) is null)
            roles.AddError("a creator needs an owner: --owner NAME.");
    }

    private static async Task WriteAsync(string file, string key)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            await using var writer = new StreamWriter(file, options);
            await writer.WriteLineAsync(key);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"--key-file {file} cannot be written: {e.Message}");
        }
    }
}
