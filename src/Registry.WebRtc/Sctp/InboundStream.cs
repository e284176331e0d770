using Registry.WebRtc.Net;


namespace Registry.WebRtc.Sctp;

/// <summary>A complete message that waits for its turn; no buffer when it was too large.</summary>
internal readonly record struct InboundMessage(byte[]? Buffer, int Length, uint Ppid);

/// <summary>The incoming half of a stream: puts ordered messages in order (RFC 9260 §6.6).</summary>
internal sealed class InboundStream(ushort id, ushort nextSsn)
{
    private Dictionary<ushort, InboundMessage>? pending;

    public ushort Id { get; } = id;
    public ushort NextSsn { get; private set; } = nextSsn;

    public int PendingCount => pending?.Count ?? 0;

    /// <summary>Counts a message as delivered when it is the next; false when it is not.</summary>
    public bool TryPass(ushort ssn)
    {
        if (ssn != NextSsn)
            return false;
        NextSsn++;
        return true;
    }

    /// <summary>Keeps a message that came early; false for one whose number was delivered or is already kept.</summary>
    public bool TryKeep(ushort ssn, in InboundMessage message) =>
        SerialNumber.IsAfter(ssn, NextSsn) && (pending ??= []).TryAdd(ssn, message);

    /// <summary>Takes the next message in turn if it is kept.</summary>
    public bool TryTakeNext(out InboundMessage message)
    {
        if (pending is null || !pending.Remove(NextSsn, out message))
        {
            message = default;
            return false;
        }
        NextSsn++;
        return true;
    }

    /// <summary>Takes kept messages up to an SSN that the peer skips, in order, then passes it.</summary>
    public List<InboundMessage> SkipTo(ushort ssn)
    {
        var taken = new List<InboundMessage>();
        if (SerialNumber.IsAfter(NextSsn, ssn))
            return taken;
        if (PendingCount > 0)
        {
            var next = NextSsn;
            foreach (var key in pending!.Keys.Where(key => !SerialNumber.IsAfter(key, ssn)).OrderBy(key => (ushort)(key - next)).ToArray())
            {
                pending.Remove(key, out var message);
                taken.Add(message);
            }
        }
        NextSsn = (ushort)(ssn + 1);
        return taken;
    }

    /// <summary>Drops what is kept and returns the bytes and messages freed.</summary>
    public (long Bytes, int Messages) Clear()
    {
        if (pending is null)
            return default;
        long bytes = 0;
        foreach (var message in pending.Values)
        {
            bytes += message.Length;
            if (message.Buffer is { } buffer)
                BufferPool.Return(buffer);
        }
        var count = pending.Count;
        pending.Clear();
        return (bytes, count);
    }
}
