namespace Registry.Messages;

/// <summary>Something asked of a node's registry. Every command is answered by exactly one <see cref="RegistryReply"/>.</summary>
public interface IRegistryCommand;

/// <summary>A command to one tube.</summary>
public interface ITubeCommand : IRegistryCommand
{
    /// <summary>The tube.</summary>
    TubeId TubeId { get; }
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
public sealed record CreateTube(ConversationId ConversationId, ConversationSettings Settings) : IRegistryCommand
{
    /// <summary>Whether candidates follow as signals; otherwise the description is given once it holds them all.</summary>
    public bool TrickleIce { get; init; } = true;

    /// <summary>The asker's offer as base64 of SDP, to get an answer; null to get an offer.</summary>
    public string? Offer { get; init; }

    /// <summary>The tube's id when the asker chooses it, or the live tube to open a channel on.</summary>
    public TubeId? TubeId { get; init; }

    /// <summary>A text of at most 128 characters; a repeated create with the key of a live tube is answered with that tube.</summary>
    public string? RequestKey { get; init; }

    /// <summary>On whose behalf the tube is made; shown, never interpreted.</summary>
    public string? Owner { get; init; }
}

/// <summary>Gives a tube the peer's description. Answered by <see cref="Done"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Type">Offer or answer.</param>
/// <param name="Sdp">Base64 of SDP.</param>
public sealed record SetRemoteDescription(TubeId TubeId, DescriptionType Type, string Sdp) : ITubeCommand;

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
public sealed record CloseTube(TubeId TubeId, CloseReason Reason = CloseReason.AdminClosed, string? Text = null) : ITubeCommand;

/// <summary>Closes a conversation's channel; its tube stays. Answered by <see cref="Done"/> when the conversation is free again, or <see cref="Refused"/>.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Reason">What the peer and the subscribers are told.</param>
/// <param name="Text">More about it, or null.</param>
public sealed record CloseConversation(ConversationId ConversationId, CloseReason Reason = CloseReason.AdminClosed, string? Text = null) : IRegistryCommand;

/// <summary>Makes a further conversation findable under a tube, without a channel of its own. Answered by <see cref="Done"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="ConversationId">The conversation; refused while another tube carries it.</param>
public sealed record AssociateConversation(TubeId TubeId, ConversationId ConversationId) : ITubeCommand;

/// <summary>
/// Sends the tube's signals to the sender of this command, the kept ones after <paramref name="AfterSequence"/> first, until <see cref="TubeClosed"/>.
/// Answered by <see cref="Done"/> before the first signal, or <see cref="Refused"/>.
/// </summary>
/// <param name="TubeId">The tube.</param>
/// <param name="AfterSequence">The last signal the subscriber has; 0 for all.</param>
public sealed record SubscribeSignals(TubeId TubeId, long AfterSequence = 0) : ITubeCommand;

/// <summary>Ends the sender's subscription. Answered by <see cref="Done"/>, also when there was none.</summary>
/// <param name="TubeId">The tube.</param>
public sealed record UnsubscribeSignals(TubeId TubeId) : ITubeCommand;

/// <summary>Asks for what is known of a tube. Answered by <see cref="TubeFound"/> or <see cref="Refused"/>.</summary>
/// <param name="TubeId">The tube.</param>
public sealed record GetTube(TubeId TubeId) : ITubeCommand;
