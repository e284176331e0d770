using System.Collections.Immutable;

namespace Registry.Messages;

/// <summary>What was true of a tube at one moment. Never changes; a new one replaces it.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Node">The node that holds it.</param>
/// <param name="State">Its state.</param>
public sealed record TubeSnapshot(TubeId TubeId, string Node, TubeState State)
{
    /// <summary>On whose behalf it was made, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>Whether this side made the offer.</summary>
    public bool IsOfferer { get; init; }

    /// <summary>Its conversations and the channels the peer opened, in the order they came.</summary>
    public ImmutableArray<ConversationSnapshot> Conversations { get; init; } = [];

    /// <summary>When each state was entered, oldest first; a state that was entered again stands again. The oldest go after 32.</summary>
    public ImmutableArray<TubeStateEntry> History { get; init; } = [];

    /// <summary>Types of the local and remote candidate that carry data, such as <c>host/host</c>; null before one does.</summary>
    public string? SelectedPair { get; init; }

    /// <summary>Address and port of the local candidate that carries data, as <c>ip:port</c>; null before one does.</summary>
    public string? LocalAddress { get; init; }

    /// <summary>Address and port of the remote candidate that carries data, as <c>ip:port</c>; null before one does.</summary>
    public string? RemoteAddress { get; init; }

    /// <summary>Its counters when this was written; those of a tube that ended are final.</summary>
    public TubeTraffic Traffic { get; init; }

    /// <summary>Number of its last signal when this was read.</summary>
    public long LastSignal { get; init; }

    /// <summary>Why it ended; null while it lives.</summary>
    public CloseReason? CloseReason { get; init; }

    /// <summary>What happened, for people; null while it lives.</summary>
    public string? CloseText { get; init; }

    /// <summary>Which caller asked for its end, as the audit names it; null while it lives, and where nobody asked or nobody needs to say who they are.</summary>
    public string? ClosedBy { get; init; }

    /// <summary>When it was admitted.</summary>
    public DateTimeOffset CreatedAt => History.IsDefaultOrEmpty ? default : History[0].At;
}

/// <summary>A state and when it was entered.</summary>
/// <param name="State">The state.</param>
/// <param name="At">When.</param>
public readonly record struct TubeStateEntry(TubeState State, DateTimeOffset At);

/// <summary>One conversation of a tube.</summary>
/// <param name="ConversationId">Its id, which is its channel's label.</param>
/// <param name="Type">The conversation type, such as <c>tunnel</c>.</param>
/// <param name="IsOpen">Whether its channel can carry data.</param>
public sealed record ConversationSnapshot(ConversationId ConversationId, string Type, bool IsOpen)
{
    /// <summary>The address it listens on as <c>ip:port</c>, or null.</summary>
    public string? LocalListenAddress { get; init; }

    /// <summary>The one target that the node dials for it, as <c>host:port</c>; null when there is none, or its clients name them.</summary>
    public string? Target { get; init; }
}

/// <summary>Counters of a tube at the moment they were read.</summary>
/// <param name="BytesSent">User bytes sent in messages.</param>
/// <param name="BytesReceived">User bytes received in messages.</param>
/// <param name="MessagesSent">Messages sent.</param>
/// <param name="MessagesReceived">Messages received.</param>
/// <param name="RoundTripTime">Round-trip time of the path, or null before it was measured.</param>
public readonly record struct TubeTraffic(long BytesSent, long BytesReceived, long MessagesSent, long MessagesReceived, TimeSpan? RoundTripTime)
{
    /// <summary>When user bytes were last sent to the peer, or null when none were. Keepalives and control messages are not user bytes.</summary>
    public DateTimeOffset? LastSentAt { get; init; }

    /// <summary>When user bytes last came from the peer, or null when none did.</summary>
    public DateTimeOffset? LastReceivedAt { get; init; }
}
