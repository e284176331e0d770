namespace Registry.WebRtc.Sctp;

/// <summary>Counters of one association at one moment.</summary>
internal readonly record struct SctpStatistics
{
    public long PacketsSent { get; init; }
    public long PacketsReceived { get; init; }
    public long PacketsDiscarded { get; init; }
    /// <summary>DATA chunks sent again, for whatever reason.</summary>
    public long Retransmissions { get; init; }
    /// <summary>Expirations of the retransmission timer.</summary>
    public long Timeouts { get; init; }
    /// <summary>Messages given up because of their reliability limits.</summary>
    public long MessagesAbandoned { get; init; }
    public TimeSpan? RoundTripTime { get; init; }
    public long CongestionWindow { get; init; }
    public long PeerReceiveWindow { get; init; }
    /// <summary>Largest packet known to arrive, in bytes of SCTP.</summary>
    public int PacketSize { get; init; }
    /// <summary>DATA chunks sent and not acknowledged.</summary>
    public int UnacknowledgedChunks { get; init; }
    /// <summary>User bytes in flight.</summary>
    public long BytesInFlight { get; init; }
    /// <summary>Incoming streams whose state is kept ready; of others that were used only the position is.</summary>
    public int IncomingStreams { get; init; }
    /// <summary>Outgoing streams that were used or are to be reset.</summary>
    public int OutgoingStreams { get; init; }
    /// <summary>Bytes of the receive window in use, with the overhead charged per message and per stream that waits.</summary>
    public long ReceiveBufferUsed { get; init; }
    /// <summary>Bytes accepted for sending and not yet acknowledged.</summary>
    public long SendBufferUsed { get; init; }
}
