
namespace Registry.WebRtc.Net;

/// <summary>A received datagram in a pooled array.</summary>
internal readonly record struct Datagram(byte[] Array, int Length, TransportAddress Remote)
{
    public Span<byte> Span => Array.AsSpan(0, Length);

    public static Datagram Copy(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        var array = BufferPool.Rent(datagram.Length);
        datagram.CopyTo(array);
        return new(array, datagram.Length, remote);
    }

    public void Return() => BufferPool.Return(Array);
}

/// <summary>A bounded queue between the socket's reader and one connection: what comes while it is full is lost, as on a full link.</summary>
internal sealed class DatagramInbox(int capacity)
{
    private readonly Lock gate = new();
    private readonly Queue<Datagram> queue = new();
    private bool closed;

    public bool IsEmpty
    {
        get { lock (gate) return queue.Count == 0; }
    }

    /// <summary>Copies a datagram into the queue; returns false when it was dropped.</summary>
    public bool TryAdd(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        lock (gate)
        {
            if (closed || queue.Count >= capacity)
                return false;
            queue.Enqueue(Datagram.Copy(datagram, remote));
            return true;
        }
    }

    public bool TryTake(out Datagram datagram)
    {
        lock (gate)
            return queue.TryDequeue(out datagram);
    }

    /// <summary>Gives everything back and takes nothing more.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            while (queue.TryDequeue(out var datagram))
                datagram.Return();
        }
    }
}
