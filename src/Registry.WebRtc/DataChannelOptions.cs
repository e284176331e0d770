using System.Text;

namespace Registry.WebRtc;

/// <summary>How a data channel orders and repeats its messages (W3C RTCDataChannelInit). The default is ordered and reliable.</summary>
public sealed record DataChannelOptions
{
    /// <summary>Ordered, reliable, no sub-protocol.</summary>
    public static readonly DataChannelOptions Default = new();

    /// <summary>Whether messages arrive in the order sent.</summary>
    public bool Ordered { get; init; } = true;

    /// <summary>Most retransmissions of a message before it is abandoned, or null for no limit. Excludes <see cref="MaxPacketLifeTime"/>.</summary>
    public ushort? MaxRetransmits { get; init; }

    /// <summary>Longest time a message is retransmitted, in milliseconds, or null for no limit. Excludes <see cref="MaxRetransmits"/>.</summary>
    public ushort? MaxPacketLifeTime { get; init; }

    /// <summary>Sub-protocol, at most 65,535 bytes of UTF-8.</summary>
    public string Protocol { get; init; } = "";

    /// <summary>Whether both sides create the channel with the same <see cref="Id"/> instead of announcing it in band.</summary>
    public bool Negotiated { get; init; }

    /// <summary>Stream number 0 to 65,534 of a negotiated channel; otherwise null and chosen by the stack.</summary>
    public ushort? Id { get; init; }

    /// <summary>Refuses what no channel can have.</summary>
    /// <exception cref="ArgumentException">Something is too long, contradicts something else or is out of range; the message says what.</exception>
    internal static void Validate(string label, DataChannelOptions options)
    {
        if (Encoding.UTF8.GetByteCount(label) > ushort.MaxValue)
            throw new ArgumentException("The label has more than 65,535 bytes of UTF-8 (RFC 8832 §5.1).", nameof(label));
        if (Encoding.UTF8.GetByteCount(options.Protocol) > ushort.MaxValue)
            throw new ArgumentException("The protocol has more than 65,535 bytes of UTF-8 (RFC 8832 §5.1).", nameof(options));
        if (options is { MaxRetransmits: not null, MaxPacketLifeTime: not null })
            throw new ArgumentException("Set either MaxRetransmits or MaxPacketLifeTime, not both.", nameof(options));
        if (options.Negotiated != options.Id.HasValue)
            throw new ArgumentException("A negotiated channel, and only that, needs an Id.", nameof(options));
        if (options.Id == ushort.MaxValue)
            throw new ArgumentException("Id must be 0 to 65,534.", nameof(options));
    }
}
