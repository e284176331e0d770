using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.DataChannels;

/// <summary>What happened in a <see cref="DataChannelAssociation"/>.</summary>
internal enum DataChannelEventKind
{
    /// <summary>The association is up; channels can be opened by the peer and messages flow.</summary>
    Established,
    /// <summary>The peer opened a channel; label and options are set.</summary>
    ChannelOpened,
    /// <summary>The peer acknowledged a channel opened by this side.</summary>
    ChannelAcknowledged,
    /// <summary>A message arrived; the reader disposes it and calls <see cref="DataChannelAssociation.MessageConsumed"/>.</summary>
    Message,
    /// <summary>A channel is closed in both directions and its id is free; the reason is set when it was closed for a fault.</summary>
    ChannelClosed,
    /// <summary>A send was refused before; there is room again.</summary>
    SendBufferLow,
    /// <summary>The association has ended with a cause and a reason; every channel is closed with it. The last event.</summary>
    Closed,
}

/// <summary>One event, in the order in which things happened.</summary>
internal readonly record struct DataChannelEvent(DataChannelEventKind Kind, ushort ChannelId = 0)
{
    public DataChannelMessage? Message { get; init; }
    public string? Label { get; init; }
    public DataChannelOptions? Options { get; init; }
    public SctpCloseCause Cause { get; init; }
    public string? Reason { get; init; }
}
