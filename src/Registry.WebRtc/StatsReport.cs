namespace Registry.WebRtc;

/// <summary>
/// Everything a peer connection tells about itself at one moment, in the objects and names of W3C webrtc-stats. Counters never fall. They are
/// read while traffic goes on: each is right by itself, two of them may be a packet apart.
/// </summary>
public sealed record StatsReport
{
    /// <summary>When the report was made.</summary>
    public DateTimeOffset Timestamp { get; init; }

    /// <summary>Data channels that have opened (W3C peer-connection dataChannelsOpened).</summary>
    public long DataChannelsOpened { get; init; }

    /// <summary>Data channels that were open and have closed (W3C peer-connection dataChannelsClosed).</summary>
    public long DataChannelsClosed { get; init; }

    /// <summary>ICE and DTLS.</summary>
    public TransportStatistics Transport { get; init; } = new();

    /// <summary>SCTP, or null before DTLS is established.</summary>
    public SctpTransportStatistics? SctpTransport { get; init; }

    /// <summary>Every pair of the check lists in use; while ICE restarts, those of both sessions.</summary>
    public IReadOnlyList<CandidatePairStatistics> CandidatePairs { get; init; } = [];

    /// <summary>This side's candidates.</summary>
    public IReadOnlyList<IceCandidateStatistics> LocalCandidates { get; init; } = [];

    /// <summary>The peer's candidates, with those learned from its checks.</summary>
    public IReadOnlyList<IceCandidateStatistics> RemoteCandidates { get; init; } = [];

    /// <summary>Data channels that are not closed.</summary>
    public IReadOnlyList<DataChannelStatistics> DataChannels { get; init; } = [];

    /// <summary>The pair that carries data now, or null while none does.</summary>
    public CandidatePairStatistics? SelectedCandidatePair => CandidatePairs.FirstOrDefault(pair => pair.Id == Transport.SelectedCandidatePairId);
}

/// <summary>ICE and DTLS of a connection (W3C transport, with the fingerprints of its two certificates).</summary>
public sealed record TransportStatistics
{
    /// <summary>Datagrams sent by whatever protocol.</summary>
    public long PacketsSent { get; init; }
    /// <summary>Datagrams received by whatever protocol.</summary>
    public long PacketsReceived { get; init; }
    /// <summary>Bytes of the datagrams sent, without UDP and IP headers.</summary>
    public long BytesSent { get; init; }
    /// <summary>Bytes of the datagrams received, without UDP and IP headers.</summary>
    public long BytesReceived { get; init; }
    /// <summary>Which side nominates.</summary>
    public IceRole IceRole { get; init; }
    /// <summary>State of ICE.</summary>
    public IceConnectionState IceState { get; init; }
    /// <summary>This side's user fragment.</summary>
    public string IceLocalUsernameFragment { get; init; } = "";
    /// <summary>ICE restarts that both sides have agreed on.</summary>
    public long IceRestarts { get; init; }
    /// <summary>Id of the pair that carries data, or null while none does.</summary>
    public string? SelectedCandidatePairId { get; init; }
    /// <summary>How often another pair was selected, the first time included.</summary>
    public long SelectedCandidatePairChanges { get; init; }
    /// <summary>State of DTLS.</summary>
    public DtlsTransportState DtlsState { get; init; }
    /// <summary>This side's role in the handshake, or null before it is agreed.</summary>
    public DtlsRole? DtlsRole { get; init; }
    /// <summary>Version in four hexadecimal digits as the wire has it (<c>FEFD</c> is DTLS 1.2), or null before the handshake is over.</summary>
    public string? TlsVersion { get; init; }
    /// <summary>IANA's name of the cipher suite, or null before the handshake is over.</summary>
    public string? DtlsCipher { get; init; }
    /// <summary>Hash and fingerprint of this side's certificate, as <c>a=fingerprint</c> has them.</summary>
    public string LocalFingerprint { get; init; } = "";
    /// <summary>Hash and fingerprint that the peer's certificate was verified by, or null before the handshake is over.</summary>
    public string? RemoteFingerprint { get; init; }
}

