using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Registry.Actors.Signals;
using Registry.Messages;

namespace Registry.Actors.ReadModel;

/// <summary>The read-model. Each entry is written only by the actor of its tube.</summary>
internal sealed class TubeDirectory(int closedKept) : ITubeDirectory
{
    // Keyed by the ids' texts, which halves the time of a lookup: over strings the dictionary starts with a faster hash, and goes over to
    // the randomised one when many keys collide, as those that strangers choose may do on purpose.
    private readonly ConcurrentDictionary<string, TubeEntry> tubes = new();
    private readonly ConcurrentDictionary<string, TubeEntry> conversations = new();
    private readonly ConcurrentDictionary<string, TubeEntry> closed = new();
    private readonly ConcurrentQueue<TubeEntry> closedOrder = new();
    private readonly ConcurrentDictionary<string, byte> closedConversations = new();
    private readonly ConcurrentQueue<string> closedConversationOrder = new();
    private int count;

    /// <summary>Told, by the tube's actor, when a tube no longer carries a conversation.</summary>
    public Action<ConversationId, TubeId>? ConversationReleased { get; set; }

    /// <summary>Told, by the tube's actor, when a tube is no longer listed.</summary>
    public Action<TubeSnapshot>? TubeRemoved { get; set; }

    // A gauge of its own: ConcurrentDictionary.Count takes every lock.
    public int Count => Volatile.Read(ref count);

    /// <summary>Conversations that are claimed.</summary>
    public int ConversationCount => conversations.Count;

    /// <summary>Ended tubes that are still readable.</summary>
    public int ClosedCount => closed.Count;

    /// <summary>The entries of the live tubes.</summary>
    public IEnumerable<TubeEntry> Entries => tubes.Select(pair => pair.Value);

    /// <summary>The claimed conversations and who has them.</summary>
    public IEnumerable<(ConversationId Conversation, TubeEntry Tube)> Claims =>
        conversations.Select(pair => (ConversationId.TryParse(pair.Key, out var id) ? id : default, pair.Value));

    public bool TryGet(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = tubes.TryGetValue(tubeId.ToString(), out var entry) ? entry.Snapshot : null;
        return tube is not null;
    }

    public bool TryGet(ConversationId conversationId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = conversations.TryGetValue(conversationId.ToString(), out var entry) ? entry.Snapshot : null;
        return tube is not null;
    }

    public bool TryGetTraffic(TubeId tubeId, out TubeTraffic traffic)
    {
        var found = tubes.TryGetValue(tubeId.ToString(), out var entry);
        traffic = found ? entry!.ReadTraffic() : default;
        return found;
    }

    public IReadOnlyList<ConversationId> ConversationsOf(TubeId tubeId) =>
        TryGet(tubeId, out var tube) ? [.. tube.Conversations.Select(c => c.ConversationId)] : [];

    public IEnumerable<TubeSnapshot> List()
    {
        foreach (var (_, entry) in tubes)
            yield return entry.Snapshot;
    }

    public TubePage List(TubeQuery query)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(query.Limit, TubeQuery.MaxLimit);
        var after = query.Cursor?.ToString();
        // The smallest ids after the cursor, one more than asked for: it tells whether there is a next page. The largest is on top.
        var page = new PriorityQueue<TubeSnapshot, string>(query.Limit + 1, Descending);
        foreach (var tube in query.State == TubeState.Closed ? closed.Select(pair => pair.Value.Snapshot) : List())
        {
            var id = tube.TubeId.ToString();
            if ((after is not null && string.CompareOrdinal(id, after) <= 0) || !query.Matches(tube))
                continue;
            if (page.Count <= query.Limit)
                page.Enqueue(tube, id);
            else
                page.EnqueueDequeue(tube, id);
        }

