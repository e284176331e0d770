using Registry.WebRtc.Net;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Ice;

/// <summary>Times and limits of an <see cref="IceGatherer"/>.</summary>
internal sealed record IceGatheringOptions
{
    /// <summary>Servers that are asked; further ones are left out.</summary>
    public const int MaxServers = 16;

    public static readonly IceGatheringOptions Default = new();

    /// <summary>Time after which candidates that are still missing are given up.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether only relayed candidates are found.</summary>
    public bool RelayOnly { get; init; }

    /// <summary>Time to the first retransmission of a request to a STUN server; it doubles (RFC 8489 §6.2.1 recommends 500 ms).</summary>
    public TimeSpan InitialRetransmission { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Longest time between retransmissions.</summary>
    public TimeSpan MaxRetransmission { get; init; } = TimeSpan.FromMilliseconds(1600);

    /// <summary>Rc: transmissions of one request (RFC 8489 §6.2.1).</summary>
    public int MaxTransmissions { get; init; } = 7;

    public TurnOptions Turn { get; init; } = TurnOptions.Default;
}

internal enum IceGatheringEventKind
{
    /// <summary><see cref="IceGatheringEvent.Candidate"/> was found.</summary>
    CandidateFound,
    /// <summary>There will be no more candidates.</summary>
    Completed,
    /// <summary>The address that was found on the relay is lost, and nothing takes its place before the next gathering.</summary>
    RelayLost,
    /// <summary>The relay's connection is of no use any more and may be closed.</summary>
    RelayClosed,
    /// <summary>The server of this number wants a new connection, to <see cref="IceGatheringEvent.Server"/> unless that is default.</summary>
    Reconnect,
    /// <summary>Fresh credentials are wanted for the relays.</summary>
    CredentialsExpiring,
}

/// <summary>Something the owner of the gatherer has to know.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Relay">Number of the relay that the candidate or the change belongs to; 0 for none.</param>
internal readonly record struct IceGatheringEvent(IceGatheringEventKind Kind, ushort Relay = 0)
{
    public IceCandidate? Candidate { get; init; }

    /// <summary>Index of the server in the list.</summary>
    public int ServerIndex { get; init; }

    public TransportAddress Server { get; init; }
}
