using System.Collections.Immutable;

namespace Registry.Messages;

/// <summary>What can be told of a live tube's connection, queues and channels at one moment. Counters never fall; two of them may be a packet apart.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="At">When they were read.</param>
public sealed record TubeStatistics(TubeId TubeId, DateTimeOffset At)
{
    /// <summary>Most channels that are told of, in the order in which they came.</summary>
    public const int MostChannels = 256;

    /// <summary>State of ICE, such as <c>connected</c> (W3C RTCIceConnectionState); empty before there is a connection.</summary>
    public string IceState { get; init; } = "";

    /// <summary>State of DTLS, such as <c>connected</c> (W3C RTCDtlsTransportState); empty before there is a connection.</summary>
    public string DtlsState { get; init; } = "";

    /// <summary>IANA's name of the cipher suite, or null before the handshake is over.</summary>
    public string? Cipher { get; init; }

    /// <summary>ICE restarts that both sides agreed on.</summary>
    public long IceRestarts { get; init; }

    /// <summary>How often another candidate pair was selected, the first time included.</summary>
    public long PathChanges { get; init; }

    /// <summary>Datagrams of the whole connection, sent and received.</summary>
    public TubeCounters Datagrams { get; init; }

    /// <summary>The candidate pair that carries data, or null while none does.</summary>
    public TubePathStatistics? Path { get; init; }

    /// <summary>The SCTP association, or null before DTLS is established.</summary>
    public TubeAssociationStatistics? Association { get; init; }

    /// <summary>Bytes that wait in memory.</summary>
    public TubeQueues Queues { get; init; }

    /// <summary>The channels, at most <see cref="MostChannels"/>.</summary>
    public ImmutableArray<TubeChannelStatistics> Channels { get; init; } = [];
}

/// <summary>Things sent and received, and the bytes in them.</summary>
/// <param name="Sent">How many were sent.</param>
/// <param name="Received">How many were received.</param>
/// <param name="BytesSent">Bytes in those sent.</param>
/// <param name="BytesReceived">Bytes in those received.</param>
public readonly record struct TubeCounters(long Sent, long Received, long BytesSent, long BytesReceived);

/// <summary>A candidate pair that carries data.</summary>
/// <param name="Protocol"><c>udp</c> or <c>tcp</c>.</param>
/// <param name="LocalType">Type of this side's candidate: <c>host</c>, <c>srflx</c>, <c>prflx</c> or <c>relay</c> (RFC 8839 §5.1).</param>
/// <param name="LocalAddress">Its <c>ip:port</c>.</param>
/// <param name="RemoteType">Type of the peer's candidate.</param>
/// <param name="RemoteAddress">Its <c>ip:port</c>.</param>
public sealed record TubePathStatistics(string Protocol, string LocalType, string LocalAddress, string RemoteType, string RemoteAddress)
{
    /// <summary>Time from the last check to its answer, or null before it was measured.</summary>
    public TimeSpan? RoundTripTime { get; init; }

    /// <summary>Datagrams of DTLS while the pair was selected.</summary>
    public TubeCounters Datagrams { get; init; }
}

/// <summary>The SCTP association of a tube.</summary>
public sealed record TubeAssociationStatistics
{
    /// <summary>Smoothed round trip of data, or null before it was measured.</summary>
    public TimeSpan? RoundTripTime { get; init; }

    /// <summary>Bytes that may be in flight.</summary>
    public long CongestionWindow { get; init; }

    /// <summary>What the peer's receive window has room for, in bytes; below zero when it takes back what it announced.</summary>
    public long ReceiverWindow { get; init; }

    /// <summary>Largest SCTP packet known to arrive, in bytes.</summary>
    public int PacketSize { get; init; }

    /// <summary>User bytes accepted for sending and not yet acknowledged.</summary>
    public long BytesBuffered { get; init; }

    /// <summary>DATA chunks sent again.</summary>
    public long Retransmissions { get; init; }

    /// <summary>Expirations of the retransmission timer.</summary>
    public long Timeouts { get; init; }
}

/// <summary>Bytes of a tube's connections that wait in memory.</summary>
/// <param name="Sending">Read from local sockets and not yet in a data channel.</param>
/// <param name="Receiving">From the peer and not yet in a local socket.</param>
/// <param name="Limit">Most that may wait each way.</param>
public readonly record struct TubeQueues(long Sending, long Receiving, long Limit);

/// <summary>One channel of a tube.</summary>
/// <param name="ConversationId">Its conversation, which is its label.</param>
/// <param name="Type">The conversation type.</param>
/// <param name="State">State of the data channel, such as <c>open</c> (W3C RTCDataChannelState).</param>
public sealed record TubeChannelStatistics(ConversationId ConversationId, string Type, string State)
{
    /// <summary>Its sub-protocol, or an empty string.</summary>
    public string Protocol { get; init; } = "";

    /// <summary>Connections it carries now.</summary>
    public int Connections { get; init; }

    /// <summary>Its messages and the user bytes in them.</summary>
    public TubeCounters Messages { get; init; }
}
