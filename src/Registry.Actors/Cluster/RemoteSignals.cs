using System.Collections.Immutable;
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
        if (await registry.LocateAsync(tubeId, cancellationToken) is not { Node: { } node } place)
            yield break;
        var tube = new KnownTube(tubeId, afterSequence);
        if ((place.Found ?? await registry.FindTubeAsync(tubeId, cancellationToken)) is TubeFound found)
            tube.Learn(found.Snapshot);
        while (true)
        {
            var reply = await registry.TryAskAsync(node, new ReadSignals(tubeId, tube.LastSequence, room.Settings.LongPoll), room.Settings.LongPoll + room.Settings.Try, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (room.Nodes.LossOf(node).IsCancellationRequested)
                break;
            if (reply is Refused { Code: RefusalCode.TubeNotFound })
                yield break;
            if (reply is not SignalsRead read)
            {
                await Task.Delay(room.Settings.AskAgain, room.Time, cancellationToken);
                continue;
            }

            foreach (var signal in read.Signals)
            {
                tube.Learn(signal);
                yield return signal;
            }

            if (read.Ended)
                yield break;
        }

        foreach (var signal in tube.LostWith(room.Nodes.NameOf(node), room.Time.GetUtcNow()))
            yield return signal;
    }
}

/// <summary>What must be said of a tube when its node is lost: which channels it has, and which number comes next.</summary>
internal sealed class KnownTube(TubeId tubeId, long afterSequence)
{
    private readonly HashSet<string> channels = [];

    public long LastSequence { get; private set; } = afterSequence;

    public bool HasEnded { get; private set; }

    // One that was only associated has no channel to close.
    public void Learn(TubeSnapshot tube) => channels.UnionWith(tube.Conversations.Where(c => c.Type != "associated").Select(c => c.ConversationId.ToString()));

    /// <summary>Signals up to this one are not told here.</summary>
    public void GoOnAfter(long sequence) => LastSequence = Math.Max(LastSequence, sequence);

    public void Learn(TubeSignal signal)
    {
        GoOnAfter(signal.Sequence);
        switch (signal)
        {
            case ChannelOpened opened:
                channels.Add(opened.ChannelId);
                break;
            case ChannelClosed closed:
                channels.Remove(closed.ChannelId);
                break;
            case TubeClosed:
                HasEnded = true;
                break;
        }
    }

    public ImmutableArray<TubeSignal> LostWith(string node, DateTimeOffset time)
    {
        if (HasEnded)
            return [];
        HasEnded = true;
        return
        [
            .. channels.Select(c => new ChannelClosed(tubeId, ++LastSequence, time, c, "tube_closed", CloseReason.ConnectionLost)),
            new TubeClosed(tubeId, ++LastSequence, time, CloseReason.ConnectionLost, $"The node {node} was lost."),
        ];
    }
}
