namespace Registry.WebRtc.Net;

/// <summary>Received datagrams of one sender in a pooled array, one behind the other.</summary>
/// <param name="Array">The bytes.</param>
/// <param name="Length">Bytes of all of them.</param>
/// <param name="SegmentSize">Bytes of each but the last, which may be shorter.</param>
/// <param name="Remote">The sender.</param>
internal readonly record struct DatagramRun(byte[] Array, int Length, int SegmentSize, TransportAddress Remote)
{
    public Span<byte> Span => Array.AsSpan(0, Length);

    public static DatagramRun Copy(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
    {
        var array = BufferPool.Rent(datagrams.Length);
        datagrams.CopyTo(array);
        return new(array, datagrams.Length, segmentSize, remote);
    }

    public void Return() => BufferPool.Return(Array);
}

/// <summary>
/// A queue between the socket's reader and one connection. What it holds is limited, so that a flood costs only the connection it is meant
/// for: what comes while it is full is lost, as on a full link.
/// </summary>
/// <param name="capacity">Bytes of memory it may hold.</param>
internal sealed class DatagramInbox(int capacity)
{
    // What an entry costs besides its array, so that a flood of tiny datagrams is limited too.
    private const int EntrySize = 64;

    private readonly Lock gate = new();
    private readonly Queue<DatagramRun> queue = new();
    private int held;
    private bool closed;

    public bool IsEmpty
    {
        get { lock (gate) return queue.Count == 0; }
    }

    /// <summary>Bytes of memory it holds.</summary>
    public int Held
    {
        get { lock (gate) return held; }
    }

    /// <summary>Copies datagrams into the queue; returns false when they were dropped.</summary>
    public bool TryAdd(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
    {
        lock (gate)
        {
            if (closed || held + datagrams.Length + EntrySize > capacity)
                return false;
            var run = DatagramRun.Copy(datagrams, segmentSize, remote);
            queue.Enqueue(run);
            held += SizeOf(run);
            return true;
        }
    }

    public bool TryTake(out DatagramRun run)
    {
        lock (gate)
        {
            if (!queue.TryDequeue(out run))
                return false;
            held -= SizeOf(run);
            return true;
        }
    }

    /// <summary>Gives everything back and takes nothing more.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            held = 0;
            while (queue.TryDequeue(out var run))
                run.Return();
        }
    }

    private static int SizeOf(DatagramRun run) => run.Array.Length + EntrySize;
}
