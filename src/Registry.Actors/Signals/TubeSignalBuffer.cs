using System.Runtime.CompilerServices;
using Registry.Messages;

namespace Registry.Actors.Signals;

/// <summary>
/// A tube's numbered signals, the last of them kept. Written by the tube's actor, read by anyone: a reader holds only a position, so a
/// slow one costs nothing and is told what it missed.
/// </summary>
internal sealed class TubeSignalBuffer(TubeId tubeId, int capacity)
{
    private readonly Lock gate = new();
    private readonly Queue<TubeSignal> kept = new();
    private long last;
    private bool completed;
    private TaskCompletionSource changed = NewSource();

    public delegate TubeSignal Factory(TubeId tubeId, long sequence);

    /// <summary>Numbers a signal and keeps it.</summary>
    public TubeSignal Publish(Factory create)
    {
        TaskCompletionSource waiting;
        TubeSignal signal;
        lock (gate)
        {
            signal = create(tubeId, ++last);
            if (kept.Count == capacity)
                kept.Dequeue();
            kept.Enqueue(signal);
            waiting = changed;
            changed = NewSource();
        }

        waiting.SetResult();
        return signal;
    }

    /// <summary>Says that no signal follows. May be repeated.</summary>
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

    /// <summary>The kept signals after a number, behind a <see cref="SignalsMissed"/> when some of them are gone.</summary>
    public IReadOnlyList<TubeSignal> After(long sequence) => Read(ref sequence, out _, out _);

    /// <summary>The signals after a number, then those to come, until the last.</summary>
    public async IAsyncEnumerable<TubeSignal> ReadAsync(long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var batch = Read(ref afterSequence, out var ended, out var next);
            foreach (var signal in batch)
                yield return signal;
            if (ended)
                yield break;
            await next.WaitAsync(cancellationToken);
        }
    }

    private List<TubeSignal> Read(ref long position, out bool ended, out Task next)
    {
        lock (gate)
        {
            var batch = new List<TubeSignal>();
            var after = Math.Clamp(position, 0, last);
            if (kept.TryPeek(out var oldest) && oldest.Sequence > after + 1)
                batch.Add(new SignalsMissed(tubeId, oldest.Sequence - 1, oldest.Time, after + 1));
            foreach (var signal in kept)
                if (signal.Sequence > after)
                    batch.Add(signal);
            position = last;
            ended = completed;
            next = changed.Task;
            return batch;
        }
    }

    // Continuations must not run inside the tube's actor.
    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