/// <summary>The SCTP association (W3C sctp-transport).</summary>
public sealed record SctpTransportStatistics
{
    /// <summary>Smoothed round trip of data, or null before it was measured.</summary>
    public TimeSpan? SmoothedRoundTripTime { get; init; }
    /// <summary>Bytes that may be in flight.</summary>
    public long CongestionWindow { get; init; }
    /// <summary>Receive window last announced by the peer less what is in flight, in bytes; below zero when the peer takes back what it announced.</summary>
    public long ReceiverWindow { get; init; }
    /// <summary>Largest SCTP packet known to arrive, in bytes without DTLS, UDP and IP headers.</summary>
    public int Mtu { get; init; }
    /// <summary>DATA chunks sent and not yet acknowledged.</summary>
    public int UnackData { get; init; }
    /// <summary>User bytes accepted for sending and not yet acknowledged.</summary>
    public long BytesBuffered { get; init; }
    /// <summary>SCTP packets sent.</summary>
    public long PacketsSent { get; init; }
    /// <summary>SCTP packets received, those discarded included.</summary>
    public long PacketsReceived { get; init; }
    /// <summary>SCTP packets received that were malformed, damaged or not for this association.</summary>
    public long PacketsDiscarded { get; init; }
    /// <summary>DATA chunks sent again.</summary>
    public long Retransmissions { get; init; }
    /// <summary>Expirations of the retransmission timer.</summary>
    public long Timeouts { get; init; }
    /// <summary>Messages given up because of their reliability limits (RFC 3758).</summary>
    public long MessagesAbandoned { get; init; }
}

/// <summary>A pair of the check list (W3C candidate-pair).</summary>
public sealed record CandidatePairStatistics
{
    /// <summary>Names the pair as long as it exists.</summary>
    public string Id { get; init; } = "";
    /// <summary>Names one of <see cref="StatsReport.LocalCandidates"/>.</summary>
    public string LocalCandidateId { get; init; } = "";
    /// <summary>Names one of <see cref="StatsReport.RemoteCandidates"/>.</summary>
    public string RemoteCandidateId { get; init; } = "";
    /// <summary>Where checking stands.</summary>
    public IcePairState State { get; init; }
    /// <summary>Whether the controlling side chose the pair.</summary>
    public bool Nominated { get; init; }
    /// <summary>Datagrams of DTLS sent while the pair was selected.</summary>
    public long PacketsSent { get; init; }
    /// <summary>Datagrams of DTLS received while the pair was selected.</summary>
    public long PacketsReceived { get; init; }
    /// <summary>Bytes of <see cref="PacketsSent"/>, without UDP and IP headers.</summary>
    public long BytesSent { get; init; }
    /// <summary>Bytes of <see cref="PacketsReceived"/>, without UDP and IP headers.</summary>
    public long BytesReceived { get; init; }
    /// <summary>Time from the last check to its answer, or null before it was measured.</summary>
    public TimeSpan? CurrentRoundTripTime { get; init; }
    /// <summary>Sum of all round trips measured; a check that was sent again measures none.</summary>
    public TimeSpan TotalRoundTripTime { get; init; }
    /// <summary>Connectivity checks sent, without retransmissions and without those for consent.</summary>
    public long RequestsSent { get; init; }
    /// <summary>Authenticated checks received.</summary>
    public long RequestsReceived { get; init; }
    /// <summary>Answers sent, errors included.</summary>
    public long ResponsesSent { get; init; }
    /// <summary>Successful answers received, those to consent checks included.</summary>
    public long ResponsesReceived { get; init; }
    /// <summary>Consent checks sent (RFC 7675).</summary>
    public long ConsentRequestsSent { get; init; }
}

/// <summary>A candidate (W3C local-candidate and remote-candidate).</summary>
/// <param name="Id">Names the candidate; equal for two that have type, transport and address in common.</param>
/// <param name="Candidate">What the candidate says.</param>
public sealed record IceCandidateStatistics(string Id, IceCandidate Candidate);

/// <summary>A data channel (W3C data-channel).</summary>
public sealed record DataChannelStatistics
{
    /// <summary>Its label.</summary>
    public string Label { get; init; } = "";
    /// <summary>Its sub-protocol, or an empty string.</summary>
    public string Protocol { get; init; } = "";
    /// <summary>Its stream id, or null before it has one.</summary>
    public ushort? DataChannelIdentifier { get; init; }
    /// <summary>Where it is in its life.</summary>
    public DataChannelState State { get; init; }
    /// <summary>Messages taken for sending.</summary>
    public long MessagesSent { get; init; }
    /// <summary>Bytes of user data in them.</summary>
    public long BytesSent { get; init; }
    /// <summary>Messages received.</summary>
    public long MessagesReceived { get; init; }
    /// <summary>Bytes of user data in them.</summary>
    public long BytesReceived { get; init; }
}
