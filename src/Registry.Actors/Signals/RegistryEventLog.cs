using System.Runtime.CompilerServices;
using Registry.Actors.ReadModel;
using Registry.Messages;

namespace Registry.Actors.Signals;

/// <summary>What happens to the tubes of a node, for those that watch them all.</summary>
internal sealed class RegistryEventLog(TubeDirectory directory, int capacity)
{
    private readonly ReplayBuffer<TubeSignalled> changes = new(capacity);

    /// <summary>Tells the watchers; candidates are for the tube's own peer.</summary>
    public void Publish(TubeSignal signal)
    {
        if (signal is not IceCandidateFound)
            changes.Publish(sequence => new(sequence, signal));
    }

    /// <summary>
    /// The changes after a number, when all of them are kept; otherwise every live tube and then the changes. A watcher that falls too
    /// far behind gets the tubes again.
    /// </summary>
    /// <param name="afterSequence">The last change the watcher knows, or null for none.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    public async IAsyncEnumerable<RegistryEvent> WatchAsync(long? afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var position = afterSequence is { } known && known <= changes.Last ? known : -1;
        while (true)
        {
            var batch = changes.Read(position);
            if (position < 0 || batch.Missed is not null)
            {
                // Listed after the number is read: a tube that changes meanwhile is told twice rather than not at all.
                position = changes.Last;
                // One that has ended said so before the number, and is about to go.
                foreach (var tube in directory.List().Where(t => t.State != TubeState.Closed))
                    yield return new TubeListed(position, tube);
                yield return new TubesListed(position);
                continue;
            }

            position = batch.Last;
            foreach (var change in batch.Items)
                yield return change;
            await batch.Next.WaitAsync(cancellationToken);
        }
    }
}
