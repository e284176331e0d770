namespace Registry.Client;

/// <summary>Answer to <c>POST /v1/tubes</c>.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="ConversationId">Its conversation.</param>
/// <param name="Node">The node that holds it.</param>
/// <param name="State">Its state when this was written.</param>
public sealed record TubeCreatedBody(string TubeId, string ConversationId, string Node, string State)
{
    /// <summary>Base64 of the gateway's offer, when the create had none and the tube is new.</summary>
    public string? Offer { get; init; }

    /// <summary>Base64 of the gateway's answer to the create's offer.</summary>
    public string? Answer { get; init; }

    /// <summary>Where the gateway listens for the conversation, as <c>ip:port</c> with the real port.</summary>
    public string? LocalListenAddress { get; init; }

    /// <summary>Why no connection to the target would succeed as the rules of the gateway that was asked are now, which may change while the tube lives.</summary>
    public string? Warning { get; init; }
}

/// <summary>Answer to <c>POST /v1/tubes/{tubeId}/tokens</c>.</summary>
/// <param name="TubeId">The tube that the token is for.</param>
/// <param name="Token">The token, to be sent as a key is.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record TokenCreatedBody(string TubeId, string Token, DateTimeOffset ExpiresAt);

/// <summary>A description for the tube's peer.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Type"><c>offer</c> or <c>answer</c>.</param>
/// <param name="Sdp">Base64 of the SDP.</param>
public sealed record DescriptionBody(string TubeId, string Type, string Sdp);

/// <summary>Why a tube, channel or connection ended.</summary>
/// <param name="Code">The number, which is for ever.</param>
/// <param name="Name">The name, such as <c>AdminClosed</c>.</param>
/// <param name="IsCritical">Whether someone should look into it.</param>
/// <param name="IsRetryable">Whether trying again can help.</param>
public sealed record CloseReasonBody(int Code, string Name, bool IsCritical, bool IsRetryable);

/// <summary>One conversation of a tube.</summary>
/// <param name="ConversationId">Its id.</param>
/// <param name="Type">Its type, such as <c>tunnel</c>.</param>
/// <param name="IsOpen">Whether its channel can carry data.</param>
public sealed record TubeConversationBody(string ConversationId, string Type, bool IsOpen)
{
    /// <summary>Where the gateway listens for it, as <c>ip:port</c>.</summary>
    public string? LocalListenAddress { get; init; }

    /// <summary>Where the gateway dials to, as <c>host:port</c>; left out where clients name the target or nothing is dialled.</summary>
    public string? Target { get; init; }
}

/// <summary>A state a tube was in and since when.</summary>
/// <param name="State">The state.</param>
/// <param name="At">When it was entered.</param>
public sealed record TubeStateBody(string State, DateTimeOffset At);

/// <summary>A tube's counters of user bytes and messages.</summary>
/// <param name="BytesSent">User bytes sent to the peer.</param>
/// <param name="BytesReceived">User bytes received from it.</param>
/// <param name="MessagesSent">Messages sent.</param>
/// <param name="MessagesReceived">Messages received.</param>
/// <param name="RoundTripMs">Round trip of the path in milliseconds, once it was measured.</param>
public sealed record TrafficBody(long BytesSent, long BytesReceived, long MessagesSent, long MessagesReceived, double? RoundTripMs)
{
    /// <summary>When user bytes were last sent.</summary>
    public DateTimeOffset? LastSentAt { get; init; }

    /// <summary>When user bytes last came.</summary>
    public DateTimeOffset? LastReceivedAt { get; init; }
}

/// <summary>A tube.</summary>
/// <param name="TubeId">Its id.</param>
/// <param name="Node">The node that holds it.</param>
/// <param name="State"><c>new</c>, <c>initializing</c>, <c>connecting</c>, <c>active</c>, <c>ready</c>, <c>disconnected</c>, <c>failed</c>, <c>closing</c> or <c>closed</c>.</param>
/// <param name="IsOfferer">Whether the gateway made the first offer.</param>
/// <param name="CreatedAt">When it was admitted.</param>
public sealed record TubeBody(string TubeId, string Node, string State, bool IsOfferer, DateTimeOffset CreatedAt)
{
    /// <summary>On whose behalf it was made.</summary>
    public string? Owner { get; init; }

    /// <summary>Its conversations and the channels the peer opened, in the order they came.</summary>
    public required IReadOnlyList<TubeConversationBody> Conversations { get; init; }

    /// <summary>When each state was entered, oldest first; the last 32.</summary>
    public required IReadOnlyList<TubeStateBody> History { get; init; }

    /// <summary>Types of the local and remote candidate that carry data, such as <c>host/host</c>.</summary>
    public string? SelectedPair { get; init; }

    /// <summary>The local candidate that carries data, as <c>ip:port</c>.</summary>
    public string? LocalAddress { get; init; }

    /// <summary>The remote candidate that carries data, as <c>ip:port</c>.</summary>
    public string? RemoteAddress { get; init; }

    /// <summary>Its counters.</summary>
    public TrafficBody? Traffic { get; init; }

    /// <summary>Why it ended, of a tube that did.</summary>
    public CloseReasonBody? CloseReason { get; init; }

    /// <summary>What happened, for people, of a tube that ended.</summary>
    public string? CloseText { get; init; }

    /// <summary>Which caller asked for its end, as the audit names it. Left out where nobody asked, or nobody needs to say who they are.</summary>
    public string? ClosedBy { get; init; }
}

/// <summary>Where a conversation lives.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Type">Its type, such as <c>tunnel</c>.</param>
/// <param name="IsOpen">Whether its channel can carry data.</param>
/// <param name="TubeId">The tube that carries it.</param>
/// <param name="Node">The node that holds the tube.</param>
/// <param name="State">The tube's state.</param>
public sealed record ConversationBody(string ConversationId, string Type, bool IsOpen, string TubeId, string Node, string State)
{
    /// <summary>Where the gateway listens for it, as <c>ip:port</c>.</summary>
    public string? LocalListenAddress { get; init; }
}

/// <summary>A page of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">The page.</param>
public sealed record ListBody<T>(IReadOnlyList<T> Items)
{
    /// <summary>Give it as <c>cursor</c> for the next page; left out on the last one.</summary>
    public string? NextCursor { get; init; }

    /// <summary>Nodes that did not answer, and in a list of ended tubes those that were lost lately; what they hold, or held, is missing.</summary>
    public IReadOnlyList<string> IncompleteNodes { get; init; } = [];
}
