using System.Buffers.Binary;

namespace Registry.WebRtc.Net;

/// <summary>Messages that each have their length in two bytes before them (RFC 4571 §2). An empty one means nothing; one above the limit breaks the stream.</summary>
internal sealed class LengthFrameReader : IFrameReader
{
    /// <summary>Bytes before each message.</summary>
    public const int PrefixLength = sizeof(ushort);

    /// <summary>Longest message that is taken, as from the UDP socket.</summary>
    public const int MaxMessage = 8192;

    // Room for a message whose beginning came with the end of the one before.
    private readonly byte[] buffer = new byte[2 * (PrefixLength + MaxMessage)];
    private int start;
    private int end;

    public bool IsBroken { get; private set; }

    public Memory<byte> Free
    {
        get
        {
            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }
            return buffer.AsMemory(end);
        }
    }

    public void Advance(int count) => end += count;

    public bool TryRead(out ReadOnlySpan<byte> message)
    {
        message = default;
        while (!IsBroken && end - start >= PrefixLength)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(start));
            if (length > MaxMessage)
            {
                IsBroken = true;
                return false;
            }
            if (end - start < PrefixLength + length)
                return false;
            message = buffer.AsSpan(start + PrefixLength, length);
            start += PrefixLength + length;
            if (length > 0)
                return true;
        }
        return false;
    }
}
