namespace Registry.WebRtc.Sctp;

/// <summary>
/// Spreads what a window allows over time. Credit grows with time and is spent by sending, so a sender that is woken late sends what
/// it might have sent meanwhile: the rate does not depend on how fine timers are. Times are in ticks.
/// </summary>
/// <param name="packetSize">Bytes of a packet at first.</param>
internal sealed class Pacer(int packetSize)
{
    /// <summary>Time whose credit is kept: what one wake-up may send at once.</summary>
    private const double LongestBurst = 0.01;

    /// <summary>Time between two wake-ups while credit is used up.</summary>
    private const double Interval = 0.001;
    private const int LeastBurst = 10;
    private const int LeastWake = 2;

    private double credit = LeastBurst * packetSize;
    private long updated;

    public int PacketSize { private get; set; } = packetSize;

    /// <summary>When sending may go on; <see cref="long.MaxValue"/> while nothing waits for that.</summary>
    public long Deadline { get; private set; } = long.MaxValue;

    /// <summary>Whether a packet may go out now; otherwise <see cref="Deadline"/> says when.</summary>
    /// <param name="now">The time.</param>
    /// <param name="rate">Bytes a second; 0 for no limit.</param>
    public bool MaySend(long now, double rate)
    {
        Deadline = long.MaxValue;
        if (rate <= 0)
            return true;
        credit = Math.Min(Math.Max(LeastBurst * PacketSize, rate * LongestBurst), credit + rate * Math.Max(0, now - updated) / TimeSpan.TicksPerSecond);
        updated = now;
        if (credit > 0)
            return true;
        var missing = Math.Max(LeastWake * PacketSize, rate * Interval) - credit;
        Deadline = now + 1 + (long)(missing / rate * TimeSpan.TicksPerSecond);
        return false;
    }

    public void OnSent(long bytes) => credit -= bytes;

    public void Clear() => Deadline = long.MaxValue;
}
