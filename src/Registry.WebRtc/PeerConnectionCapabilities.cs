namespace Registry.WebRtc;

/// <summary>What not every WebRTC stack can do. Whoever needs one of these asks the factory first, and says clearly what is missing.</summary>
[Flags]
public enum PeerConnectionCapabilities
{
    /// <summary>Offer and answer, trickle, reliable ordered channels, relays: what every stack can do.</summary>
    None = 0,

    /// <summary>ICE restarts from either side (<see cref="IPeerConnection.RestartIce"/>), and <see cref="IPeerConnection.LocalAddressesChanged"/> says when one may help.</summary>
    IceRestart = 1,

    /// <summary>All connections share one UDP port, which can be chosen (<see cref="PeerConnectionFactoryOptions.UdpPort"/>).</summary>
    SharedUdpPort = 1 << 1,

    /// <summary>Peers may connect over TCP (<see cref="PeerConnectionFactoryOptions.TcpPort"/>).</summary>
    TcpCandidates = 1 << 2,

    /// <summary>The certificates of relays are checked against authorities of one's own (<see cref="PeerConnectionFactoryOptions.RelayAuthorities"/>).</summary>
    RelayAuthorities = 1 << 3,

    /// <summary>Closing a channel is told to the peer, and the peer's close is heard, while the connection goes on (RFC 8831 §6.7).</summary>
    ChannelClose = 1 << 4,

    /// <summary>
    /// <see cref="IDataChannel.BufferedAmount"/> is of that channel alone and covers what is in flight, and senders that wait go on as soon as there is space. Without it the
    /// figure is of the whole connection and of what was not sent yet, and is looked at from time to time.
    /// </summary>
    ChannelBufferedAmount = 1 << 5,

    /// <summary>Unordered and partially reliable channels (RFC 3758).</summary>
    PartialReliability = 1 << 6,

    /// <summary>
    /// <see cref="PeerConnectionConfiguration.ConsentInterval"/>, <see cref="PeerConnectionConfiguration.DisconnectedTimeout"/> and
    /// <see cref="PeerConnectionConfiguration.FailedTimeout"/> are used. Without it the stack has times of its own.
    /// </summary>
    PathTimeouts = 1 << 7,

    /// <summary>Credentials of relays are renewed while a connection lives (<see cref="PeerConnectionConfiguration.IceServerProvider"/>).</summary>
    CredentialRenewal = 1 << 9,

    /// <summary>Counters of packets, of the congestion window, of round trips and of retransmissions. Without it only messages and user bytes are counted.</summary>
    TransportCounters = 1 << 8,

    /// <summary>All of them.</summary>
    All = IceRestart | SharedUdpPort | TcpCandidates | RelayAuthorities | ChannelClose | ChannelBufferedAmount | PartialReliability | PathTimeouts | TransportCounters | CredentialRenewal,
}
