using System.Globalization;
using System.Runtime.CompilerServices;
using Registry.Actors.ReadModel;
using Registry.Messages;

namespace Registry.Actors.Signals;

/// <summary>What happens to the tubes of a node, for those that watch them all. Its positions are <c>run-number</c>.</summary>
internal sealed class RegistryEventLog(string node, TubeDirectory directory, int capacity)
{
    private readonly ReplayBuffer<TubeSignal> changes = new(capacity);

    /// <summary>Changes are counted from 1 each time the node starts: a number of another run means nothing in this one.</summary>
    public string Run { get; } = Guid.NewGuid().ToString("N")[..8];

    /// <summary>Tells the watchers.</summary>
    public void Publish(TubeSignal signal)
    {
        if (!signal.IsForPeer)
            changes.Publish(_ => signal);
    }

    /// <summary>
    /// The changes after a position, when all of them are kept; otherwise every live tube and then the changes. A watcher that falls too
    /// far behind gets the tubes again.
    /// </summary>
    /// <param name="after">Where the watcher stands; null, or what is no position of this run, for nowhere.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    public async IAsyncEnumerable<RegistryEvent> WatchAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var position = TryReadPosition(after, out var known) && known <= changes.Last ? known : -1;
        while (true)
        {
            var batch = changes.Read(position);
            if (position < 0 || batch.Missed is not null)
            {
                // Listed after the number is read: a tube that changes meanwhile is told twice rather than not at all.
                position = changes.Last;
                // One that has ended said so before the number, and is about to go.
                foreach (var tube in directory.List().Where(t => t.State != TubeState.Closed))
                    yield return new TubeListed(tube);
                yield return new TubesListed(PositionOf(Run, position), node);
                continue;
            }

            foreach (var change in batch.Items)
                yield return new TubeSignalled(PositionOf(Run, ++position), change);
            await batch.Next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>One step of a watch that is driven from another node.</summary>
    public async Task<EventsRead> ReadAsync(ReadEvents read, TimeProvider time, CancellationToken cancellationToken)
    {
        if (read.Run != Run || read.AfterSequence < 0 || read.AfterSequence > changes.Last)
            return new(Run, changes.Last, [], Missed: true);
        var batch = changes.Read(read.AfterSequence, ReadEvents.Most);
        if (batch.Items.Count == 0 && await batch.Next.WithinAsync(read.MaxWait, time, cancellationToken))
            batch = changes.Read(read.AfterSequence, ReadEvents.Most);
        return batch.Missed is null ? new(Run, batch.Last, [.. batch.Items], Missed: false) : new(Run, changes.Last, [], Missed: true);
    }

    /// <summary>A position as text.</summary>
    public static string PositionOf(string run, long number) => string.Create(CultureInfo.InvariantCulture, $"{run}-{number}");

    private bool TryReadPosition(string? text, out long number)
    {
        number = -1;
        return text?.Split('-') is [var run, var digits] && run == Run && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
