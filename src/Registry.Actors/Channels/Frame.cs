using System.Buffers.Binary;

namespace Registry.Actors.Channels;

/// <summary>
/// One frame of a channel: connection number (u32), timestamp in milliseconds since 1970 (u64), payload length (u32), payload, <c>;</c>,
/// all big-endian. Connection 0 carries control messages.
/// </summary>
/// <param name="Connection">The connection, or 0.</param>
/// <param name="Timestamp">When it was sent, by the sender's clock.</param>
/// <param name="Payload">The bytes; valid until the parser takes the next message.</param>
internal readonly record struct Frame(uint Connection, ulong Timestamp, ReadOnlyMemory<byte> Payload)
{
    public const int HeaderLength = 16;
    public const int Overhead = HeaderLength + 1;
    public const byte Terminator = (byte)';';

    /// <summary>Writes header and terminator around a payload that already stands at <see cref="HeaderLength"/>.</summary>
    /// <returns>The frame's length.</returns>
    public static int Enclose(Span<byte> destination, uint connection, ulong timestamp, int payloadLength)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, connection);
        BinaryPrimitives.WriteUInt64BigEndian(destination[4..], timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], (uint)payloadLength);
        destination[HeaderLength + payloadLength] = Terminator;
        return payloadLength + Overhead;
    }

    /// <summary>A frame of its own array.</summary>
    public static byte[] Encode(uint connection, ulong timestamp, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[payload.Length + Overhead];
        payload.CopyTo(frame.AsSpan(HeaderLength));
        Enclose(frame, connection, timestamp, payload.Length);
        return frame;
    }
}
