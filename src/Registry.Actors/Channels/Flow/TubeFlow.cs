namespace Registry.Actors.Channels.Flow;

/// <summary>The bytes of one tube that wait in memory, each way, how many may pass in a second, and what its peer was denied; shared by its channels.</summary>
/// <param name="limits">The bounds.</param>
/// <param name="rates">What limits the rate, which the tube ends; null for nothing.</param>
internal sealed class TubeFlow(FlowLimits limits, TubeRates? rates = null) : IDisposable
{
    /// <summary>Bytes of fragments that may wait for the rest of their payloads: one of the longest that the original splits.</summary>
    public const int MaxFragments = FragmentHeader.MaxTotal * 17 * 1024;

    private long promised;

    /// <summary>The bounds.</summary>
    public FlowLimits Limits => limits;

    /// <summary>What was read from local sockets and is not yet in the data channel.</summary>
    public QueuedBytes Sending { get; } = new(limits.TubeLimit);

    /// <summary>What came from the peer and is not yet in a local socket.</summary>
    public QueuedBytes Receiving { get; } = new(limits.TubeLimit);

    /// <summary>Fragments of payloads that are not complete.</summary>
    public QueuedBytes Fragments { get; } = new(MaxFragments);

    /// <summary>Targets that were denied.</summary>
    public DeniedTargets Denied { get; } = new();

    /// <summary>A further connection's share of the rate to the peer.</summary>
    public RateShare ShareSending() => new(rates?.Sending ?? []);

    /// <summary>A further connection's share of the rate from the peer.</summary>
    public RateShare ShareReceiving() => new(rates?.Receiving ?? []);

    /// <summary>What peers have credit for or what waits of it, all connections together. Bounded by good manners only: <see cref="Receiving"/> is the bound.</summary>
    public long Promised => Volatile.Read(ref promised);

    /// <summary>Counts credit that was given (positive), or that was used and whose bytes went on (negative).</summary>
    public void PromisedChanged(int by) => Interlocked.Add(ref promised, by);

    public void Dispose() => rates?.Dispose();
}
