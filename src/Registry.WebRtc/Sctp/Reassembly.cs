namespace Registry.WebRtc.Sctp;

/// <summary>Puts fragments together, messages in order, and keeps account of the receive window they use.</summary>
internal abstract class Reassembly(IReassemblySink sink)
{
    /// <summary>Charged against the receive window per message or run besides its bytes.</summary>
    public const int MessageOverhead = 128;

    /// <summary>Charged per stream of which something waits.</summary>
    public const int StreamOverhead = 256;

    /// <summary>Streams that are kept ready while nothing of them waits. Of more only the position is kept.</summary>
    protected const int MaxIdleStreams = 1024;

    /// <summary>Bytes of the receive window in use: fragments, waiting messages, and messages the application has not taken.</summary>
    public long HeldBytes { get; protected set; }

    /// <summary>The part of <see cref="HeldBytes"/> that the application has to take.</summary>
    public long DeliveredBytes { get; private set; }

    /// <summary>Streams whose state is kept ready.</summary>
    public abstract int StreamCount { get; }

    /// <summary>Gives back window of delivered messages.</summary>
    public void Release(int messages, long bytes)
    {
        bytes = Math.Min(bytes + (long)messages * MessageOverhead, DeliveredBytes);
        HeldBytes -= bytes;
        DeliveredBytes -= bytes;
    }

    /// <summary>Takes a chunk whose TSN was not seen before.</summary>
    /// <param name="chunk">The chunk, at most <see cref="ReceiveTracker.MaxAhead"/> beyond the cumulative TSN.</param>
    /// <param name="cumulative">The cumulative TSN before this chunk.</param>
    public abstract void Add(in DataChunk chunk, uint cumulative);

    /// <summary>Follows the cumulative TSN.</summary>
    public virtual void OnCumulativeAdvanced(uint before, uint after)
    {
    }

    /// <summary>Drops incomplete messages up to a TSN that the peer skips to (RFC 3758 §3.6); called before the TSN is passed.</summary>
    public virtual void Skip(uint cumulative, uint highest, uint tsn)
    {
    }

    /// <summary>Passes messages of a stream that the peer gave up, up to a sequence number or message identifier.</summary>
    public abstract void SkipStream(ushort streamId, bool unordered, uint last);

    /// <summary>Starts an incoming stream again at number 0 (RFC 6525 §5.2.2).</summary>
    public abstract void ResetStream(ushort streamId);

    public abstract void ResetAllStreams();

    protected void Deliver(ushort streamId, in InboundMessage message)
    {
        if (message.Buffer is null)
        {
            HeldBytes -= MessageOverhead;
            return;
        }
        DeliveredBytes += MessageOverhead + message.Length;
        sink.OnMessage(streamId, message.Ppid, message.Buffer, message.Length);
    }
}
