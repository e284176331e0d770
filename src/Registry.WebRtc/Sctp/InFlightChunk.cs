namespace Registry.WebRtc.Sctp;

/// <summary>What is known about a chunk that has a TSN.</summary>
internal enum ChunkState : byte
{
    /// <summary>Sent and neither acknowledged nor counted as lost.</summary>
    Outstanding,
    /// <summary>Counted as lost; waits to be sent again.</summary>
    Lost,
    /// <summary>Acknowledged by a gap block.</summary>
    Acknowledged,
    /// <summary>Given up (RFC 3758); skipped by FORWARD TSN.</summary>
    Abandoned,
}

/// <summary>A fragment that was sent and is not yet cumulatively acknowledged.</summary>
internal struct InFlightChunk
{
    public OutboundMessage Message;
    public long SentAt;
    /// <summary>Number of the transmission, counted over the association: tells which of two chunks was sent later.</summary>
    public long Order;
    /// <summary>The state of delivery when it was sent.</summary>
    public DeliverySnapshot Delivery;
    public int Offset;
    /// <summary>Number of the fragment in its message.</summary>
    public uint Fragment;
    public uint Previous;
    public uint Next;
    public ushort Length;
    public ushort Transmissions;
    public byte Flags;
    public ChunkState State;
    public bool IsLastOfMessage;
    /// <summary>A gap block had acknowledged it when it was counted as lost with all others; to hear so again is no news.</summary>
    public bool WasAcknowledged;

    /// <summary>Bytes that count against the congestion window.</summary>
    public readonly int FlightBytes => Length + DataChunk.HeaderLength;
}

/// <summary>What one SACK newly acknowledged.</summary>
internal struct AcknowledgementSummary
{
    public long Bytes;
    public bool CumulativeAdvanced;
    /// <summary>Send time of the newest transmission acknowledged, valid when <see cref="NewestOrder"/> is above 0.</summary>
    public long NewestSentAt;
    public long NewestOrder;
    /// <summary>Whether that one was sent only once, so that it measures the round trip (Karn).</summary>
    public bool NewestIsUnambiguous;
    /// <summary>The state of delivery when that one was sent.</summary>
    public DeliverySnapshot NewestDelivery;
    /// <summary>Chunks now known to have arrived although they had been counted as lost and were not sent again.</summary>
    public int FoundAlive;
    /// <summary>A chunk that was sent once was acknowledged after a later one: the path reorders.</summary>
    public bool ReorderingSeen;
}
