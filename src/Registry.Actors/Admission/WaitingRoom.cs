namespace Registry.Actors.Admission;

/// <summary>
/// Creates that wait for admission, served in turns between their owners. A full room makes place for an owner that has fewer in it than
/// another, so that a flood of one owner cannot keep the others out.
/// </summary>
internal sealed class WaitingRoom
{
    // Oldest first in each line; the owner whose turn is next stands first.
    private readonly LinkedList<OwnerLine> turns = new();
    private readonly Dictionary<string, LinkedListNode<OwnerLine>> lines = [];

    public int Count { get; private set; }

    /// <summary>The first of each owner's line, the one whose turn it is first.</summary>
    public IEnumerable<PendingCreate> Heads => turns.Select(line => line.Creates[0]);

    /// <summary>Everyone in the room.</summary>
    public IEnumerable<PendingCreate> All => turns.SelectMany(line => line.Creates);

    /// <summary>Takes a create in.</summary>
    /// <param name="create">The create.</param>
    /// <param name="capacity">Most creates in the room.</param>
    /// <param name="displaced">The create that had to leave for it, or null.</param>
    /// <returns>False when the room is full.</returns>
    public bool TryAdd(PendingCreate create, int capacity, out PendingCreate? displaced)
    {
        displaced = null;
        if (Count > capacity || Count == capacity && !TryDisplace(create, out displaced))
            return false;
        var owner = OwnerOf(create);
        if (!lines.TryGetValue(owner, out var line))
            lines.Add(owner, line = turns.AddLast(new OwnerLine(owner)));
        line.Value.Creates.Add(create);
        Count++;
        return true;
    }

    /// <summary>Takes the first of a line out; its owner's next one comes after those of all other owners.</summary>
    public void Take(PendingCreate head)
    {
        var line = lines[OwnerOf(head)];
        Remove(line, 0);
        if (line.List is null)
            return;
        turns.Remove(line);
        turns.AddLast(line);
    }

    /// <summary>Takes a create out that waits no longer.</summary>
    /// <returns>False when it is not in the room.</returns>
    public bool Remove(PendingCreate create)
    {
        if (!lines.TryGetValue(OwnerOf(create), out var line) || line.Value.Creates.IndexOf(create) is not (>= 0 and var index))
            return false;
        Remove(line, index);
        return true;
    }

    // The youngest of the longest line leaves, if that line stays at least as long as the newcomer's becomes.
    private bool TryDisplace(PendingCreate newcomer, out PendingCreate? displaced)
    {
        displaced = null;
        var own = lines.TryGetValue(OwnerOf(newcomer), out var line) ? line.Value.Creates.Count : 0;
        var longest = turns.MaxBy(l => l.Creates.Count);
        if (longest is null || longest.Creates.Count <= own + 1)
            return false;
        displaced = longest.Creates[^1];
        Remove(lines[longest.Owner], longest.Creates.Count - 1);
        return true;
    }

    private void Remove(LinkedListNode<OwnerLine> line, int index)
    {
        line.Value.Creates.RemoveAt(index);
        Count--;
        if (line.Value.Creates.Count > 0)
            return;
        lines.Remove(line.Value.Owner);
        turns.Remove(line);
    }

    // Creates without an owner wait in one line; an owner's name is never empty.
    private static string OwnerOf(PendingCreate create) => create.Command.Owner ?? "";

    private sealed record OwnerLine(string Owner)
    {
        public List<PendingCreate> Creates { get; } = [];
    }
}
