using System.Globalization;
using System.Text.RegularExpressions;
using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Cli;

namespace Registry.Host.Serving.Settings;

/// <summary>A file or an option that settings come from.</summary>
internal sealed partial class SettingSource
{
    private SettingSource(string name, Config? config) => (Name, Config, IsReadable) = (name, config ?? Config.Empty, config is not null);

    /// <summary>What people know it by: a path, or <c>--set</c>.</summary>
    public string Name { get; }

    /// <summary>What it sets, without <see cref="Faults"/>.</summary>
    public Config Config { get; }

    /// <summary>Whether <see cref="Config"/> has all but what the faults name; otherwise nobody knows what it sets.</summary>
    public bool IsReadable { get; }

    /// <summary>The keys of a file; empty for an option.</summary>
    public IReadOnlyList<SettingLine> Lines { get; private init; } = [];

    // One that comes with the program, where every setting stands.
    private bool IsOwn { get; init; }

    /// <summary>What is wrong with its text, whatever the settings are.</summary>
    public IReadOnlyList<SettingFault> Faults { get; private init; } = [];

    /// <summary>Reads a file; that it cannot be read or is no HOCON is among its faults.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isOwn">Whether it comes with the program.</param>
    public static SettingSource File(string path, bool isOwn = false)
    {
        try
        {
            var lines = SettingLines.Of(System.IO.File.ReadAllText(path));
            SettingFault[] faults = [.. lines.Faults.Select(fault => new SettingFault(fault.Unquoted is { } key && GatewayConfiguration.Keys.Contains(key) ? key : "", fault.Message) { Source = path, Line = fault.Line })];
            SettingFault? refused = null;
            var config = lines.Readable is { } text ? Parse(text, out refused) : null;
            // What the parser says of a text without the settings at fault may come of their absence.
            return new(path, config) { IsOwn = isOwn, Lines = lines.Found, Faults = faults is [] && refused is not null ? [refused with { Source = path }] : faults };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(path, null) { Faults = [new("", $"it cannot be read: {e.Message}") { Source = path }] };
        }
    }

    private static Config? Parse(string text, out SettingFault? refused)
    {
        try
        {
            var config = ConfigurationFactory.ParseString(text);
            refused = EndlessSubstitution.FindIn(config.Root) is { } endless ? new("", $"${{{endless}}} leads back to itself. Write the value instead.") { Line = LineAt(text, Find(text, endless)) } : null;
            return refused is null ? config : null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The parser of the HOCON package throws many kinds; all of them mean the text is wrong. Some show the whole line, which may be a secret.
            var at = Place().Match(e.Message) is { Success: true } place
                ? int.Parse(place.Groups["position"].Value, CultureInfo.InvariantCulture)
                : Unresolved().Match(e.Message) is { Success: true } key ? Find(text, key.Groups["key"].Value) : -1;
            var what = Place().Replace(e.Message.Split('\n')[0], found => at < text.Length ? $" '{text[at]}'" : "").Trim(':', ' ', '\r', '.');
            refused = new("", $"it is not HOCON: {what}.") { Line = LineAt(text, at) };
            return null;
        }
    }

    private static int Find(string text, string substituted) => text.IndexOf($"${{{substituted}}}", StringComparison.Ordinal);

    private static int? LineAt(string text, int position) => position < 0 ? null : 1 + text.AsSpan(0, Math.Min(position, text.Length)).Count('\n');

    [GeneratedRegex(@" at position (?<position>[0-9]{1,9})", RegexOptions.CultureInvariant)]
    private static partial Regex Place();

    [GeneratedRegex(@"^Unresolved substitution: (?<key>\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex Unresolved();

    /// <exception cref="CommandException">The text is not <c>key=value</c>, its value is not HOCON, or it is a secret, which every user of the machine can read in the arguments.</exception>
    public static SettingSource Assignment(string assignment)
    {
        if (assignment.IndexOf('=', StringComparison.Ordinal) is not (> 0 and var separator))
            throw CommandException.Usage($"--set {SettingReader.Quoted(assignment)} must be key=value, such as registry.admission.max-tubes=500.");
        var (key, value) = (assignment[..separator].Trim(), assignment[(separator + 1)..].Trim());
        var text = $"{assignment[..separator]} = {assignment[(separator + 1)..]}";
        SettingFault? refused = null;
        var config = SettingLines.Of(text).Faults is [var fault, ..] ? throw Refuse(fault.Unquoted == key && GatewayConfiguration.Keys.Contains(key) ? $"{fault.Message.TrimEnd('.')}, such as --set {Quoted(key, value)}." : fault.Message) : Parse(text, out refused) ?? throw Refuse(refused!.Message);
        return SecretSettings.FindIn(config) is { } secret
            ? throw CommandException.Usage($"--set {secret}: a secret has no place among arguments, which everybody on this machine can read. Put {secret} into a file that only the gateway's user can read, and give that with --config FILE.conf.")
            : new("--set", config);

        CommandException Refuse(string why) => CommandException.Usage($"--set {SettingReader.Quoted(assignment[..separator])}: {why}");
    }

    // As it is typed: the shell takes the outer quotes away.
    private static string Quoted(string key, string value)
    {
        var isInBrackets = value is ['[', .., ']'];
        var isList = isInBrackets || !GatewayConfiguration.Default.GetValue(key).IsString();
        var text = isInBrackets ? value[1..^1].Trim() : value;
        // Secrets are not repeated, and nobody can tell whether a comma parts two of them.
        var shown = SecretSettings.IsSecret(key, text) || text.AsSpan().ContainsAny("@\"'\\") || isInBrackets && text.Contains(',', StringComparison.Ordinal) ? "…" : text;
        return isList ? $"'{key}=[\"{shown}\"]'" : $"'{key}=\"{shown}\"'";
    }

    /// <summary>Options that stand for settings.</summary>
    public static SettingSource Options(Config config) => new("the command line", config);

    /// <summary>Whether it sets a key, or one within it, to something else than the program comes with.</summary>
    public bool Gives(string key) => Config.GetValue(key) is { } value && (!IsOwn || GatewayConfiguration.Values(value, key).Any(setting =>
        GatewayConfiguration.Default.GetValue(setting.Key) is not { } known || !GatewayConfiguration.Texts(setting.Value).SequenceEqual(GatewayConfiguration.Texts(known))));

    /// <summary>The line that a key stands on, or else that of what holds it or of what it holds; null for none.</summary>
    public int? LineOf(string key)
    {
        key = key.Replace("\"", "", StringComparison.Ordinal); // Lines have no quotes.
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
