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

    /// <summary>The same with where the setting stands.</summary>
    /// <param name="sources">Where settings come from; later ones win.</param>
    public SettingFault In(IReadOnlyList<SettingSource> sources)
    {
        var source = sources.LastOrDefault(source => source.Config.GetValue(Key) is not null);
        return this with { Source = source?.Name, Line = source?.LineOf(Key) };
    }

    public override string ToString() => (Source, Line) switch
    {
        ({ } source, { } line) => $"{source}, line {line}: {Message}",
        ({ } source, null) => $"{source}: {Message}",
        _ => Message,
    };
}

/// <summary>The configuration is of no use.</summary>
/// <param name="faults">Everything that was found, in the order of the files.</param>
internal sealed class SettingsException(IReadOnlyList<SettingFault> faults)
    : CommandException(ExitCode.Usage, string.Join(Environment.NewLine, faults))
{
    public IReadOnlyList<SettingFault> Faults => faults;
}
