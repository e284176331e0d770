namespace Registry.WebRtc.Net;

/// <summary>
/// Datagrams to one address, written one behind the other and handed to the transport in runs of equal length, which a kernel
/// with segmentation offload takes in one call. They leave in the order they were added.
/// </summary>
/// <param name="transport">Sends them.</param>
/// <param name="buffer">Where they are written; the larger, the longer the runs.</param>
/// <param name="remote">Where they go.</param>
internal ref struct DatagramBatch(IDatagramTransport transport, Span<byte> buffer, TransportAddress remote)
{
    /// <summary>Room for the longest run that one UDP length field can name.</summary>
    public const int BufferSize = 64 * 1024;

    private readonly Span<byte> buffer = buffer;
    private int start;
    private int end;
    private int segmentSize;

    /// <summary>Where to write the next datagram.</summary>
    /// <param name="capacity">Bytes it may have at most; no more than the buffer has.</param>
    public Span<byte> Reserve(int capacity)
    {
        if (buffer.Length - end < capacity)
            Send();
        return buffer.Slice(end, capacity);
    }

    /// <summary>Adds the datagram that was written to the reserved space.</summary>
    /// <param name="length">Its length, above 0.</param>
    public void Add(int length)
    {
        if (end > start && length > segmentSize)
            SendRun();
        if (end == start)
            segmentSize = length;
        end += length;
        // Only the last of a run may be shorter.
        if (length < segmentSize)
            SendRun();
    }

    /// <summary>Sends what was added.</summary>
    public void Send()
    {
        SendRun();
        start = end = 0;
    }

    private void SendRun()
    {
        if (end > start)
            transport.Send(buffer[start..end], segmentSize, remote);
        start = end;
    }
}
