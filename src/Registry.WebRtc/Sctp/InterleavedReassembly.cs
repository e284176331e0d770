using Registry.WebRtc.Net;

namespace Registry.WebRtc.Sctp;

/// <summary>Reassembly where fragments of several messages may alternate (RFC 8260): each names its message and its place in it.</summary>
internal sealed class InterleavedReassembly(int maxMessageSize, IReassemblySink sink) : Reassembly(sink)
{
    private const int MaxFreeMessages = 64;

    private readonly IReassemblySink sink = sink;
    private readonly Stack<InterleavedMessage> free = new();
    private readonly Dictionary<(ushort Id, bool Unordered), InterleavedStream> streams = [];
    private readonly StreamPositions positions = new(); // of those that are not among them
    private int mostStreams = MaxIdleStreams;
    private InterleavedStream? lastUsed;

    public override int StreamCount => streams.Count;

    public override void Add(in DataChunk chunk, uint cumulative)
    {
        var stream = GetStream(chunk.StreamId, chunk.Unordered);
        if (!stream.IsOpen(chunk.Sequence))
            return;
        if (!stream.Messages.TryGetValue(chunk.Sequence, out var message))
        {
            if (stream.Messages.Count == 0)
                HeldBytes += StreamOverhead;
            stream.Messages[chunk.Sequence] = message = free.Count > 0 ? free.Pop() : new InterleavedMessage();
            message.ExpectedLength = stream.ExpectedLength;
            HeldBytes += MessageOverhead;
        }
        HeldBytes += message.Add(in chunk);
        if (message.Length > maxMessageSize && !message.TooLarge)
        {
            HeldBytes -= message.Drop();
            sink.OnMessageTooLarge(chunk.StreamId);
        }
        if (!message.IsComplete)
            return;
        if (stream.Unordered)
            Deliver(stream, chunk.Sequence, message);
        else
            DeliverInOrder(stream);
    }

    public override void SkipStream(ushort streamId, bool unordered, uint last)
    {
        var stream = GetStream(streamId, unordered);
        foreach (var sequence in stream.Messages.Keys.Where(key => !SerialNumber.IsAfter(key, last)).OrderBy(key => key - last - 1).ToArray())
        {
            var message = stream.Messages[sequence];
            if (message.IsComplete)
                Deliver(stream, sequence, message);
            else
                Discard(stream, sequence, message);
        }
        if (unordered || SerialNumber.IsAfter(stream.Next, last))
            return;
        stream.Next = last + 1;
        DeliverInOrder(stream);
    }

    public override void ResetStream(ushort streamId)
    {
        positions[streamId] = 0;
        Forget((streamId, false));
        Forget((streamId, true));
    }

    public override void ResetAllStreams()
    {
        positions.Clear();
        foreach (var key in streams.Keys.ToArray())
            Forget(key);
    }

    private void Forget((ushort, bool) key)
    {
        if (!streams.Remove(key, out var stream))
            return;
        lastUsed = null;
        foreach (var (sequence, message) in stream.Messages.ToArray())
            Discard(stream, sequence, message);
    }

    private void DeliverInOrder(InterleavedStream stream)
    {
        while (stream.Messages.TryGetValue(stream.Next, out var message) && message.IsComplete)
            Deliver(stream, stream.Next++, message);
    }

    private void Deliver(InterleavedStream stream, uint sequence, InterleavedMessage message)
    {
        Remove(stream, sequence);
        stream.ExpectedLength = message.Length;
        var whole = message.Take();
        if (free.Count < MaxFreeMessages)
            free.Push(message);
        Deliver(stream.Id, whole);
    }

    private void Discard(InterleavedStream stream, uint sequence, InterleavedMessage message)
    {
        Remove(stream, sequence);
        HeldBytes -= message.Clear() + MessageOverhead;
    }

    private void Remove(InterleavedStream stream, uint sequence)
    {
        if (stream.Messages.Remove(sequence) && stream.Messages.Count == 0)
            HeldBytes -= StreamOverhead;
    }

    private InterleavedStream GetStream(ushort id, bool unordered)
    {
        if (lastUsed is { } last && last.Id == id && last.Unordered == unordered)
            return last;
        if (!streams.TryGetValue((id, unordered), out var stream))
        {
            if (streams.Count >= mostStreams)
                PutAway();
            streams[(id, unordered)] = stream = new InterleavedStream(id, unordered) { Next = unordered ? 0 : positions[id] };
        }
        return lastUsed = stream;
    }

    /// <summary>Keeps only the positions of streams of which nothing waits. Unordered messages have none.</summary>
    private void PutAway()
    {
        foreach (var (key, stream) in streams)
        {
            if (stream.Messages.Count > 0)
                continue;
            if (!stream.Unordered)
                positions[stream.Id] = stream.Next;
            streams.Remove(key);
        }
        lastUsed = null;
        mostStreams = Math.Max(MaxIdleStreams, 2 * streams.Count);
    }
}

