using System.Runtime.CompilerServices;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster;

/// <summary>
/// The signals of another node's tube. They are pulled: each read names the last signal that is here, so that a lost message costs a moment and nothing else, and a
/// slow reader piles nothing up. When the node is lost, what it can no longer say is said here, once.
/// </summary>
internal sealed class RemoteSignals(ClusterRegistry registry, ClusterRoomContext room, TubeId tubeId)
{
    public async IAsyncEnumerable<TubeSignal> ReadAsync(long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (await LocateAsync(cancellationToken) is not { } node)
            yield break;
        if (node == room.Nodes.Self)
        {
            await foreach (var signal in registry.ReadHere(tubeId, afterSequence, cancellationToken))
                yield return signal;
            yield break;
        }

        var tube = await KnowAsync(afterSequence, cancellationToken);
        while (true)
        {
            var reply = await registry.TryAskAsync(node, new ReadSignals(tubeId, tube.LastSequence, room.Settings.LongPoll), room.Settings.LongPoll + room.Settings.Try, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (reply is Refused { Code: RefusalCode.TubeNotFound })
                yield break;
            if (reply is SignalsRead read)
            {
                foreach (var signal in read.Signals)
                {
                    tube.Learn(signal);
                    yield return signal;
                }

                if (read.Ended)
                    yield break;
            }
            else if (room.Nodes.LossOf(node).IsCancellationRequested)
            {
                break;
            }
            else
            {
                await Task.Delay(room.Settings.AskAgain, room.Time, cancellationToken);
            }
        }

        foreach (var signal in tube.LostWith(room.Nodes.NameOf(node), room.Time.GetUtcNow()))
            yield return signal;
    }

    // While a node that may have it does not answer, nobody knows.
    private async Task<NodeAddress?> LocateAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var place = await registry.SearchAsync(tubeId, cancellationToken);
            if (place.Node is not null)
                return place.Node;
            // It was there a moment ago, for the caller found it: its node is about to be lost, or was just now.
            if (room.Places.TryGet(tubeId, out var last))
                return last;
            if (place.Missing is null)
                return null;
            await Task.Delay(room.Settings.AskAgain, room.Time, cancellationToken);
        }
    }

    // A number that the tube has not reached is as good as its last.
    private async Task<KnownTube> KnowAsync(long afterSequence, CancellationToken cancellationToken)
    {
        if (await registry.FindTubeAsync(tubeId, cancellationToken) is not TubeFound { Snapshot: var found })
            return new(tubeId, afterSequence);
        var tube = new KnownTube(tubeId, Math.Clamp(afterSequence, 0, found.LastSignal));
        tube.Learn(found);
        return tube;
    }
}
