namespace Registry.Client;

/// <summary>A signal of a tube: the data of a server-sent event. Members that do not belong to its kind are left out.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Sequence">The signal's number: from 1 without gaps.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Kind">
/// <c>ice_candidate</c>, <c>connection_state_changed</c>, <c>ice_restart_offer</c>, <c>channel_opened</c>, <c>channel_closed</c>, <c>tube_closed</c>,
/// <c>guacd_instruction</c>, <c>node_draining</c> or <c>signals_missed</c>; also the event's type.
/// </param>
public sealed record SignalBody(string TubeId, long Sequence, DateTimeOffset Time, string Kind)
{
    /// <summary>Of <c>ice_candidate</c>: the candidate line (RFC 8839 §5.1) without <c>a=</c>; empty when there are no more.</summary>
    public string? Candidate { get; init; }
    /// <summary>Of <c>connection_state_changed</c>: the state the tube is in now.</summary>
    public string? State { get; init; }
    /// <summary>Of <c>channel_opened</c>, <c>channel_closed</c> and <c>guacd_instruction</c>: the channel's label, which is its conversation's id.</summary>
    public string? ChannelId { get; init; }
    /// <summary>Of <c>channel_closed</c>: <c>normal</c>, <c>tube_closed</c> when the whole tube ended, or <c>error: </c> and what happened.</summary>
    public string? Outcome { get; init; }
    /// <summary>Of <c>channel_closed</c> and <c>tube_closed</c>: why.</summary>
    public CloseReasonBody? CloseReason { get; init; }
    /// <summary>Of <c>tube_closed</c>: what happened, for people.</summary>
    public string? Text { get; init; }
    /// <summary>Of <c>signals_missed</c>: the first signal that is no longer kept; <see cref="Sequence"/> is the last.</summary>
    public long? First { get; init; }
    /// <summary>Of <c>node_draining</c>: when what is left is closed.</summary>
    public DateTimeOffset? Deadline { get; init; }
    /// <summary>Of <c>ice_restart_offer</c>: base64 of the offer for the tube's peer.</summary>
    public string? Offer { get; init; }
    /// <summary>Of <c>guacd_instruction</c>: the Guacamole instruction.</summary>
    public string? Instruction { get; init; }
}

/// <summary>Data of the event <c>tubes_listed</c>: every live tube of the node was listed.</summary>
/// <param name="Node">The node.</param>
public sealed record TubesListedBody(string Node);

/// <summary>An event of <c>GET /v1/events</c>: exactly one of <see cref="Tube"/>, <see cref="Listed"/> and <see cref="Signal"/> is there.</summary>
/// <param name="Position">Where a watcher goes on after it; null when it cannot from here.</param>
public sealed record GatewayEvent(string? Position)
{
    /// <summary>A tube that lives when the watch of its node begins.</summary>
    public TubeBody? Tube { get; init; }

    /// <summary>Every live tube of a node was listed: one of that node that is known and was not among them has ended.</summary>
    public TubesListedBody? Listed { get; init; }

    /// <summary>Something that happened to a tube.</summary>
    public SignalBody? Signal { get; init; }
}
