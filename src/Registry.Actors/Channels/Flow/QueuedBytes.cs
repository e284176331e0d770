namespace Registry.Actors.Channels.Flow;

/// <summary>Bytes that wait in memory, never more than a limit: who would pass it waits for its turn. Safe for any thread.</summary>
internal sealed class QueuedBytes(int limit)
{
    private readonly Lock gate = new();
    private readonly Queue<(int Bytes, TaskCompletionSource Turn)> waiting = new();
    private long queued;
    private long highest;

    /// <summary>Bytes that wait now.</summary>
    public long Queued => Volatile.Read(ref queued);

    /// <summary>Most bytes that ever waited at once.</summary>
    public long Highest => Volatile.Read(ref highest);

    /// <summary>Counts bytes in, waiting while there is no room. More than the limit has room when nothing else waits.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="cancellationToken">Gives up; nothing is counted then.</param>
    public ValueTask EnterAsync(int bytes, CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (gate)
        {
            if (waiting.Count == 0 && HasRoom(bytes))
            {
                Count(bytes);
                return ValueTask.CompletedTask;
            }

            turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Enqueue((bytes, turn));
        }

        return new(WaitAsync(turn, cancellationToken));
    }

    /// <summary>Counts bytes in if they find room at once.</summary>
    public bool TryEnter(int bytes)
    {
        lock (gate)
        {
            if (waiting.Count > 0 || !HasRoom(bytes))
                return false;
            Count(bytes);
            return true;
        }
    }

    /// <summary>Counts bytes out.</summary>
    public void Leave(int bytes)
    {
        lock (gate)
        {
            queued -= bytes;
            AdmitWaiting();
        }
    }

    private void AdmitWaiting()
    {
        while (waiting.TryPeek(out var next) && (next.Turn.Task.IsCompleted || HasRoom(next.Bytes)))
        {
            waiting.Dequeue();
            // One that gave up takes no room.
            if (next.Turn.TrySetResult())
                Count(next.Bytes);
        }
    }

    private bool HasRoom(int bytes) => queued + bytes <= limit || queued == 0;

    private void Count(int bytes)
    {
        queued += bytes;
        highest = Math.Max(highest, queued);
    }

    private async Task WaitAsync(TaskCompletionSource turn, CancellationToken cancellationToken)
    {
        await using var withdrawal = cancellationToken.UnsafeRegister((t, token) =>
        {
            if (((TaskCompletionSource)t!).TrySetCanceled(token))
                Leave(0); // It may have stood in the way of others.
        }, turn);
        await turn.Task;
    }
}
