namespace Registry.WebRtc.Sctp;

/// <summary>CUBIC (RFC 9438) with slow start by byte counting (RFC 3465).</summary>
internal sealed class CubicCongestionController(int packetSize, int initialPackets) : ICongestionController
{
    private const double Beta = 0.7;    // RFC 9438 §4.6
    private const double C = 0.4;       // RFC 9438 §5.1
    private const double RenoAlpha = 3 * (1 - Beta) / (1 + Beta); // RFC 9438 §4.3
    private double window = (double)initialPackets * packetSize;
    private double slowStartThreshold = double.MaxValue;
    private double windowMax;
    private double renoWindow;
    private double k;
    private long epochStart = -1;
    private (double Window, double Threshold, double Max) before;

    public int PacketSize { private get; set; } = packetSize;

    public long Window => (long)window;

    public double PacingRate => 0;

    public void OnAcknowledged(in PathSample sample)
    {
        if (!sample.IsWindowLimited || sample.IsInRecovery)
            return;
        var (now, bytes) = (sample.Now, sample.AcknowledgedBytes);
        if (window < slowStartThreshold)
        {
            window += bytes;
            return;
        }
        if (epochStart < 0)
            StartEpoch(now);
        renoWindow += RenoAlpha * bytes * PacketSize / window;
        var target = Math.Clamp(CubicWindow(now - epochStart + sample.SmoothedRoundTrip), window, 1.5 * window);
        var grown = window + (target - window) * bytes / window;
        window = Math.Max(grown, renoWindow);
    }

    public void OnLoss(long now)
    {
        before = (window, slowStartThreshold, windowMax);
        ReduceThreshold();
        window = slowStartThreshold;
    }

    public void OnTimeout(long now, bool repeated)
    {
        // A repeated timeout says nothing new about the path's capacity (RFC 9260 §7.2.3 would shrink the threshold to its floor).
        if (!repeated)
        {
            before = (window, slowStartThreshold, windowMax);
            ReduceThreshold();
        }
        // Lets one packet out: what is acknowledged next shows whether the timer was early (RFC 5682).
        window = PacketSize / 2.0;
    }

    public void Undo()
    {
        if (before.Window <= window)
            return;
        (window, slowStartThreshold, windowMax) = before;
        epochStart = -1;
    }

    private void ReduceThreshold()
    {
        // Fast convergence (RFC 9438 §4.7).
        windowMax = window < windowMax ? window * (1 + Beta) / 2 : window;
        slowStartThreshold = Math.Max(window * Beta, 2.0 * PacketSize);
        epochStart = -1;
    }

    private void StartEpoch(long now)
    {
        epochStart = now;
        renoWindow = window;
        windowMax = Math.Max(windowMax, window);
        k = Math.Cbrt((windowMax - window) / PacketSize / C);
    }

    private double CubicWindow(long ticks)
    {
        var t = (double)ticks / TimeSpan.TicksPerSecond - k;
        return C * t * t * t * PacketSize + windowMax;
    }
}
