using System.CommandLine;

namespace Registry.Host.Cli;

/// <summary>What a client shows a gateway. It comes from a file only: arguments and environments are read by others.</summary>
internal static class GatewayKey
{
    /// <summary>The environment variable that names the file when the option does not.</summary>
    public const string Variable = "REGISTRY_KEY_FILE";

    /// <summary>The key; null when none is given.</summary>
    /// <exception cref="CommandException">The file cannot be read or holds something else.</exception>
    public static string? Read(ParseResult result)
    {
        if ((result.GetValue(SharedOptions.KeyFile) ?? Environment.GetEnvironmentVariable(Variable)) is not { Length: > 0 } file)
            return null;
        try
        {
            var key = File.ReadAllText(file).Trim();
            return key.Length > 0 && key.All(c => char.IsAscii(c) && !char.IsControl(c) && c != ' ') ? key : throw CommandException.Usage($"--key-file {file} must hold one key or token and nothing else.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"--key-file {file} cannot be read: {e.Message}");
        }
    }
}
