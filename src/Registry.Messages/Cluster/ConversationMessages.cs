using System.Collections.Immutable;

namespace Registry.Messages.Cluster;

// To the entry of a conversation, wherever its shard is. Each may come twice or, at a hand-off, not at all.

/// <summary>
/// Asks for a tube or channel that carries the conversation. Repeated with the same <paramref name="OpenId"/> until it is answered; one that is not
/// repeated for a while is given up. Answered as its command is.
/// </summary>
/// <param name="OpenId">Names this one wish, across its repetitions.</param>
/// <param name="Command">A <see cref="CreateTube"/> or an <see cref="AssociateConversation"/>.</param>
/// <param name="At">The node that must do it because the tube it names lives there; null for any.</param>
public sealed record OpenConversation(Guid OpenId, IRegistryCommand Command, NodeAddress? At) : IRegistryProtocol, IWithConversationId
{
    /// <inheritdoc/>
    public ConversationId ConversationId => ((IWithConversationId)Command).ConversationId;
}

/// <summary>Nobody wants the answer to an <see cref="OpenConversation"/> any more: what it made is closed.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="OpenId">The wish.</param>
public sealed record AbandonOpen(ConversationId ConversationId, Guid OpenId) : IRegistryProtocol, IWithConversationId;

/// <summary>A node has a <see cref="Place"/> and works on it.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="OpenId">The wish.</param>
/// <param name="Epoch">The placement's number.</param>
/// <param name="Node">The node.</param>
public sealed record PlaceTaken(ConversationId ConversationId, Guid OpenId, long Epoch, NodeAddress Node) : IRegistryProtocol, IWithConversationId;

/// <summary>What became of a <see cref="Place"/>.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="OpenId">The wish.</param>
/// <param name="Epoch">The placement's number.</param>
/// <param name="Node">The node.</param>
/// <param name="Reply">The answer for who asked.</param>
public sealed record PlaceSettled(ConversationId ConversationId, Guid OpenId, long Epoch, NodeAddress Node, RegistryReply Reply) : IRegistryProtocol, IWithConversationId;

/// <summary>A tube of a node carries the conversation.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="TubeId">The tube.</param>
/// <param name="Epoch">The placement's number.</param>
/// <param name="Node">The node.</param>
public sealed record ConversationHeld(ConversationId ConversationId, TubeId TubeId, long Epoch, NodeAddress Node) : IRegistryProtocol, IWithConversationId;

/// <summary>A tube of a node no longer carries the conversation.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="TubeId">The tube.</param>
/// <param name="Node">The node.</param>
public sealed record ConversationEnded(ConversationId ConversationId, TubeId TubeId, NodeAddress Node) : IRegistryProtocol, IWithConversationId;

// To a node.

/// <summary>Asks a node to carry a conversation. Answered, through the conversation's entry, by <see cref="PlaceTaken"/> at once and by <see cref="PlaceSettled"/>.</summary>
/// <param name="OpenId">The wish; repeated, it is answered again.</param>
/// <param name="Epoch">The placement's number.</param>
/// <param name="Command">A <see cref="CreateTube"/> or an <see cref="AssociateConversation"/>.</param>
/// <param name="OnlyIfHeld">Whether the node is asked because it carries the conversation already; one that does not refuses with <see cref="RefusalCode.ConversationNotFound"/>.</param>
public sealed record Place(Guid OpenId, long Epoch, IRegistryCommand Command, bool OnlyIfHeld) : IRegistryProtocol;

/// <summary>Gives a <see cref="Place"/> up; what it made is closed.</summary>
/// <param name="OpenId">The wish.</param>
public sealed record Unplace(Guid OpenId) : IRegistryProtocol;

/// <summary>Closes what carries a conversation on this node, because a later placement carries it elsewhere.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="TubeId">The tube that must not carry it.</param>
/// <param name="Epoch">The number of the placement that lost; a later one on the same tube stays.</param>
public sealed record Supersede(ConversationId ConversationId, TubeId TubeId, long Epoch) : IRegistryProtocol;

/// <summary>Asks a node which conversations of a shard it carries. Answered by <see cref="ShardHeld"/>.</summary>
/// <param name="Shard">The shard's id.</param>
public sealed record RecoverShard(string Shard) : IRegistryProtocol;

/// <summary>Which conversations of a shard a node carries, those being made included.</summary>
/// <param name="Shard">The shard's id.</param>
/// <param name="Node">The node.</param>
/// <param name="Held">The conversations.</param>
public sealed record ShardHeld(string Shard, NodeAddress Node, ImmutableArray<ConversationHeld> Held) : IRegistryProtocol;

// Owners' limits: to the entry of an owner, wherever its shard is, and to a node.

/// <summary>What concerns one owner; the owner's name says which node decides about it.</summary>
public interface IWithOwner
{
    /// <summary>The owner, 1 to 128 printable characters.</summary>
    string Owner { get; }
}

/// <summary>Asks for one more tube of an owner. Answered by <see cref="Done"/> or <see cref="Refused"/>. May be repeated.</summary>
/// <param name="Owner">The owner.</param>
/// <param name="TubeId">The tube that is to be made.</param>
/// <param name="Node">The node that makes it.</param>
public sealed record ReserveTube(string Owner, TubeId TubeId, NodeAddress Node) : IRegistryProtocol, IWithOwner;

/// <summary>A tube of an owner was not made, or has ended.</summary>
/// <param name="Owner">The owner.</param>
/// <param name="TubeId">The tube.</param>
public sealed record ReleaseTube(string Owner, TubeId TubeId) : IRegistryProtocol, IWithOwner;

/// <summary>Asks a node for an owner's tubes. Answered by <see cref="OwnerHeld"/>.</summary>
/// <param name="Owner">The owner.</param>
public sealed record RecoverOwner(string Owner) : IRegistryProtocol;

/// <summary>An owner's tubes on a node, those being made included.</summary>
/// <param name="Owner">The owner.</param>
/// <param name="Node">The node.</param>
/// <param name="Tubes">The tubes.</param>
public sealed record OwnerHeld(string Owner, NodeAddress Node, ImmutableArray<TubeId> Tubes) : IRegistryProtocol, IWithOwner;
