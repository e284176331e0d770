using System.Buffers;
using System.Buffers.Binary;

namespace Registry.Actors.Channels;

internal enum FrameStatus
{
    /// <summary>A frame was read.</summary>
    Frame,
    /// <summary>The next frame is not complete.</summary>
    NeedMore,
    /// <summary>What follows is not a frame; the channel cannot go on.</summary>
    Malformed,
}

/// <summary>
/// Finds frames in a stream of messages; a frame may span messages and a message may hold many frames. Use: <see cref="Append"/>,
/// <see cref="TryRead"/> until it is no frame, <see cref="Detach"/>, and only then let go of the message.
/// </summary>
internal sealed class FrameParser(int maxPayload) : IDisposable
{
    private byte[] carried = [];
    private int carriedLength;
    private ReadOnlyMemory<byte> unread;

    /// <summary>What is malformed, once something is.</summary>
    public string? Error { get; private set; }

    /// <summary>Bytes kept between messages.</summary>
    public int Carried => carriedLength;

    /// <summary>Takes a message. Its memory is used until <see cref="Detach"/>.</summary>
    public void Append(ReadOnlyMemory<byte> message)
    {
        if (carriedLength == 0)
        {
            unread = message;
            return;
        }

        EnsureCarried(carriedLength + message.Length);
        message.Span.CopyTo(carried.AsSpan(carriedLength));
        carriedLength += message.Length;
        unread = carried.AsMemory(0, carriedLength);
    }

    public FrameStatus TryRead(out Frame frame)
    {
        frame = default;
        if (Error is not null)
            return FrameStatus.Malformed;
        var span = unread.Span;
        if (span.Length < Frame.HeaderLength)
            return FrameStatus.NeedMore;
        var length = BinaryPrimitives.ReadUInt32BigEndian(span[12..]);
        if (length > (uint)maxPayload)
            return Malformed($"A frame announces a payload of {length} bytes; at most {maxPayload} are taken.");
        var end = Frame.HeaderLength + (int)length;
        if (span.Length <= end)
            return FrameStatus.NeedMore;
        if (span[end] != Frame.Terminator)
            return Malformed($"A frame of {length} bytes ends with 0x{span[end]:X2} instead of 0x3B.");
        frame = new(
            BinaryPrimitives.ReadUInt32BigEndian(span),
            BinaryPrimitives.ReadUInt64BigEndian(span[4..]),
            unread.Slice(Frame.HeaderLength, (int)length));
        unread = unread[(end + 1)..];
        return FrameStatus.Frame;
    }

    /// <summary>Copies the beginning of a frame that the message ended with.</summary>
    public void Detach()
    {
        var rest = unread;
        unread = default;
        if (rest.IsEmpty)
        {
            carriedLength = 0;
            return;
        }

        if (carried.Length < rest.Length)
            EnsureCarried(rest.Length);
        rest.Span.CopyTo(carried); // Span copies overlap safely, which they do when the rest is of the carried bytes.
        carriedLength = rest.Length;
    }

    public void Dispose()
    {
        unread = default;
        carriedLength = 0;
        if (carried.Length > 0)
            ArrayPool<byte>.Shared.Return(carried);
        carried = [];
    }

    private void EnsureCarried(int length)
    {
        if (carried.Length >= length)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(length);
        carried.AsSpan(0, carriedLength).CopyTo(larger);
        if (carried.Length > 0)
            ArrayPool<byte>.Shared.Return(carried);
        carried = larger;
    }

    private FrameStatus Malformed(string error)
    {
        Error = error;
        return FrameStatus.Malformed;
    }
}
