namespace Registry.WebRtc.Ice;

/// <summary>What a pair has seen. Written by the agent's owner, one call at a time; any thread may read.</summary>
internal sealed class IcePairCounters
{
    private const long NotMeasured = -1;

    public long PacketsSent;
    public long PacketsReceived;
    public long BytesSent;
    public long BytesReceived;
    public long RequestsSent;
    public long RequestsReceived;
    public long ResponsesSent;
    public long ResponsesReceived;
    public long ConsentRequestsSent;

    // Ticks: a TimeSpan? is two words and could be read half old and half new.
    private long currentRoundTrip = NotMeasured;
    private long totalRoundTrip;

    /// <summary>Time from the last check to its answer, or null before one could be measured.</summary>
    public TimeSpan? CurrentRoundTripTime => Volatile.Read(ref currentRoundTrip) is var ticks and not NotMeasured ? new(ticks) : null;

    public TimeSpan TotalRoundTripTime => new(Volatile.Read(ref totalRoundTrip));

    public void AddRoundTrip(TimeSpan roundTrip)
    {
        currentRoundTrip = roundTrip.Ticks;
        totalRoundTrip += roundTrip.Ticks;
    }
}
