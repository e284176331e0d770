using Serilog.Core;
using Serilog.Events;

namespace Registry.Host.Serving;

/// <summary>The least level that is logged; it may change while the program runs.</summary>
internal sealed class LogThreshold(LogLevel level)
{
    /// <summary>The same for Serilog, whose levels have the same numbers.</summary>
    public LoggingLevelSwitch Switch { get; } = new((LogEventLevel)level);

    public LogLevel Level
    {
        get => (LogLevel)Switch.MinimumLevel;
        set => Switch.MinimumLevel = (LogEventLevel)value;
    }
}
