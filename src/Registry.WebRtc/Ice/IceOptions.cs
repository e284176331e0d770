namespace Registry.WebRtc.Ice;

/// <summary>Times and limits of an <see cref="IceAgent"/>.</summary>
internal sealed record IceOptions
{
    public static readonly IceOptions Default = new();

    /// <summary>Time between consent checks, jittered by ±20 % (RFC 7675 §5.1).</summary>
    public TimeSpan ConsentInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bounds the repeated consent checks of several agents together; null for an agent on its own.</summary>
    public ConsentRepeats? Repeats { get; init; }

    /// <summary>Time without an answer after which the path counts as disconnected.</summary>
    public TimeSpan DisconnectedTimeout { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>Time without an answer after which consent has expired.</summary>
    public TimeSpan FailedTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time from the remote credentials until checking without any valid pair is given up.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long after the end of candidates, with every pair failed, a check from an unknown address may still save the session.
    /// RFC 8863 §4 would wait out a whole check of the peer at the RFC's timers, 39.5 s; checks here are over in 5 s.
    /// </summary>
    public TimeSpan PeerReflexiveGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a valid pair waits for a better one that is being checked before it is nominated.</summary>
    public TimeSpan NominationDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The same for a pair of TCP: one of UDP that takes a little longer is still much the better.</summary>
    public TimeSpan TcpNominationDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Ta: time between new checks (RFC 8445 §14.2 allows 5 ms).</summary>
    public TimeSpan Pacing { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Checks that may start at once before <see cref="Pacing"/> applies.</summary>
    public int CheckBurst { get; init; } = 5;

    /// <summary>
    /// Time to the first retransmission of a check. The RFC's 500 ms (RFC 8445 §14.3) protect slow access links from hundreds
    /// of agents' checks; one short datagram is not worth half a second of waiting when it was lost.
    /// </summary>
    public TimeSpan InitialRetransmission { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest time between retransmissions; they double up to it.</summary>
    public TimeSpan MaxRetransmission { get; init; } = TimeSpan.FromMilliseconds(1600);

    /// <summary>Rc: transmissions of one check (RFC 8489 §6.2.1).</summary>
    public int MaxTransmissions { get; init; } = 7;

    /// <summary>
    /// How long a check over TCP waits for its answer, the time to connect included; it is not sent again (RFC 8489 §6.2.2, whose 39.5 s are longer than
    /// <see cref="ConnectTimeout"/>).
    /// </summary>
    public TimeSpan ReliableTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether passive TCP candidates of the peer are checked, which makes connections to them.</summary>
    public bool ConnectsOverTcp { get; init; }

    /// <summary>Whether packets go through relays only.</summary>
    public bool RelayOnly { get; init; }

    public int MaxRemoteCandidates { get; init; } = 64;

    /// <summary>Pairs, peer-reflexive ones included (RFC 8445 §6.1.2.5).</summary>
    public int MaxPairs { get; init; } = 100;

    /// <summary>Checks remembered that came before the remote credentials.</summary>
    public int MaxEarlyChecks { get; init; } = 16;

    /// <summary>Answers waiting to be sent; what comes above that is repeated by the peer.</summary>
    public int MaxQueuedResponses { get; init; } = 64;
}
