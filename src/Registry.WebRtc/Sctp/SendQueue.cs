using System.Diagnostics.CodeAnalysis;
using Registry.WebRtc.Net;


namespace Registry.WebRtc.Sctp;

/// <summary>
/// The send buffer: messages per stream that wait for a TSN, handed out in turn over the streams. Without interleaving a message is
/// finished before the next begins, since fragments must have consecutive TSNs (RFC 9260 §6.9); with it the turns go by fragment.
/// </summary>
internal sealed class SendQueue(int capacity)
{
    /// <summary>Charged per message besides its bytes, so that tiny messages are bounded too.</summary>
    private const int MessageOverhead = 128;
    private const int MaxFreeMessages = 256;

    /// <summary>A message up to this fits into one packet of any size.</summary>
    private const int ShortMessage = 1024;

    /// <summary>Long messages under way at a time: a receiver must hold all of them until they are complete.</summary>
    private const int MaxLongStarted = 4;

    private readonly Dictionary<ushort, OutboundStream> streams = [];
    private readonly Queue<OutboundStream> waiting = new();
    private readonly Stack<OutboundMessage> free = new();
    private readonly Queue<OutboundStream> held = new();
    private OutboundStream? current;
    private int longStarted;
    private OutboundStream? lastUsed;
    private long chargedBytes;
    private long waitingBytes;
    private bool refused;

    /// <summary>Whether fragments of different messages may alternate (RFC 8260).</summary>
    public bool Interleaves { get; set; }

    /// <summary>User bytes accepted and not yet acknowledged.</summary>
    public long BufferedBytes { get; private set; }

    public int BufferedMessages { get; private set; }

    public long MessagesAbandoned { get; private set; }

    /// <summary>Streams whose last message was acknowledged after <see cref="OutboundStream.Closing"/> was set.</summary>
    public Queue<OutboundStream> Drained { get; } = new();

    public int StreamCount => streams.Count;

    public bool IsEmpty => BufferedMessages == 0;

    /// <summary>
    /// Set while the path takes more than the buffer holds: what is in flight, which the windows bound, does not count then, or the
    /// buffer and not the path would set the pace.
    /// </summary>
    public bool IsPathWide { get; set; }

    private long OccupiedBytes => IsPathWide ? waitingBytes : chargedBytes;

    /// <summary>True once after sending was refused and the buffer has since drained to half.</summary>
    public bool TakeBufferLow()
    {
        if (!refused || OccupiedBytes > capacity / 2)
            return false;
        refused = false;
        return true;
    }

    /// <summary>Whether nothing waits behind the message from <see cref="Peek"/>.</summary>
    public bool IsLastWaiting(OutboundMessage message) => waiting.Count == 0 && held.Count == 0 && message.Next is null;

    public OutboundStream GetStream(ushort id)
    {
        if (lastUsed is { } last && last.Id == id)
            return last;
        if (!streams.TryGetValue(id, out var stream))
            streams[id] = stream = new OutboundStream(id);
        return lastUsed = stream;
    }

    public bool TryGetStream(ushort id, out OutboundStream? stream) => streams.TryGetValue(id, out stream);

    /// <summary>Forgets a stream that was reset; the next use of its id starts at SSN 0.</summary>
    public void RemoveStream(OutboundStream stream)
    {
        if (streams.TryGetValue(stream.Id, out var present) && present == stream)
            streams.Remove(stream.Id);
        if (lastUsed == stream)
            lastUsed = null;
    }

    /// <summary>Copies a message into the buffer; false when there is no room. An empty buffer takes a message of any size.</summary>
    public bool TryEnqueue(long now, OutboundStream stream, uint ppid, ReadOnlySpan<byte> payload, in SendParameters parameters, bool control)
    {
        if (!control && OccupiedBytes > 0 && OccupiedBytes + payload.Length + MessageOverhead > capacity)
        {
            refused = true;
            return false;
        }
        var message = free.Count > 0 ? free.Pop() : new OutboundMessage();
        message.Buffer = BufferPool.Rent(payload.Length);
        payload.CopyTo(message.Buffer);
        message.Length = payload.Length;
        message.Stream = stream;
        message.Ppid = ppid;
        message.Unordered = parameters.Unordered;
        message.MaxRetransmits = parameters.MaxRetransmits ?? -1;
        message.Expires = parameters.Lifetime is { } lifetime ? now + lifetime.Ticks : long.MaxValue;
        Charge(message, 1, payload.Length);
        waitingBytes += payload.Length + MessageOverhead;
        stream.Append(message);
        if (stream != current)
            PutInLine(stream);
        return true;
    }

