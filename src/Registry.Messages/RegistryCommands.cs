namespace Registry.Messages;

/// <summary>What may cross from node to node; the wire codec knows each of these types.</summary>
public interface IRegistryProtocol;

/// <summary>Something asked of a node's registry. Every command is answered by exactly one <see cref="RegistryReply"/>.</summary>
public interface IRegistryCommand : IRegistryProtocol;

/// <summary>A command to one tube.</summary>
public interface ITubeCommand : IRegistryCommand
{
    /// <summary>The tube.</summary>
    TubeId TubeId { get; }
}

/// <summary>What concerns one conversation; in a cluster the conversation's id says which node decides about it.</summary>
public interface IWithConversationId
{
    /// <summary>The conversation.</summary>
    ConversationId ConversationId { get; }
}

/// <summary>Which half of the offer/answer exchange a description is.</summary>
public enum DescriptionType
{
    /// <summary>A proposal.</summary>
    Offer,
    /// <summary>The reply to an offer.</summary>
    Answer,
}

/// <summary>
/// Asks for a tube that carries the conversation, or, when <see cref="TubeId"/> names a live tube, for one more channel on it.
/// Answered by <see cref="TubeCreated"/> or <see cref="Refused"/>.
/// </summary>
/// <param name="ConversationId">The conversation; refused while another tube carries it.</param>
/// <param name="Settings">What the conversation's channel does on this side.</param>
public sealed record CreateTube(ConversationId ConversationId, ConversationSettings Settings) : IRegistryCommand, IWithConversationId
{
    /// <summary>Most that <see cref="MaxWait"/> and <see cref="Timeout"/> may be: one day.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>Most that <see cref="IdleTimeout"/> and <see cref="MaxAge"/> may be: 366 days, beyond which a limit is none.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromDays(366);

    /// <summary>Least that <see cref="MaxBytesPerSecond"/> may be: a frame would take too long over less.</summary>
    public const int LeastBytesPerSecond = 1024;

    /// <summary>Whether candidates follow as signals; otherwise the description is given once it holds them all.</summary>
    public bool TrickleIce { get; init; } = true;

    /// <summary>The asker's offer as base64 of SDP, to get an answer; null to get an offer.</summary>
    public string? Offer { get; init; }

    /// <summary>The tube's id when the asker chooses it, or the live tube to open a channel on.</summary>
    public TubeId? TubeId { get; init; }

    /// <summary>
    /// A text of 1 to 128 printable characters, of its owner's choosing. While the conversation that a create made lives, a repeated create with
    /// its key is answered with the same reply.
    /// </summary>
    public string? RequestKey { get; init; }

    /// <summary>
    /// On whose behalf the tube is made, 1 to 128 printable characters; counts against that owner's limit. Null counts against no owner. A live tube that
    /// <see cref="TubeId"/> names must be of that owner, or there is none for it (<see cref="RefusalCode.TubeNotFound"/>); null takes anybody's.
    /// </summary>
    public string? Owner { get; init; }

    /// <summary>
    /// How long the create may wait for admission when the node is at a limit; null for a refusal at once. Those that wait are served
    /// in turns between their owners.
    /// </summary>
    public TimeSpan? MaxWait { get; init; }

    /// <summary>
    /// How long the asker waits for the answer, waiting for admission included; null leaves it to the node's deadlines. A create that is
    /// not answered by then is cancelled.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Ends the tube when no user bytes went either way for this long; null for the node's limit, which it cannot exceed.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>Ends the tube at this age; null for the node's limit, which it cannot exceed.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>
    /// Limit on the bytes per second of the tube's connections, each way, at least <see cref="LeastBytesPerSecond"/>; null for the node's limit, which it cannot exceed.
    /// </summary>
    public int? MaxBytesPerSecond { get; init; }

    /// <summary>Who asks, for the audit: the name of a key or of a token's subject, 1 to 128 printable characters; null when nobody knows.</summary>
    public string? Caller { get; init; }

    /// <summary>
    /// The trace that the create belongs to, as the header <c>traceparent</c> of W3C Trace Context says it; null for that of the caller, if it has one. What is malformed
    /// counts as none.
    /// </summary>
    public string? TraceParent { get; init; }

    /// <summary>What goes with it, as the header <c>tracestate</c> says it.</summary>
    public string? TraceState { get; init; }
}

