using System.Diagnostics.CodeAnalysis;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>The node's tubes, for reading. No call waits for an actor or a lock.</summary>
public interface ITubeDirectory
{
    /// <summary>Live tubes.</summary>
    int Count { get; }

    /// <summary>The tube as it is now.</summary>
    bool TryGet(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube);

    /// <summary>The tube that carries the conversation.</summary>
    bool TryGet(ConversationId conversationId, [NotNullWhen(true)] out TubeSnapshot? tube);

    /// <summary>The tube's counters at this moment; those in its snapshot are of its last change.</summary>
    bool TryGetTraffic(TubeId tubeId, out TubeTraffic traffic);

    /// <summary>The tube's conversations; empty when there is no such tube.</summary>
    IReadOnlyList<ConversationId> ConversationsOf(TubeId tubeId);

    /// <summary>Live tubes, in no order. Tubes that come or go meanwhile may or may not be among them.</summary>
    IEnumerable<TubeSnapshot> List();

    /// <summary>A page of the live tubes that match, in the order of their ids.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="TubeQuery.Limit"/> is out of range.</exception>
    TubePage List(TubeQuery query);

    /// <summary>A tube that ended not long ago: the last <c>registry.tube.closed-kept</c>, for <c>registry.tube.closed-kept-for</c>.</summary>
    bool TryGetClosed(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube);
}
