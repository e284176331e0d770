using System.Runtime.InteropServices;

namespace Registry.Host.Cli;

/// <summary>Signals that tell a process to end: the first one stops its work in order, and one that comes a second later or more ends it at once.</summary>
/// <param name="stop">Stops the work.</param>
/// <param name="time">The clock.</param>
internal sealed class StopSignals(Action stop, TimeProvider time)
{
    // "timeout" and shells tell a process and then its group: that is one signal.
    private static readonly TimeSpan OneSignal = TimeSpan.FromSeconds(1);

    private long first;

    /// <summary>Takes one.</summary>
    public void Take(PosixSignalContext signal)
    {
        var isFirst = Interlocked.CompareExchange(ref first, time.GetTimestamp(), 0) == 0;
        signal.Cancel = isFirst || time.GetElapsedTime(Interlocked.Read(ref first)) < OneSignal;
        if (isFirst)
            stop();
    }
}