/// <summary>
/// Gives a tube the peer's description. An answer is answered by <see cref="Done"/>, an offer, with which the peer restarts ICE, by <see cref="DescriptionMade"/>
/// with the answer; either by <see cref="Refused"/>.
/// </summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Type">Offer or answer.</param>
/// <param name="Sdp">Base64 of SDP.</param>
public sealed record SetRemoteDescription(TubeId TubeId, DescriptionType Type, string Sdp) : ITubeCommand;

/// <summary>
/// Restarts ICE (RFC 8445 §9) on a tube that was connected: new credentials and a new path under the same channels. Answered by <see cref="DescriptionMade"/>
/// with the offer, which the subscribers get as <see cref="IceRestartOffered"/>, or <see cref="Refused"/>. The peer's answer comes by <see cref="SetRemoteDescription"/>.
/// </summary>
/// <param name="TubeId">The tube.</param>
public sealed record RestartIce(TubeId TubeId) : ITubeCommand;

/// <summary>Gives a tube candidates of the peer: all of them or, when one is malformed, none. Answered by <see cref="Done"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Candidates">Candidate lines, with or without <c>a=</c>; an empty one means that there are no more. At most <see cref="MaxCandidates"/>.</param>
public sealed record AddCandidates(TubeId TubeId, IReadOnlyList<string> Candidates) : ITubeCommand
{
    /// <summary>Most candidates in one command.</summary>
    public const int MaxCandidates = 64;
}

/// <summary>Closes a tube in order. Answered by <see cref="Done"/> when everything was released; also when the tube was closed before.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Reason">What the peer and the subscribers are told.</param>
/// <param name="Text">More about it, or null.</param>
public sealed record CloseTube(TubeId TubeId, CloseReason Reason = CloseReason.AdminClosed, string? Text = null) : ITubeCommand
{
    /// <summary>Who asks, for the audit: the name of a key or of a token's subject; null when nobody knows, or nobody asks. Of a longer name the first 128 characters are kept.</summary>
    public string? Caller { get; init; }
}

/// <summary>Closes a conversation's channel; its tube stays. Answered by <see cref="Done"/> when the conversation is free again, also when it was closed so before, or <see cref="Refused"/>.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Reason">What the peer and the subscribers are told.</param>
/// <param name="Text">More about it, or null.</param>
public sealed record CloseConversation(ConversationId ConversationId, CloseReason Reason = CloseReason.AdminClosed, string? Text = null) : IRegistryCommand, IWithConversationId
{
    /// <summary>Who asks, as with <see cref="CloseTube.Caller"/>.</summary>
    public string? Caller { get; init; }
}

/// <summary>Makes a further conversation findable under a tube, without a channel of its own. Answered by <see cref="Done"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="ConversationId">The conversation; refused while another tube carries it.</param>
public sealed record AssociateConversation(TubeId TubeId, ConversationId ConversationId) : ITubeCommand, IWithConversationId;

/// <summary>
/// Sends the tube's signals to the sender of this command, the kept ones after <paramref name="AfterSequence"/> first, until <see cref="TubeClosed"/>.
/// Answered by <see cref="Done"/> before the first signal, or <see cref="Refused"/>. Repeated, it goes on after the number it names.
/// </summary>
/// <param name="TubeId">The tube.</param>
/// <param name="AfterSequence">The last signal the subscriber has; 0 for all.</param>
public sealed record SubscribeSignals(TubeId TubeId, long AfterSequence = 0) : ITubeCommand
{
    /// <summary>
    /// Most signals, 1 or more, that are sent before the subscriber repeats the command with the last one it has: bounds what a slow subscriber can pile
    /// up. What the tube's buffer drops meanwhile is told by <see cref="SignalsMissed"/>. Null for no bound.
    /// </summary>
    public int? Window { get; init; }
}

/// <summary>Ends the sender's subscription. Answered by <see cref="Done"/>, also when there was none.</summary>
/// <param name="TubeId">The tube.</param>
public sealed record UnsubscribeSignals(TubeId TubeId) : ITubeCommand;

/// <summary>Reads what follows a signal, and waits a little when nothing does yet. Answered by <see cref="SignalsRead"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube; also one that ended not long ago.</param>
/// <param name="AfterSequence">The last signal the reader has; 0 for none.</param>
/// <param name="MaxWait">How long to wait for the first signal.</param>
public sealed record ReadSignals(TubeId TubeId, long AfterSequence, TimeSpan MaxWait) : ITubeCommand
{
    /// <summary>Most signals in one answer.</summary>
    public const int Most = 256;
}

