namespace Registry.WebRtc.Net;

/// <summary>Bytes that were read from a stream and not yet taken as messages.</summary>
/// <param name="size">The most there can be.</param>
internal sealed class StreamBuffer(int size)
{
    private readonly byte[] bytes = new byte[size];
    private int start;
    private int end;

    /// <summary>Where to put what is read next; what <see cref="Unread"/> gave is valid until then.</summary>
    public Memory<byte> Free
    {
        get
        {
            if (start > 0)
            {
                Unread.CopyTo(bytes);
                (start, end) = (0, end - start);
            }
            return bytes.AsMemory(end);
        }
    }

    /// <summary>What was put there and not taken.</summary>
    public Span<byte> Unread => bytes.AsSpan(start, end - start);

    /// <summary>That many bytes were put into <see cref="Free"/>.</summary>
    public void Advance(int count) => end += count;

    /// <summary>That many bytes of <see cref="Unread"/> are done with.</summary>
    public void Take(int count) => start += count;
}
