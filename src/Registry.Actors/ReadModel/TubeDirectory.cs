using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Registry.Actors.Signals;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.ReadModel;

/// <summary>The read-model. Each entry is written only by the actor of its tube.</summary>
internal sealed class TubeDirectory(int closedKept) : ITubeDirectory
{
    private readonly ConcurrentDictionary<TubeId, TubeEntry> tubes = new();
    private readonly ConcurrentDictionary<ConversationId, TubeId> conversations = new();
    private readonly ConcurrentDictionary<TubeId, TubeEntry> closed = new();
    private readonly ConcurrentQueue<TubeEntry> closedOrder = new();
    private int count;

    // A gauge of its own: ConcurrentDictionary.Count takes every lock.
    public int Count => Volatile.Read(ref count);

    /// <summary>Conversations that are claimed.</summary>
    public int ConversationCount => conversations.Count;

    public bool TryGet(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = tubes.TryGetValue(tubeId, out var entry) ? entry.Snapshot : null;
        return tube is not null;
    }

    public bool TryGet(ConversationId conversationId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = null;
        return conversations.TryGetValue(conversationId, out var tubeId) && TryGet(tubeId, out tube);
    }

    public bool TryGetTraffic(TubeId tubeId, out TubeTraffic traffic)
    {
        traffic = default;
        if (!tubes.TryGetValue(tubeId, out var entry))
            return false;
        if (entry.Connection?.GetStatistics() is { } s)
            traffic = new(s.BytesSent, s.BytesReceived, s.MessagesSent, s.MessagesReceived, s.RoundTripTime);
        return true;
    }

    public IReadOnlyList<ConversationId> ConversationsOf(TubeId tubeId) =>
        TryGet(tubeId, out var tube) ? [.. tube.Conversations.Select(c => c.ConversationId)] : [];

    public IEnumerable<TubeSnapshot> List()
    {
        foreach (var (_, entry) in tubes)
            yield return entry.Snapshot;
    }

    public bool TryGetClosed(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = closed.TryGetValue(tubeId, out var entry) ? entry.Snapshot : null;
        return tube is not null;
    }

    /// <summary>The signals of a live tube or of one that ended not long ago.</summary>
    public TubeSignalBuffer? SignalsOf(TubeId tubeId) =>
        tubes.TryGetValue(tubeId, out var entry) || closed.TryGetValue(tubeId, out entry) ? entry.Signals : null;

    public TubeEntry Add(TubeSnapshot snapshot, TubeSignalBuffer signals)
    {
        var entry = new TubeEntry(snapshot, signals);
        if (!tubes.TryAdd(snapshot.TubeId, entry))
            throw new InvalidOperationException($"Tube {snapshot.TubeId} is in the directory already.");
        Interlocked.Increment(ref count);
        return entry;
    }

    /// <summary>Binds a conversation to a tube unless another has it.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="tubeId">The tube that wants it.</param>
    /// <param name="holder">The tube that has it afterwards.</param>
    public bool TryClaim(ConversationId conversationId, TubeId tubeId, out TubeId holder)
    {
        if (conversations.TryAdd(conversationId, tubeId))
        {
            holder = tubeId;
            return true;
        }

        // It may have been freed in between; then the claim stays refused and the caller's next try succeeds.
        holder = conversations.GetValueOrDefault(conversationId);
        return false;
    }

    /// <summary>Frees a conversation if the tube has it.</summary>
    public void Release(ConversationId conversationId, TubeId tubeId) => conversations.TryRemove(new(conversationId, tubeId));

    /// <summary>Removes a tube and keeps it readable as closed. Its conversations must have been released.</summary>
    public void Remove(TubeEntry entry)
    {
        if (!tubes.TryRemove(new(entry.Snapshot.TubeId, entry)))
            return;
        Interlocked.Decrement(ref count);
        entry.Connection = null;
        closed[entry.Snapshot.TubeId] = entry;
        closedOrder.Enqueue(entry);
        while (closedOrder.Count > closedKept && closedOrder.TryDequeue(out var oldest))
            closed.TryRemove(new(oldest.Snapshot.TubeId, oldest));
    }
}

/// <summary>A tube's place in the read-model.</summary>
internal sealed class TubeEntry(TubeSnapshot snapshot, TubeSignalBuffer signals)
{
    private volatile TubeSnapshot snapshot = snapshot;
    private volatile IPeerConnection? connection;

    public TubeSnapshot Snapshot { get => snapshot; set => snapshot = value; }

    public TubeSignalBuffer Signals { get; } = signals;

    /// <summary>Where the counters are read; null before there is a connection and after the end.</summary>
    public IPeerConnection? Connection { get => connection; set => connection = value; }
}