/// <summary>Asks for what is known of a tube, also for a while after its end. Answered by <see cref="TubeFound"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
public sealed record GetTube(TubeId TubeId) : ITubeCommand;

/// <summary>Asks for the statistics of a live tube. Answered by <see cref="StatisticsRead"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
public sealed record ReadStatistics(TubeId TubeId) : ITubeCommand;

/// <summary>Asks for the tube that carries a conversation. Answered by <see cref="TubeFound"/> or <see cref="Refused"/>.</summary>
/// <param name="ConversationId">The conversation.</param>
public sealed record FindConversation(ConversationId ConversationId) : IRegistryCommand, IWithConversationId;

/// <summary>Asks for a page of the live tubes. Answered by <see cref="TubesRead"/> or <see cref="Refused"/>.</summary>
/// <param name="Query">Which tubes, and how many.</param>
public sealed record ListTubes(TubeQuery Query) : IRegistryCommand;

/// <summary>Asks for the nodes of the cluster. Answered by <see cref="NodesRead"/>.</summary>
public sealed record GetNodes : IRegistryCommand
{
    /// <summary>The only instance needed.</summary>
    public static readonly GetNodes Instance = new();
}

/// <summary>
/// Reads what happened to the tubes of one node after a change, and waits a little when nothing did yet. Answered by <see cref="EventsRead"/>.
/// </summary>
/// <param name="Run">The run of the node that <paramref name="AfterSequence"/> is of; null to learn where the node's changes stand now.</param>
/// <param name="AfterSequence">The last change the reader knows.</param>
/// <param name="MaxWait">How long to wait for the first change.</param>
public sealed record ReadEvents(string? Run, long AfterSequence, TimeSpan MaxWait) : IRegistryCommand
{
    /// <summary>Most changes in one answer.</summary>
    public const int Most = 256;
}

/// <summary>Asks for the registry's load. Answered by <see cref="CapacityRead"/>.</summary>
public sealed record GetCapacity : IRegistryCommand
{
    /// <summary>The only instance needed.</summary>
    public static readonly GetCapacity Instance = new();
}

/// <summary>
/// Changes the node's limits until it stops; what is null stays as it is. A limit below what exists ends nothing: it holds for the creates that follow.
/// Answered by <see cref="CapacityRead"/> or <see cref="Refused"/>.
/// </summary>
public sealed record ChangeLimits : IRegistryCommand
{
    /// <summary>Creates in flight, at least 1.</summary>
    public int? MaxConcurrentCreates { get; init; }

    /// <summary>Tubes on the node, at least 1.</summary>
    public int? MaxTubes { get; init; }

    /// <summary>Tubes of one owner on the node, at least 1; 0 for no limit.</summary>
    public int? MaxTubesPerOwner { get; init; }

    /// <summary>Creates that may wait for admission, 0 or more.</summary>
    public int? MaxWaiting { get; init; }
}

/// <summary>
/// Takes the node out of service: no tube is made any more, every tube's subscribers hear <see cref="NodeDraining"/>, and what is left when few enough are, or at the
/// deadline, is closed as <see cref="CloseReason.NodeStopped"/>. Answered by <see cref="CapacityRead"/> at once, or <see cref="Refused"/>. Repeated, the last one holds.
/// </summary>
public sealed record DrainNode : IRegistryCommand
{
    /// <summary>Most that <see cref="Deadline"/> may be: one day.</summary>
    public static readonly TimeSpan LongestDeadline = TimeSpan.FromDays(1);

    /// <summary>How long tubes may go on; null leaves the deadline of a drain that runs as it is, and that of a new one to the node's setting.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>Tubes that are few enough to be closed before the deadline, 0 or more.</summary>
    public int UntilAtMost { get; init; }
}

/// <summary>Puts a draining node back into service; what was closed stays closed. Answered by <see cref="CapacityRead"/> or, when the node stops, <see cref="Refused"/>.</summary>
public sealed record ResumeNode : IRegistryCommand
{
    /// <summary>The only instance needed.</summary>
    public static readonly ResumeNode Instance = new();
}
