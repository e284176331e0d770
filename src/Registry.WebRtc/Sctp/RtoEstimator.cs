namespace Registry.WebRtc.Sctp;

/// <summary>Round-trip estimation and the retransmission timeout (RFC 9260 §6.3.1, RFC 6298). Times are in ticks.</summary>
internal sealed class RtoEstimator(SctpOptions options)
{
    private readonly long initial = options.InitialRto.Ticks;
    private readonly long minimumMargin = options.MinimumRto.Ticks;
    private readonly long maximum = options.MaximumRto.Ticks;
    private long variance;
    private long nextSample = long.MinValue;
    private int backoff;

    public bool HasSample { get; private set; }

    /// <summary>Smoothed round trip, or the initial timeout before one was measured.</summary>
    public long SmoothedRtt { get; private set; } = options.InitialRto.Ticks;

    public long MinimumRtt { get; private set; } = long.MaxValue;

    /// <summary>The timeout with the back-off of consecutive expirations.</summary>
    public long Rto
    {
        get
        {
            var rto = HasSample ? SmoothedRtt + Math.Max(minimumMargin, 4 * variance) : initial;
            return Math.Min(maximum, rto << Math.Min(backoff, 16));
        }
    }

    /// <summary>Takes a measurement of something that was sent once (Karn); the average moves once per round trip.</summary>
    public void AddSample(long now, long rtt)
    {
        MinimumRtt = Math.Min(MinimumRtt, rtt);
        if (now < nextSample)
            return;
        if (HasSample)
        {
            variance += (Math.Abs(SmoothedRtt - rtt) - variance) / 4;
            SmoothedRtt += (rtt - SmoothedRtt) / 8;
        }
        else
        {
            HasSample = true;
            SmoothedRtt = rtt;
            variance = rtt / 2;
        }
        nextSample = now + SmoothedRtt;
    }

    public void BackOff() => backoff++;

    public void ResetBackOff() => backoff = 0;
}
