using System.Runtime.CompilerServices;
using Registry.Messages;

namespace Registry.Actors.Signals;

/// <summary>A tube's numbered signals, the last of them kept. Written by the tube's actor, read by anyone.</summary>
internal sealed class TubeSignalBuffer(TubeId tubeId, int capacity)
{
    private readonly ReplayBuffer<TubeSignal> signals = new(capacity);

    public delegate TubeSignal Factory(TubeId tubeId, long sequence);

    /// <summary>Number of the last signal; 0 before the first.</summary>
    public long Last => signals.Last;

    /// <summary>Numbers a signal and keeps it.</summary>
    public TubeSignal Publish(Factory create) => signals.Publish(sequence => create(tubeId, sequence));

    /// <summary>Says that no signal follows. May be repeated.</summary>
    public void Complete() => signals.Complete();

    /// <summary>The kept signals after a number, behind a <see cref="SignalsMissed"/> when some of them are gone.</summary>
    /// <param name="sequence">The last signal the reader has.</param>
    /// <param name="most">Most signals to read, the missed ones not counted.</param>
    public IReadOnlyList<TubeSignal> After(long sequence, int most = int.MaxValue) => Tell(signals.Read(sequence, most));

    /// <summary>The signals after a number, then those to come, until the last.</summary>
    public async IAsyncEnumerable<TubeSignal> ReadAsync(long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var position = afterSequence;
        while (true)
        {
            var batch = signals.Read(position);
            position = batch.Last;
            foreach (var signal in Tell(batch))
                yield return signal;
            if (batch.Ended)
                yield break;
            await batch.Next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The signals after a number, as soon as there is one or the time is over.</summary>
    public async Task<SignalsRead> ReadAsync(ReadSignals read, TimeProvider time, CancellationToken cancellationToken)
    {
        var batch = signals.Read(read.AfterSequence, ReadSignals.Most);
        if (batch.Items.Count == 0 && !batch.Ended && await batch.Next.WithinAsync(read.MaxWait, time, cancellationToken))
            batch = signals.Read(read.AfterSequence, ReadSignals.Most);
        return new([.. Tell(batch)], batch.Ended);
    }

    private IReadOnlyList<TubeSignal> Tell(ReplayBuffer<TubeSignal>.Batch batch) =>
        batch.Missed is { } missed ? [new SignalsMissed(tubeId, missed.Last, batch.Items[0].Time, missed.First), .. batch.Items] : batch.Items;
}
