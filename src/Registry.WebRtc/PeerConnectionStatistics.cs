namespace Registry.WebRtc;

/// <summary>The counters of one peer connection that are asked for often, without allocating; <see cref="StatsReport"/> has them all.</summary>
public readonly record struct PeerConnectionStatistics
{
    /// <summary>Datagrams sent.</summary>
    public long PacketsSent { get; init; }
    /// <summary>Datagrams received.</summary>
    public long PacketsReceived { get; init; }
    /// <summary>Bytes of user data in messages taken for sending.</summary>
    public long BytesSent { get; init; }
    /// <summary>Bytes of user data received in messages.</summary>
    public long BytesReceived { get; init; }
    /// <summary>Messages taken for sending.</summary>
    public long MessagesSent { get; init; }
    /// <summary>Messages received.</summary>
    public long MessagesReceived { get; init; }
    /// <summary>SCTP DATA chunks sent again.</summary>
    public long Retransmissions { get; init; }
    /// <summary>Round-trip time of the selected candidate pair by its last check (W3C currentRoundTripTime), or null before it was measured.</summary>
    public TimeSpan? RoundTripTime { get; init; }
    /// <summary>SCTP congestion window in bytes.</summary>
    public long CongestionWindow { get; init; }
    /// <summary>Receive window last announced by the peer, in bytes.</summary>
    public long PeerReceiveWindow { get; init; }
}
