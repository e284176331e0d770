using System.Buffers.Binary;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

/// <summary>The ChannelData message (RFC 8656 §12.4): channel number, length, data, and over a stream padding to four bytes.</summary>
internal static class ChannelData
{
    public const int HeaderLength = 4;
    public const ushort FirstChannel = 0x4000;
    public const ushort LastChannel = 0x4FFF;

    public static bool IsChannelNumber(int number) => number is >= FirstChannel and <= LastChannel;

    /// <summary>Writes the message and returns its length.</summary>
    public static int Write(Span<byte> destination, ushort channel, ReadOnlySpan<byte> data, bool pad)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, channel);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)data.Length);
        data.CopyTo(destination[HeaderLength..]);
        var length = HeaderLength + data.Length;
        if (!pad)
            return length;
        destination[length..StunFormat.Padded(length)].Clear();
        return StunFormat.Padded(length);
    }

    /// <summary>Reads a message; bytes behind the data are padding and ignored.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out ushort channel, out ReadOnlySpan<byte> data)
    {
        channel = 0;
        data = default;
        if (message.Length < HeaderLength)
            return false;
        channel = BinaryPrimitives.ReadUInt16BigEndian(message);
        int length = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        if (!IsChannelNumber(channel) || length > message.Length - HeaderLength)
            return false;
        data = message.Slice(HeaderLength, length);
        return true;
    }
}
