namespace Registry.Actors.Channels.Flow;

/// <summary>What the connections of one channel share: where frames go, what may wait, and what the two ends agreed on.</summary>
internal sealed class ChannelFlow(FrameLink link, TubeFlow tube, Heartbeat heartbeat)
{
    private volatile bool hasWindows;

    /// <summary>Where frames go.</summary>
    public FrameLink Link => link;

    /// <summary>The tube's bounds.</summary>
    public TubeFlow Tube => tube;

    /// <summary>The channel's round trips.</summary>
    public Heartbeat Heartbeat => heartbeat;

    /// <summary>Whether both ends speak tube.v2: each sends only what the other granted. Becomes true before the first connection is answered, or never.</summary>
    public bool HasWindows
    {
        get => hasWindows;
        set => hasWindows = value;
    }
}
