using Akka.Configuration;
using Registry.Host.Cli;

namespace Registry.Host.Serving.Settings;

/// <summary>A file or an option that settings come from.</summary>
internal sealed class SettingSource
{
    private SettingSource(string name, Config config, IReadOnlyList<SettingLine> lines) => (Name, Config, Lines) = (name, config, lines);

    /// <summary>What people know it by: a path, or <c>--set</c>.</summary>
    public string Name { get; }

    public Config Config { get; }

    /// <summary>The keys of a file; empty for an option.</summary>
    public IReadOnlyList<SettingLine> Lines { get; }

    /// <exception cref="CommandException">The file cannot be read or is not HOCON.</exception>
    public static SettingSource File(string path)
    {
        try
        {
            var text = System.IO.File.ReadAllText(path);
            var lines = SettingLines.Of(text, out var fault);
            return fault is null ? new(path, ConfigurationFactory.ParseString(text), lines) : throw CommandException.Usage($"{path}, {fault}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"{path} cannot be read: {e.Message}");
        }
        catch (Exception e) when (e is not (OutOfMemoryException or CommandException))
        {
            // The parser of the HOCON package throws many kinds; all of them mean the text is wrong.
            throw CommandException.Usage($"{path} is not HOCON: {e.Message}");
        }
    }

    /// <exception cref="CommandException">The text is not <c>key=value</c>, its value is not HOCON, or it is a secret, which every user of the machine can read in the arguments.</exception>
    public static SettingSource Assignment(string assignment)
    {
        if (assignment.IndexOf('=', StringComparison.Ordinal) is not (> 0 and var separator))
            throw CommandException.Usage($"--set '{assignment}' must be key=value, such as registry.admission.max-tubes=500.");
        Config config;
        try
        {
            var text = $"{assignment[..separator]} = {assignment[(separator + 1)..]}";
            _ = SettingLines.Of(text, out var fault);
            config = fault is null ? ConfigurationFactory.ParseString(text) : throw CommandException.Usage($"--set '{assignment[..separator]}': {fault}");
        }
        catch (Exception e) when (e is not (OutOfMemoryException or CommandException))
        {
            throw CommandException.Usage($"--set '{assignment[..separator]}' is not HOCON: {e.Message}");
        }

        return SecretSettings.FindIn(config) is { } secret
            ? throw CommandException.Usage($"--set {secret}: a secret has no place among arguments, which everybody on this machine can read. Put {secret} into a file that only the gateway's user can read, and give that with --config FILE.conf.")
            : new("--set", config, []);
    }

    /// <summary>Options that stand for settings.</summary>
    public static SettingSource Options(Config config) => new("the command line", config, []);

    /// <summary>The line that a key stands on, or else that of what holds it or of what it holds; null for none.</summary>
    public int? LineOf(string key)
    {
        int? near = null;
        foreach (var (known, line) in Lines)
        {
            // The last one wins, as it does in HOCON.
            if (known == key)
                near = line;
            else if (near is null && (known.StartsWith($"{key}.", StringComparison.Ordinal)))
                near = line;
        }

        return near;
    }
}
