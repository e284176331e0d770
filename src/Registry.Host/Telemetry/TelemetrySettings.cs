using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Security;
using Registry.Host.Serving;

namespace Registry.Host.Telemetry;

/// <summary>The section <c>registry.telemetry</c>, checked.</summary>
internal sealed record TelemetrySettings
{
    private TelemetrySettings() { }

    /// <summary>Where spans are sent, an OTLP receiver over HTTP; null for nowhere.</summary>
    public Uri? OtlpEndpoint { get; private init; }

    /// <summary>How many of a hundred traces that nobody upstream decided about are recorded.</summary>
    public int TracePercent { get; private init; }

    /// <summary>What is logged, and how.</summary>
    public LogSettings Log { get; private init; } = new();

    /// <summary>Reads the section, with the defaults of <c>gateway.conf</c> behind it.</summary>
    /// <exception cref="ConfigurationException">A value is of no use; the message names its key.</exception>
    public static TelemetrySettings From(Config config)
    {
        var reader = new SettingReader(config.WithFallback(SecuritySettings.Default));
        return new()
        {
            OtlpEndpoint = reader.Url("telemetry.otlp-endpoint"),
            TracePercent = reader.Integer("telemetry.trace-percent", 0, 100),
            Log = new()
            {
                Format = reader.Choice("telemetry.log.format", LogSettings.FormatNames),
                Level = reader.Choice("telemetry.log.level", LogSettings.LevelNames),
                Levels = [.. reader.Texts("telemetry.log.levels").Select(ReadLevel)],
            },
        };
    }

    private static (string Category, LogLevel Level) ReadLevel(string text)
    {
        var separator = text.LastIndexOf('=');
        var name = text[(separator + 1)..].Trim();
        foreach (var (level, value) in LogSettings.LevelNames)
            if (separator > 0 && level == name)
                return (text[..separator].Trim(), value);
        throw SettingReader.Wrong("registry.telemetry.log.levels", $"a list such as [\"Microsoft.AspNetCore = information\"], of the levels {string.Join(", ", LogSettings.LevelNames.Select(l => l.Text))}; {SettingReader.Quoted(text)} is not", null);
    }
}
