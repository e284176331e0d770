namespace Registry.Actors.Signals;

/// <summary>
/// Numbers what is published from 1 and keeps the last of it. Readers hold only a position, so a slow one costs nothing. Safe for every
/// thread.
/// </summary>
internal sealed class ReplayBuffer<T>(int capacity)
{
    private readonly Lock gate = new();
    private readonly T[] kept = new T[capacity];
    private long last;
    private bool completed;
    private TaskCompletionSource changed = NewSource();

    /// <summary>What a reader gets at one time.</summary>
    /// <param name="Items">The kept items after its position, oldest first.</param>
    /// <param name="Missed">Numbers of the first and last item after its position that is gone; null when none is.</param>
    /// <param name="Last">The reader's next position.</param>
    /// <param name="Ended">Whether nothing follows.</param>
    /// <param name="Next">Ends when there is more to read.</param>
    public readonly record struct Batch(IReadOnlyList<T> Items, (long First, long Last)? Missed, long Last, bool Ended, Task Next);

    /// <summary>Number of the last item; 0 before the first.</summary>
    public long Last { get { lock (gate) return last; } }

    /// <summary>Makes an item with the next number and keeps it.</summary>
    public T Publish(Func<long, T> create)
    {
        TaskCompletionSource waiting;
        T item;
        lock (gate)
        {
            item = create(last + 1);
            kept[last++ % capacity] = item;
            waiting = changed;
            changed = NewSource();
        }

        waiting.SetResult();
        return item;
    }

    /// <summary>Says that nothing follows. May be repeated.</summary>
    public void Complete()
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            completed = true;
            waiting = changed;
        }

        waiting.TrySetResult();
    }

    /// <summary>Reads what follows a number.</summary>
    /// <param name="after">Number of the last item the reader has; 0 for none.</param>
    /// <param name="most">Most items to read.</param>
    public Batch Read(long after, int most = int.MaxValue)
    {
        lock (gate)
        {
            var position = Math.Clamp(after, 0, last);
            var first = Math.Max(position, last - capacity) + 1;
            (long, long)? missed = first > position + 1 ? (position + 1, first - 1) : null;
            var items = new T[Math.Clamp(last - first + 1, 0, Math.Max(1, most))];
            for (var i = 0; i < items.Length; i++)
                items[i] = kept[(first - 1 + i) % capacity];
            var end = first - 1 + items.Length;
            return new(items, missed, end, completed && end == last, end == last ? changed.Task : Task.CompletedTask);
        }
    }

    // Continuations must not run inside the publisher.
    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
