namespace Registry.WebRtc.Sctp;

/// <summary>How a message is to be delivered.</summary>
/// <param name="Unordered">Delivered as soon as it is complete.</param>
/// <param name="MaxRetransmits">Retransmissions of a fragment before the message is abandoned; null for no limit (RFC 7496 §3.1).</param>
/// <param name="Lifetime">Time after which the message is abandoned; null for no limit (RFC 3758 §4.1).</param>
internal readonly record struct SendParameters(bool Unordered, ushort? MaxRetransmits, TimeSpan? Lifetime);

/// <summary>A message in the send buffer; its fragments in flight point into <see cref="Buffer"/>.</summary>
internal sealed class OutboundMessage
{
    public byte[] Buffer { get; set; } = [];
    public int Length { get; set; }
    /// <summary>Bytes that were given a TSN.</summary>
    public int Sent { get; set; }
    public OutboundStream Stream { get; set; } = null!;
    public uint Ppid { get; set; }
    public bool Unordered { get; set; }
    /// <summary>Stream sequence number, or message identifier where messages are interleaved.</summary>
    public uint Sequence { get; set; }
    /// <summary>Fragments that were given a TSN.</summary>
    public uint Fragments { get; set; }
    public int MaxRetransmits { get; set; }
    public long Expires { get; set; }
    public uint FirstTsn { get; set; }
    public uint LastTsn { get; set; }
    public bool Abandoned { get; set; }
    public OutboundMessage? Next { get; set; }

    public bool IsStarted => Sent > 0;
}

/// <summary>The outgoing half of a stream.</summary>
internal sealed class OutboundStream(ushort id)
{
    private OutboundMessage? tail;

    public ushort Id { get; } = id;
    public uint NextSequence { get; set; }
    /// <summary>The same for unordered messages, which have numbers where messages are interleaved.</summary>
    public uint NextUnordered { get; set; }
    /// <summary>Whether the stream waits in the send queue for its turn.</summary>
    public bool IsWaiting { get; set; }
    public OutboundMessage? First { get; private set; }
    /// <summary>User bytes accepted and not yet acknowledged.</summary>
    public long BufferedBytes { get; set; }
    /// <summary>Messages accepted and not yet acknowledged or abandoned.</summary>
    public int BufferedMessages { get; set; }
    /// <summary>Whether the stream is to be reset once everything in it was acknowledged.</summary>
    public bool Closing { get; set; }
    /// <summary>Newest message that a FORWARD TSN under construction skips, valid while <see cref="SkipMark"/> is that chunk's mark.</summary>
    public uint SkippedSequence { get; set; }
    public uint SkipMark { get; set; }
    /// <summary>The same for unordered messages.</summary>
    public uint SkippedUnordered { get; set; }
    public uint UnorderedSkipMark { get; set; }

    public void Append(OutboundMessage message)
    {
        if (tail is null)
            First = message;
        else
            tail.Next = message;
        tail = message;
    }

    public void RemoveFirst()
    {
        First = First!.Next;
        if (First is null)
            tail = null;
    }
}