        var hasMore = page.Count > query.Limit;
        if (hasMore)
            page.Dequeue();
        var items = new TubeSnapshot[page.Count];
        for (var i = items.Length - 1; i >= 0; i--)
            items[i] = page.Dequeue();
        return new([.. items], hasMore ? items[^1].TubeId : null);
    }

    public bool TryGetClosed(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = closed.TryGetValue(tubeId.ToString(), out var entry) ? entry.Snapshot : null;
        return tube is not null;
    }

    /// <summary>The signals of a live tube or of one that ended not long ago.</summary>
    public TubeSignalBuffer? SignalsOf(TubeId tubeId) =>
        tubes.TryGetValue(tubeId.ToString(), out var entry) || closed.TryGetValue(tubeId.ToString(), out entry) ? entry.Signals : null;

    /// <summary>The statistics of a live tube.</summary>
    public bool TryReadStatistics(TubeId tubeId, [NotNullWhen(true)] out TubeStatistics? statistics)
    {
        statistics = tubes.TryGetValue(tubeId.ToString(), out var entry) ? entry.ReadStatistics() : null;
        return statistics is not null;
    }

    /// <summary>Whether this very entry is that of a live tube.</summary>
    public bool Contains(TubeEntry entry) => tubes.TryGetValue(entry.TubeId.ToString(), out var live) && live == entry;

    /// <summary>Makes a tube findable.</summary>
    /// <exception cref="InvalidOperationException">A live tube has this id.</exception>
    public void Add(TubeEntry entry)
    {
        if (!tubes.TryAdd(entry.TubeId.ToString(), entry))
            throw new InvalidOperationException($"Tube {entry.TubeId} is in the directory already.");
        Interlocked.Increment(ref count);
    }

    /// <summary>Binds a conversation to a tube unless another has it.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="entry">The tube that wants it.</param>
    /// <returns>The tube that has it afterwards.</returns>
    public TubeEntry Claim(ConversationId conversationId, TubeEntry entry) => conversations.GetOrAdd(conversationId.ToString(), entry);

    /// <summary>Whether the conversation was closed by a call not long ago and is not live again: closing it once more succeeds.</summary>
    public bool WasClosed(ConversationId conversationId) => closedConversations.ContainsKey(conversationId.ToString()) && !conversations.ContainsKey(conversationId.ToString());

    /// <summary>Remembers that a conversation was closed by a call. As many are known as ended tubes.</summary>
    public void RememberClosed(ConversationId conversationId)
    {
        closedConversations[conversationId.ToString()] = 0;
        closedConversationOrder.Enqueue(conversationId.ToString());
        while (closedConversationOrder.Count > closedKept && closedConversationOrder.TryDequeue(out var oldest))
            closedConversations.TryRemove(oldest, out _);
    }

    /// <summary>Frees a conversation if the tube has it.</summary>
    public void Release(ConversationId conversationId, TubeEntry entry)
    {
        if (conversations.TryRemove(new(conversationId.ToString(), entry)))
            ConversationReleased?.Invoke(conversationId, entry.TubeId);
    }

    /// <summary>Removes a tube and keeps it readable as closed.</summary>
    public void Remove(TubeEntry entry)
    {
        if (!Contains(entry))
            return;
        // Before it leaves the live ones: a reader, who looks there first, finds it at every moment.
        closed[entry.TubeId.ToString()] = entry;
        closedOrder.Enqueue(entry);
        if (tubes.TryRemove(new(entry.TubeId.ToString(), entry)))
        {
            Interlocked.Decrement(ref count);
            TubeRemoved?.Invoke(entry.Snapshot);
        }

        while (closedOrder.Count > closedKept)
            DropOldestClosed();
    }

    /// <summary>Forgets the ended tubes that ended before a time.</summary>
    public void DropClosedBefore(DateTimeOffset time)
    {
        while (closedOrder.TryPeek(out var oldest) && oldest.Snapshot.History is [.., var last] && last.At < time)
            DropOldestClosed();
    }

    private void DropOldestClosed()
    {
        if (closedOrder.TryDequeue(out var oldest))
            closed.TryRemove(new(oldest.TubeId.ToString(), oldest));
    }

    private static readonly Comparer<string> Descending = Comparer<string>.Create(static (a, b) => string.CompareOrdinal(b, a));
}
