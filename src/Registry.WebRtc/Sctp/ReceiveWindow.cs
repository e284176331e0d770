namespace Registry.WebRtc.Sctp;

/// <summary>
/// How much may wait for the application: grows with what arrives in a round trip, as long as the application keeps up, so that the
/// window follows the path and an idle association promises little. Times are in ticks.
/// </summary>
/// <param name="minimum">Bytes at first.</param>
/// <param name="maximum">Bytes it may grow to; at or below <paramref name="minimum"/> it does not grow.</param>
internal sealed class ReceiveWindow(long minimum, long maximum)
{
    /// <summary>A sender may triple its rate in a round trip while it looks for the path's capacity; the rest covers what waits.</summary>
    private const int Headroom = 4;

    /// <summary>On a path shorter than this, scheduling and not the path sets the time that data takes.</summary>
    private const long ShortestRound = 4 * TimeSpan.TicksPerMillisecond;

    private long growth;
    private long roundStart;
    private long arrived;

    /// <summary>Bytes, with the overhead charged per message.</summary>
    public long Capacity => minimum + growth;

    /// <summary>Takes note of new data.</summary>
    /// <param name="now">The time.</param>
    /// <param name="bytes">User bytes that arrived.</param>
    /// <param name="roundTrip">The path's round trip.</param>
    /// <param name="untaken">Bytes that wait for the application.</param>
    public void OnArrival(long now, int bytes, long roundTrip, long untaken)
    {
        arrived += bytes;
        var elapsed = now - roundStart;
        var round = Math.Max(roundTrip, ShortestRound);
        if (elapsed < round)
            return;
        // A pause is not a slow round; what came after it is.
        if (elapsed < 2 * round && Capacity < maximum && untaken <= Capacity / 2)
            growth = Math.Clamp(Headroom * (arrived * round / elapsed) - minimum, growth, maximum - minimum);
        roundStart = now;
        arrived = 0;
    }

    /// <summary>Goes back to the size of the start after an idle time.</summary>
    public void Shrink() => growth = 0;
}