    /// <summary>The message whose next fragment is to be sent, or null. Messages that expired before they were begun are dropped here.</summary>
    public OutboundMessage? Peek(long now)
    {
        while (true)
        {
            if (current is null && !TryTakeTurn(out current))
                return null;
            var message = current.First!;
            if (message.IsStarted || now < message.Expires)
                return message;
            MessagesAbandoned++;
            waitingBytes -= message.Length;
            Finish(current, isStarted: false);
            Release(message, message.Length);
        }
    }

    /// <summary>Notes that a fragment of the message from <see cref="Peek"/> was sent.</summary>
    public void Advance(OutboundMessage message, int bytes)
    {
        if (!message.IsStarted)
            Start(message);
        message.Sent += bytes;
        waitingBytes -= bytes;
        if (message.Sent == message.Length)
        {
            FinishCurrent();
        }
        else if (Interleaves)
        {
            PutInLine(current!);
            current = null;
        }
    }

    /// <summary>Gives up what was not sent of a message that is begun.</summary>
    public void AbandonRemainder(OutboundMessage message)
    {
        var unsent = message.Length - message.Sent;
        message.Length = message.Sent;
        ReleaseBytes(message.Stream, unsent);
        waitingBytes -= unsent;
        Finish(message.Stream, isStarted: true);
    }

    /// <summary>Takes acknowledged or skipped bytes out of the buffer.</summary>
    public void ReleaseBytes(OutboundStream stream, int bytes)
    {
        stream.BufferedBytes -= bytes;
        BufferedBytes -= bytes;
        chargedBytes -= bytes;
    }

    /// <summary>Returns a message all of whose fragments were acknowledged or skipped.</summary>
    public void Release(OutboundMessage message, int remainingBytes)
    {
        var stream = message.Stream;
        if (message.Abandoned)
            MessagesAbandoned++;
        Charge(message, -1, -remainingBytes);
        BufferPool.Return(message.Buffer);
        if (stream.Closing && stream.BufferedMessages == 0)
            Drained.Enqueue(stream);
        if (free.Count >= MaxFreeMessages)
            return;
        message.Buffer = [];
        message.Stream = null!;
        message.Next = null;
        message.Sent = 0;
        message.Fragments = 0;
        message.Abandoned = false;
        free.Push(message);
    }

    private void Charge(OutboundMessage message, int messages, int bytes)
    {
        message.Stream.BufferedMessages += messages;
        BufferedMessages += messages;
        chargedBytes += messages * MessageOverhead;
        ReleaseBytes(message.Stream, -bytes);
    }

    private static bool IsLong(OutboundMessage message) => message.Length > ShortMessage;

    private void Start(OutboundMessage message)
    {
        if (Interleaves && message.Unordered)
            message.Sequence = message.Stream.NextUnordered++;
        else if (!message.Unordered)
            message.Sequence = message.Stream.NextSequence++;
        if (IsLong(message))
            longStarted++;
    }

    private void PutInLine(OutboundStream stream)
    {
        if (stream.IsWaiting)
            return;
        stream.IsWaiting = true;
        waiting.Enqueue(stream);
    }

    /// <summary>The stream whose turn it is. A long message waits aside while enough others are begun.</summary>
    private bool TryTakeTurn([NotNullWhen(true)] out OutboundStream? stream)
    {
        while (waiting.TryDequeue(out stream))
        {
            if (stream.First is { IsStarted: false } first && longStarted >= MaxLongStarted && IsLong(first))
            {
                held.Enqueue(stream);
                continue;
            }
            stream.IsWaiting = false;
            if (stream.First is not null)
                return true;
        }
        return false;
    }

    private void FinishCurrent() => Finish(current!, isStarted: true);

    /// <summary>Goes on to the next message of a stream, whose first was sent or given up.</summary>
    private void Finish(OutboundStream stream, bool isStarted)
    {
        waitingBytes -= MessageOverhead;
        if (isStarted && IsLong(stream.First!) && longStarted-- == MaxLongStarted)
        {
            while (held.TryDequeue(out var next))
                waiting.Enqueue(next);
        }
        stream.RemoveFirst();
        if (stream == current)
            current = null;
        if (stream.First is not null)
            PutInLine(stream);
    }
}
