using System.Collections.Immutable;
using Registry.Messages;

namespace Registry.Actors.Cluster;

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
