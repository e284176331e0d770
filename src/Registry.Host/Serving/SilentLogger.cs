using Akka.Event;

namespace Registry.Host.Serving;

/// <summary>What Akka logs before its loggers run and after they have ended goes nowhere.</summary>
internal sealed class SilentLogger : MinimalLogger
{
    protected override void Log(object message) { }
}
