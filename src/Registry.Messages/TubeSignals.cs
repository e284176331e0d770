namespace Registry.Messages;

/// <summary>Something that happened to a tube. Signals of a tube are numbered from 1 without gaps and come in order.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
public abstract record TubeSignal(TubeId TubeId, long Sequence, DateTimeOffset Time) : IRegistryProtocol
{
    /// <summary>The kind as text, such as <c>ice_candidate</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Whether it is for the tube's peer alone, because it says what it takes to join the connection.</summary>
    public virtual bool IsForPeer => false;
}

/// <summary>A local candidate was found (trickle only).</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Candidate">The candidate line (RFC 8839 §5.1) without <c>a=</c>; empty when there are no more.</param>
public sealed record IceCandidateFound(TubeId TubeId, long Sequence, DateTimeOffset Time, string Candidate) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "ice_candidate";

    /// <inheritdoc/>
    public override bool IsForPeer => true;
}

/// <summary>The tube reached another state.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="State">The state it is in now.</param>
public sealed record ConnectionStateChanged(TubeId TubeId, long Sequence, DateTimeOffset Time, TubeState State) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "connection_state_changed";
}

/// <summary>The tube restarts ICE: give the offer to the peer and its answer to the tube.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Offer">Base64 of the SDP offer.</param>
public sealed record IceRestartOffered(TubeId TubeId, long Sequence, DateTimeOffset Time, string Offer) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "ice_restart_offer";

    /// <inheritdoc/>
    public override bool IsForPeer => true;
}

/// <summary>A channel can carry data.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="ChannelId">The channel's label, which is its conversation's id.</param>
public sealed record ChannelOpened(TubeId TubeId, long Sequence, DateTimeOffset Time, string ChannelId) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "channel_opened";
}

/// <summary>A channel ended. There is exactly one for each channel, whatever ended it and whether or not it ever opened.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="ChannelId">The channel's label, which is its conversation's id.</param>
/// <param name="Outcome"><c>normal</c>, <c>tube_closed</c> when the whole tube ended, or <c>error: </c> and what happened.</param>
/// <param name="Reason">Why.</param>
public sealed record ChannelClosed(TubeId TubeId, long Sequence, DateTimeOffset Time, string ChannelId, string Outcome, CloseReason Reason)
    : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "channel_closed";
}

/// <summary>The tube ended and everything of it was released. There is exactly one, and it is the last signal.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Reason">Why.</param>
/// <param name="Text">What happened, for people.</param>
public sealed record TubeClosed(TubeId TubeId, long Sequence, DateTimeOffset Time, CloseReason Reason, string Text) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "tube_closed";
}

/// <summary>guacd told a session of one of the tube's channels something that more than the peer may want to know: the display's size.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="ChannelId">The channel's label, which is its conversation's id.</param>
/// <param name="Instruction">The Guacamole instruction, such as <c>4.size,1.0,4.1024,3.768;</c>. When sizes come faster than they are told, the last one is.</param>
public sealed record GuacdInstruction(TubeId TubeId, long Sequence, DateTimeOffset Time, string ChannelId, string Instruction) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "guacd_instruction";
}

/// <summary>The tube's node goes out of service: make a tube on another node and move there; this one goes on until the deadline at most.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Deadline">When what is left is closed.</param>
public sealed record NodeDraining(TubeId TubeId, long Sequence, DateTimeOffset Time, DateTimeOffset Deadline) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "node_draining";
}

/// <summary>Tells a subscriber that it came too late for some signals; the ones after them follow.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The last signal that was missed.</param>
/// <param name="Time">When this was noticed.</param>
/// <param name="First">The first signal that was missed.</param>
public sealed record SignalsMissed(TubeId TubeId, long Sequence, DateTimeOffset Time, long First) : TubeSignal(TubeId, Sequence, Time)
{
    /// <inheritdoc/>
    public override string Kind => "signals_missed";
}
