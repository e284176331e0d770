using Serilog.Core;
using Serilog.Events;

namespace Registry.Host.Serving;

/// <summary>What is logged now: the least level may change while the program runs.</summary>
/// <param name="settings">What the program was started with.</param>
internal sealed class LogThreshold(LogSettings settings)
{
    private volatile LogSettings settings = settings;

    public LogSettings Settings => settings;

    /// <summary>Keeps what nobody wants from being put together. The levels of Serilog have the same numbers.</summary>
    public LoggingLevelSwitch Switch { get; } = new((LogEventLevel)settings.LeastOfActors);

    /// <summary>Changes the least level of what has none of its own.</summary>
    public void Change(LogLevel level)
    {
        settings = settings with { Level = level };
        Switch.MinimumLevel = (LogEventLevel)settings.LeastOfActors;
    }
}
