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
    private readonly StreamBuffer input = new(2 * (PrefixLength + MaxMessage));

    public bool IsBroken { get; private set; }

    public Memory<byte> Free => input.Free;

    public void Advance(int count) => input.Advance(count);

    public bool TryRead(out ReadOnlySpan<byte> message)
    {
        message = default;
        while (!IsBroken && input.Unread is { Length: >= PrefixLength } unread)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(unread);
            if (length > MaxMessage)
            {
                IsBroken = true;
                return false;
            }
            if (unread.Length < PrefixLength + length)
                return false;
            message = unread.Slice(PrefixLength, length);
            input.Take(PrefixLength + length);
            if (length > 0)
                return true;
        }
        return false;
    }
}
