using System.CommandLine;

namespace Registry.Host.Cli;

/// <summary>What a client shows a gateway. It comes from a file only: arguments and environments are read by others.</summary>
internal static class GatewayKey
{
    /// <summary>The environment variable that names the file when the option does not.</summary>
    public const string Variable = "REGISTRY_KEY_FILE";

    /// <summary>The key for some gateways; null when none is given. Says on standard error when one of them gets it in the clear.</summary>
    /// <exception cref="CommandException">The file cannot be read or holds something else.</exception>
    public static string? Read(ParseResult result, params IEnumerable<Uri> gateways)
    {
        var key = Read(result);
        if (key is not null && gateways.FirstOrDefault(gateway => gateway.Scheme == Uri.UriSchemeHttp && !gateway.IsLoopback) is { } open)
            result.InvocationConfiguration.Error.WriteLine($"registry: WARNING: the key goes to {open.GetLeftPart(UriPartial.Authority)} unencrypted: whoever is on the way can read and use it. Use https://, or a tunnel to the gateway's loopback; if others can have read it, replace it.");
        return key;
    }

    /// <summary>The key as the file has it now, for a gateway that does not take the one of before: one that expires is replaced there. Null when there is none of use.</summary>
    public static string? ReadAgain(ParseResult result)
    {
        try
        {
            return Read(result);
        }
        catch (CommandException)
        {
            return null; // It may be written just now; the gateway's refusal is told.
        }
    }

    private static string? Read(ParseResult result)
    {
        var (source, path) = result.GetValue(SharedOptions.KeyFile) is { } option ? (SharedOptions.KeyFile.Name, option) : (Variable, Environment.GetEnvironmentVariable(Variable));
        if (path is not { Length: > 0 } file)
            return null;
        try
        {
            var key = File.ReadAllText(file).Trim();
            return key.Length > 0 && key.All(c => char.IsAscii(c) && !char.IsControl(c) && c != ' ') ? key : throw CommandException.Usage($"{source} {file} must hold one key or token and nothing else.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"{source} {file} cannot be read: {e.Message}");
        }
    }
}
