using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Security;

namespace Registry.Host.Serving.Settings;

/// <summary>The section <c>registry.log</c>, checked.</summary>
/// <param name="Level">The least level that is logged.</param>
internal sealed record LogSettings(LogLevel Level)
{
    /// <summary>Reads the section, with the defaults behind it.</summary>
    /// <exception cref="ConfigurationException">A value is of no use; the message names its key.</exception>
    public static LogSettings From(Config config) => new(new SettingReader(config.WithFallback(SecuritySettings.Default)).Choice(
        "log.level", ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error)));
}
