using Registry.Host.Cli;

namespace Registry.Host.Serving.Settings;

/// <summary>What is wrong with a setting.</summary>
/// <param name="Key">The setting.</param>
/// <param name="Message">What it is or must be, naming it.</param>
internal sealed record SettingFault(string Key, string Message)
{
    /// <summary>The file or option that says it; null for none.</summary>
    public string? Source { get; init; }

    /// <summary>The line of that file, from 1; null where it is an option.</summary>
    public int? Line { get; init; }

    /// <summary>The setting that was probably meant; null for none.</summary>
    public string? Nearest { get; init; }

    /// <summary>The same with where the setting stands, or else, where somebody is to set it, with what they set beside it.</summary>
    /// <param name="sources">Where settings come from; later ones win.</param>
    public SettingFault In(IReadOnlyList<SettingSource> sources)
    {
        for (var key = Key; key.Contains('.', StringComparison.Ordinal); key = key[..key.LastIndexOf('.')])
            if (sources.LastOrDefault(source => source.Gives(key)) is { } source)
                return this with { Source = source.Name, Line = source.LineOf(key) };
        return this;
    }

    /// <summary>Faults in the order of where they stand: source, then line; what has none of them comes last.</summary>
    /// <param name="faults">The faults.</param>
    /// <param name="sources">Where settings come from.</param>
    public static IReadOnlyList<SettingFault> InOrder(IEnumerable<SettingFault> faults, IReadOnlyList<SettingSource> sources)
    {
        var names = sources.Select(source => source.Name).Distinct().ToList();
        return [.. faults.OrderBy(fault => fault.Source is { } source ? names.IndexOf(source) : names.Count).ThenBy(fault => fault.Line ?? int.MaxValue)];
    }

    public override string ToString() => (Source, Line) switch
    {
        ({ } source, { } line) => $"{source}, line {line}: {Message}",
        ({ } source, null) => $"{source}: {Message}",
        _ => Message,
    };
}

/// <summary>The configuration is of no use.</summary>
/// <param name="faults">Everything that was found, one at least.</param>
internal sealed class SettingsException(IReadOnlyList<SettingFault> faults)
    : CommandException(ExitCode.Usage, string.Join(Environment.NewLine, faults))
{
    /// <param name="key">The setting.</param>
    /// <param name="message">What is wrong with it, naming it.</param>
    public SettingsException(string key, string message) : this([new(key, message)]) { }

    public IReadOnlyList<SettingFault> Faults => faults;
}
