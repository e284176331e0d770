namespace Registry.WebRtc;

/// <summary>How one peer connection gathers candidates and watches its path.</summary>
public sealed record PeerConnectionConfiguration
{
    /// <summary>The defaults.</summary>
    public static readonly PeerConnectionConfiguration Default = new();

    /// <summary>What the log calls the connection.</summary>
    public string Name { get; init; } = "-";

    /// <summary>STUN and TURN servers; the first 16 URLs are used.</summary>
    public IReadOnlyList<IceServer> IceServers { get; init; } = [];

    /// <summary>Gives fresh credentials before those of <see cref="IceServers"/> expire (<see cref="IceServer.Expires"/>); null when they need none.</summary>
    public IIceServerProvider? IceServerProvider { get; init; }

    /// <summary>Which candidates are used.</summary>
    public IceTransportPolicy IceTransportPolicy { get; init; }

    /// <summary>Time servers have to give candidates; those that come later are not used.</summary>
    public TimeSpan GatheringTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Largest message this side accepts and advertises as <c>a=max-message-size</c>, in bytes (RFC 8841 §6). A larger one closes its channel.</summary>
    public int MaxMessageSize { get; init; } = 256 * 1024;

    /// <summary>Time between consent checks on the selected pair (RFC 7675 §5.1), jittered by ±20 %.</summary>
    public TimeSpan ConsentInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time without any answer after which the path counts as disconnected.</summary>
    public TimeSpan DisconnectedTimeout { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>Time without any answer after which consent has expired and the connection fails (RFC 7675 §5.1: at most 30 s).</summary>
    public TimeSpan FailedTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bytes of user data that may wait in the send buffer before <see cref="IDataChannel.SendAsync"/> waits. What is in flight counts,
    /// except where the path takes more than this at once; then that is bounded by the windows, at most 16 MiB.
    /// </summary>
    public int SendBufferSize { get; init; } = 1024 * 1024;

    /// <summary>Largest receive window: bytes of user data that may wait to be taken, all channels together. It starts at 1 MiB and grows where rate and round trip ask for it.</summary>
    public int ReceiveBufferSize { get; init; } = 16 * 1024 * 1024;

    /// <summary>How SCTP decides how much it sends.</summary>
    public CongestionControl CongestionControl { get; init; } = CongestionControl.Bbr;
}
