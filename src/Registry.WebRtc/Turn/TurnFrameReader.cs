using System.Buffers.Binary;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

/// <summary>
/// Cuts the byte stream of TCP or TLS into STUN and ChannelData messages (RFC 8656 §3.1, §12.5). A message longer than the buffer,
/// which somebody may have sent to the relayed address, is skipped; what is neither kind of message breaks the stream.
/// </summary>
internal sealed class TurnFrameReader : IFrameReader
{
    /// <summary>Longest message that is handed on, as over UDP.</summary>
    public const int MaxMessage = 4096;

    private readonly StreamBuffer input = new(MaxMessage);
    private int toSkip;

    public bool IsBroken { get; private set; }

    public Memory<byte> Free => input.Free;

    public void Advance(int count) => input.Advance(count);

    public bool TryRead(out ReadOnlySpan<byte> message)
    {
        message = default;
        while (!IsBroken)
        {
            var skipped = Math.Min(toSkip, input.Unread.Length);
            input.Take(skipped);
            toSkip -= skipped;
            var available = input.Unread;
            if (toSkip > 0 || available.Length < ChannelData.HeaderLength)
                return false;
            var length = LengthOf(available);
            if (length < 0)
            {
                IsBroken = true;
            }
            else if (length > MaxMessage)
            {
                toSkip = length;
            }
            else if (length > available.Length)
            {
                return false;
            }
            else
            {
                message = available[..length];
                input.Take(length);
                return true;
            }
        }
        return false;
    }

    /// <summary>Length of the message that begins here, its padding included; -1 when none does.</summary>
    private static int LengthOf(ReadOnlySpan<byte> header)
    {
        int first = BinaryPrimitives.ReadUInt16BigEndian(header), length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        if (first < ChannelData.FirstChannel)
            return length % 4 == 0 ? StunFormat.HeaderLength + length : -1;
        return ChannelData.IsChannelNumber(first) ? StunFormat.Padded(ChannelData.HeaderLength + length) : -1;
    }
}
