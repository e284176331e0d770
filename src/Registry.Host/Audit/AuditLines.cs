namespace Registry.Host.Audit;

/// <summary>Reads the whole lines of a file from its beginning; what stands behind the last line end is none.</summary>
internal sealed class AuditLines
{
    private readonly Stream stream;
    private byte[] buffer = new byte[64 * 1024];
    private long left;
    private int start;
    private int end;

    public AuditLines(Stream stream)
    {
        this.stream = stream;
        stream.Position = 0;
        left = stream.Length;
    }

    /// <summary>Reads the next line, without its end. It holds until the next call.</summary>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int length;
        while ((length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n')) < 0)
        {
            if (!Fill())
            {
                line = default;
                return false;
            }
        }

        line = buffer.AsSpan(start, length);
        start += length + 1;
        return true;
    }

    private bool Fill()
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        (start, end) = (0, end - start);
        if (end == buffer.Length)
            Array.Resize(ref buffer, 2 * buffer.Length);
        var read = left == 0 ? 0 : stream.Read(buffer, end, (int)Math.Min(left, buffer.Length - end));
        (end, left) = (end + read, left - read);
        return read > 0;
    }
}
