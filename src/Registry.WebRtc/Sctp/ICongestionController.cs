namespace Registry.WebRtc.Sctp;

/// <summary>What an acknowledgement says about the path. Times are in ticks, bytes include chunk headers.</summary>
internal readonly record struct PathSample
{
    public long Now { get; init; }
    /// <summary>Newly acknowledged.</summary>
    public long AcknowledgedBytes { get; init; }
    /// <summary>Newly counted as lost.</summary>
    public long LostBytes { get; init; }
    /// <summary>In flight before this acknowledgement and after it.</summary>
    public long FlightBefore { get; init; }
    public long Flight { get; init; }
    /// <summary>Delivered over the association, and the same when the newest packet acknowledged was sent.</summary>
    public long Delivered { get; init; }
    public long DeliveredBefore { get; init; }
    /// <summary>Bytes delivered a second over the time that packet was under way; 0 when this says nothing.</summary>
    public double DeliveryRate { get; init; }
    /// <summary>Whether it was the application or the peer's window, not the path, that limited that rate.</summary>
    public bool IsApplicationLimited { get; init; }
    /// <summary>Whether the congestion window was what limited sending.</summary>
    public bool IsWindowLimited { get; init; }
    /// <summary>Whether losses found by acknowledgements are being repaired.</summary>
    public bool IsInRecovery { get; init; }
    /// <summary>Round trip measured by this acknowledgement; 0 for none.</summary>
    public long RoundTrip { get; init; }
    public long SmoothedRoundTrip { get; init; }
}

/// <summary>Decides how many bytes may be in flight and how fast they go out. Times are in ticks.</summary>
internal interface ICongestionController
{
    /// <summary>The congestion window in bytes.</summary>
    long Window { get; }

    /// <summary>Bytes of a packet.</summary>
    int PacketSize { set; }

    /// <summary>Bytes a second to send at; 0 when the window alone decides.</summary>
    double PacingRate { get; }

    /// <summary>Data was acknowledged.</summary>
    void OnAcknowledged(in PathSample sample);

    /// <summary>Loss was found by acknowledgements; called once per loss episode.</summary>
    void OnLoss(long now);

    /// <summary>The retransmission timer expired; called for the first expiration of an episode and for the repeated ones.</summary>
    void OnTimeout(long now, bool repeated);

    /// <summary>Everything that was counted as lost since the last <see cref="OnLoss"/> or first <see cref="OnTimeout"/> had arrived: takes back what that did.</summary>
    void Undo();
}
