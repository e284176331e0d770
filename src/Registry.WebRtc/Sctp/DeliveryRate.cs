namespace Registry.WebRtc.Sctp;

/// <summary>What had been delivered when a packet was sent. Times are in ticks.</summary>
/// <param name="Delivered">Bytes delivered so far.</param>
/// <param name="DeliveredAt">When the last of them was acknowledged.</param>
/// <param name="FirstSentAt">When the packet was sent whose acknowledgement that was.</param>
/// <param name="IsApplicationLimited">Whether something other than the path limited what was sent.</param>
internal readonly record struct DeliverySnapshot(long Delivered, long DeliveredAt, long FirstSentAt, bool IsApplicationLimited);

/// <summary>
/// Samples of the rate at which the path delivers (draft-ietf-ccwg-bbr, delivery rate samples): what was delivered while a packet was
/// under way over that time, the longer of sending and acknowledging it, so that bunched acknowledgements do not count as bandwidth.
/// </summary>
internal sealed class DeliveryRate
{
    private long deliveredAt;
    private long firstSentAt;
    private long limitedUntil = -1;

    /// <summary>Bytes acknowledged over the association.</summary>
    public long Delivered { get; private set; }

    /// <summary>Notes a transmission.</summary>
    public DeliverySnapshot OnSent(long now, bool pathIsEmpty)
    {
        if (pathIsEmpty)
            deliveredAt = firstSentAt = now;
        return new(Delivered, deliveredAt, firstSentAt, limitedUntil >= 0);
    }

    /// <summary>Nothing more is to be sent for now although the path would take it.</summary>
    public void OnApplicationLimited(long flight) => limitedUntil = Delivered + flight;

    /// <summary>Takes an acknowledgement and returns the rate in bytes a second, 0 when it is too short to tell.</summary>
    public double OnAcknowledged(long now, in AcknowledgementSummary summary, long minimumRoundTrip)
    {
        Delivered += summary.Bytes;
        deliveredAt = now;
        if (Delivered > limitedUntil)
            limitedUntil = -1;
        if (summary.NewestOrder == 0)
            return 0;
        var sent = summary.NewestDelivery;
        firstSentAt = summary.NewestSentAt;
        var interval = Math.Max(summary.NewestSentAt - sent.FirstSentAt, now - sent.DeliveredAt);
        return interval <= 0 || interval < minimumRoundTrip ? 0 : (Delivered - sent.Delivered) * (double)TimeSpan.TicksPerSecond / interval;
    }
}