/// <summary>The incoming half of a stream, its ordered or its unordered messages.</summary>
internal sealed class InterleavedStream(ushort id, bool unordered)
{
    public ushort Id { get; } = id;
    public bool Unordered { get; } = unordered;
    /// <summary>The next ordered message to deliver.</summary>
    public uint Next { get; set; }
    /// <summary>Length of the last message, which the next may have too.</summary>
    public int ExpectedLength { get; set; }
    public Dictionary<uint, InterleavedMessage> Messages { get; } = [];

    /// <summary>Whether a message of this identifier can still be delivered.</summary>
    public bool IsOpen(uint sequence) => Unordered || !SerialNumber.IsAfter(Next, sequence);
}

/// <summary>A message whose fragments arrive: what is in sequence lies in one pooled array, the rest waits.</summary>
internal sealed class InterleavedMessage
{
    private byte[] buffer = [];
    private uint nextFragment;
    private uint? lastFragment;
    private SortedDictionary<uint, (byte[] Bytes, int Length)>? waiting;
    private int waitingBytes;
    private int inSequence;

    /// <summary>Bytes to make room for at first if it has several fragments.</summary>
    public int ExpectedLength { get; set; }

    public uint Ppid { get; private set; }

    /// <summary>Bytes kept, those that wait included.</summary>
    public int Length => inSequence + waitingBytes;

    public bool TooLarge { get; private set; }

    public bool IsComplete => lastFragment is { } last && nextFragment > last;

    /// <summary>Takes a fragment and returns the bytes of receive window that it uses. One that contradicts others is left out.</summary>
    public int Add(in DataChunk chunk)
    {
        var number = chunk.Fragment;
        if (number < nextFragment || number > lastFragment || chunk.Ends && lastFragment is not null || number == 0 != chunk.Begins)
            return 0;
        if (chunk.Ends && waiting is { Count: > 0 } && waiting.Keys.Last() > number)
            return 0;
        if (chunk.Begins)
            Ppid = chunk.Ppid;
        if (chunk.Ends)
            lastFragment = number;
        if (number != nextFragment)
            return Wait(number, chunk.Payload);
        var before = Charged;
        Append(chunk.Payload);
        while (waiting is not null && waiting.Remove(nextFragment, out var next))
        {
            waitingBytes -= next.Length;
            Append(next.Bytes.AsSpan(0, next.Length));
            BufferPool.Return(next.Bytes);
        }
        return Charged - before;
    }

    /// <summary>Drops the bytes, keeps the place, and returns the receive window that this frees.</summary>
    public int Drop()
    {
        var freed = Charged;
        BufferPool.Return(buffer);
        buffer = [];
        foreach (var (_, piece) in waiting ?? [])
            BufferPool.Return(piece.Bytes);
        // The numbers stay, so that the end of the message can still be told.
        foreach (var number in waiting?.Keys.ToArray() ?? [])
            waiting![number] = ([], 0);
        (inSequence, waitingBytes, TooLarge) = (0, 0, true);
        return freed - Charged;
    }

    /// <summary>Drops everything and returns the receive window that this frees.</summary>
    public int Clear()
    {
        var freed = Charged;
        Drop();
        waiting = null;
        return freed;
    }

    /// <summary>Hands out the complete message, without bytes when it was too large, and is as new afterwards.</summary>
    public InboundMessage Take()
    {
        var message = new InboundMessage(TooLarge ? null : buffer, Length, Ppid);
        (buffer, waiting, inSequence, waitingBytes) = ([], null, 0, 0);
        (nextFragment, lastFragment, Ppid, TooLarge) = (0, null, 0, false);
        return message;
    }

    private int Charged => inSequence + waitingBytes + (waiting?.Count ?? 0) * Reassembly.MessageOverhead;

    private int Wait(uint number, ReadOnlySpan<byte> payload)
    {
        waiting ??= [];
        var before = Charged;
        var length = TooLarge ? 0 : payload.Length;
        var copy = BufferPool.Rent(length);
        payload[..length].CopyTo(copy);
        if (!waiting.TryAdd(number, (copy, length)))
        {
            BufferPool.Return(copy);
            return 0;
        }
        waitingBytes += length;
        return Charged - before;
    }

    private void Append(ReadOnlySpan<byte> payload)
    {
        nextFragment++;
        if (TooLarge)
            return;
        if (inSequence + payload.Length > buffer.Length)
        {
            // A message of one fragment takes what it needs; one that goes on doubles.
            var grown = BufferPool.Rent(lastFragment == 0 ? payload.Length : Math.Max(ExpectedLength, 2 * (inSequence + payload.Length)));
            buffer.AsSpan(0, inSequence).CopyTo(grown);
            BufferPool.Return(buffer);
            buffer = grown;
        }
        payload.CopyTo(buffer.AsSpan(inSequence));
        inSequence += payload.Length;
    }
}
