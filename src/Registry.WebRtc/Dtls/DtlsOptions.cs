namespace Registry.WebRtc.Dtls;

/// <summary>Limits and timings of a DTLS session.</summary>
internal sealed record DtlsOptions
{
    /// <summary>The defaults.</summary>
    public static readonly DtlsOptions Default = new();

    // A check is answered at once, a flight takes the peer some public-key operations.
    private static readonly TimeSpan LeastRetransmitTimeout = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MostRetransmitTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Time from <see cref="DtlsSession.Start"/> until the handshake must be complete.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Wait before a flight is sent again; doubles each time. RFC 6347 §4.2.4.1 proposes 1 s but allows less where the path is
    /// known: ICE has just measured it, and one lost datagram must not cost a second.
    /// </summary>
    public TimeSpan RetransmitTimeout { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>These options for a path whose round trip was measured.</summary>
    /// <param name="roundTrip">By the last connectivity check; null when there was none yet.</param>
    public DtlsOptions For(TimeSpan? roundTrip) => roundTrip is { } time
        ? this with { RetransmitTimeout = TimeSpan.FromTicks(Math.Clamp(3 * time.Ticks, LeastRetransmitTimeout.Ticks, MostRetransmitTimeout.Ticks)) }
        : this;

    /// <summary>Largest datagram a handshake sends, in bytes of UDP payload.</summary>
    public int MaxDatagramSize { get; init; } = 1200;

    /// <summary>Handshake datagrams that may wait for the handshake thread; more are dropped.</summary>
    public int MaxQueuedDatagrams { get; init; } = 64;

    /// <summary>Datagrams with application data that may wait for the end of the handshake; more are dropped.</summary>
    public int MaxEarlyDatagrams { get; init; } = 32;

    /// <summary>The threads on which handshakes run.</summary>
    public DtlsHandshakeThreads Threads { get; init; } = DtlsHandshakeThreads.Shared;
}
