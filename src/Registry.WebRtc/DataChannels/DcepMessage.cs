using System.Buffers.Binary;
using System.Text;

namespace Registry.WebRtc.DataChannels;

/// <summary>Payload protocol identifiers of data channels (RFC 8831 §8).</summary>
internal static class DataChannelPpid
{
    public const uint Dcep = 50;
    public const uint String = 51;
    /// <summary>Part of a binary message; deprecated, still accepted.</summary>
    public const uint BinaryPartial = 52;
    public const uint Binary = 53;
    /// <summary>Part of a text message; deprecated, still accepted.</summary>
    public const uint StringPartial = 54;
    public const uint StringEmpty = 56;
    public const uint BinaryEmpty = 57;
}

/// <summary>The Data Channel Establishment Protocol (RFC 8832).</summary>
internal static class DcepMessage
{
    public const byte AckType = 2;
    private const byte OpenType = 3;
    private const int OpenHeaderLength = 12;
    private const byte UnorderedFlag = 0x80;
    private const byte Reliable = 0;
    private const byte LimitedRetransmits = 1;
    private const byte LimitedLifetime = 2;
    /// <summary>Priority "normal" (RFC 8831 §6.4).</summary>
    private const ushort NormalPriority = 256;

    public static readonly byte[] Ack = [AckType];

    public static byte[] WriteOpen(string label, DataChannelOptions options)
    {
        var labelLength = Encoding.UTF8.GetByteCount(label);
        var protocolLength = Encoding.UTF8.GetByteCount(options.Protocol);
        var message = new byte[OpenHeaderLength + labelLength + protocolLength];
        message[0] = OpenType;
        message[1] = (byte)((options.Ordered ? 0 : UnorderedFlag)
            | (options.MaxRetransmits is not null ? LimitedRetransmits : options.MaxPacketLifeTime is not null ? LimitedLifetime : Reliable));
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), NormalPriority);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), options.MaxRetransmits ?? options.MaxPacketLifeTime ?? 0u);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(8), (ushort)labelLength);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(10), (ushort)protocolLength);
        Encoding.UTF8.GetBytes(label, message.AsSpan(OpenHeaderLength));
        Encoding.UTF8.GetBytes(options.Protocol, message.AsSpan(OpenHeaderLength + labelLength));
        return message;
    }

    /// <summary>Reads DATA_CHANNEL_OPEN; false when it is anything else or malformed.</summary>
    public static bool TryParseOpen(ReadOnlySpan<byte> message, ushort id, out string label, out DataChannelOptions options)
    {
        label = "";
        options = DataChannelOptions.Default;
        if (message.Length < OpenHeaderLength || message[0] != OpenType)
            return false;
        var kind = message[1] & ~UnorderedFlag;
        var reliability = (ushort)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(message[4..]), ushort.MaxValue);
        var labelLength = BinaryPrimitives.ReadUInt16BigEndian(message[8..]);
        var protocolLength = BinaryPrimitives.ReadUInt16BigEndian(message[10..]);
        if (kind > LimitedLifetime || message.Length != OpenHeaderLength + labelLength + protocolLength)
            return false;
        label = Encoding.UTF8.GetString(message.Slice(OpenHeaderLength, labelLength));
        options = new DataChannelOptions
        {
            Ordered = (message[1] & UnorderedFlag) == 0,
            MaxRetransmits = kind == LimitedRetransmits ? reliability : null,
            MaxPacketLifeTime = kind == LimitedLifetime ? reliability : null,
            Protocol = Encoding.UTF8.GetString(message.Slice(OpenHeaderLength + labelLength, protocolLength)),
            Id = id,
        };
        return true;
    }
}
