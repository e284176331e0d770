using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.DataChannels;

/// <summary>What an association knows about one of its channels.</summary>
internal sealed class Channel(ushort id, DataChannelOptions options)
{
    private byte[]? partial;

    public ushort Id { get; } = id;

    /// <summary>Whether the peer knows the channel's options. Until then messages go in order, so that none overtakes OPEN (RFC 8832 §6).</summary>
    public bool IsAcknowledged { get; set; }

    /// <summary>Whether this side is resetting its stream; nothing more is sent then.</summary>
    public bool IsClosing { get; set; }

    /// <summary>Whether the peer confirmed the reset of this side's stream.</summary>
    public bool IsOutgoingReset { get; set; }

    /// <summary>Whether the peer reset its stream.</summary>
    public bool IsIncomingReset { get; set; }

    /// <summary>The fault for which the channel is being closed, or null.</summary>
    public string? Fault { get; set; }

    /// <summary>Bytes of label and protocol that count against the limit for channels opened by the peer.</summary>
    public int NameBytes { get; init; }

    public int PartialLength { get; private set; }

    public SendParameters Parameters { get; } = new(
        !options.Ordered,
        options.MaxRetransmits,
        options.MaxPacketLifeTime is { } lifetime ? TimeSpan.FromMilliseconds(lifetime) : null);

    /// <summary>Adds to a message that comes in several SCTP messages (the deprecated PPIDs 52 and 54).</summary>
    public void AppendPartial(ReadOnlySpan<byte> part)
    {
        var length = PartialLength + part.Length;
        if (partial is null || partial.Length < length)
        {
            var grown = BufferPool.Rent(Math.Max(length, 2 * PartialLength));
            partial.AsSpan(0, PartialLength).CopyTo(grown);
            ReturnPartial();
            partial = grown;
        }
        part.CopyTo(partial.AsSpan(PartialLength));
        PartialLength = length;
    }

    /// <summary>Hands out the collected bytes as one rented array.</summary>
    public byte[]? TakePartial()
    {
        var taken = partial;
        partial = null;
        PartialLength = 0;
        return taken;
    }

    public void ReturnPartial()
    {
        if (partial is not null)
            BufferPool.Return(partial);
        partial = null;
    }
}
