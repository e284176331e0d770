using System.Numerics;

namespace Registry.WebRtc.Sctp;

/// <summary>
/// Chunks that have a TSN and are not cumulatively acknowledged: a ring indexed by TSN. Two lists run through it, the
/// outstanding chunks by time of transmission and the lost ones that wait to be sent again, so that no event scans the ring.
/// </summary>
internal sealed class InFlightQueue(SendQueue sendQueue)
{
    /// <summary>Most TSNs in flight; gap blocks reach 65,535 beyond the cumulative TSN (RFC 9260 §3.3.4).</summary>
    public const int MaxChunks = 32768;
    private const int InitialCapacity = 64;

    private InFlightChunk[] chunks = new InFlightChunk[InitialCapacity];
    /// <summary>One bit per slot: acknowledged or abandoned, so that gap blocks that repeat old news cost a word per 64 TSNs.</summary>
    private ulong[] settled = new ulong[InitialCapacity / 64];
    private TsnList outstanding;
    private TsnList lost;
    private long transmissions;
    private uint highestAcknowledged;

    /// <summary>Last TSN cumulatively acknowledged.</summary>
    public uint CumulativeTsn { get; private set; }

    public uint NextTsn { get; private set; }

    /// <summary>Last TSN that FORWARD TSN may skip to (RFC 3758 §3.5).</summary>
    public uint AdvancedAckPoint { get; private set; }

    public DeliveryRate DeliveryRate { get; } = new();

    /// <summary>Bytes on the path, chunk headers included.</summary>
    public long FlightBytes { get; private set; }

    /// <summary>User bytes sent and neither acknowledged nor abandoned.</summary>
    public long UnacknowledgedBytes { get; private set; }

    /// <summary>Chunks acknowledged by gap blocks only.</summary>
    public int GapAcknowledged { get; private set; }

    public bool IsEmpty => NextTsn == CumulativeTsn + 1;

    public bool IsFull => NextTsn - CumulativeTsn > MaxChunks;

    public int OutstandingCount => outstanding.Count;

    /// <summary>Chunks that the peer has not acknowledged in any way.</summary>
    public int UnacknowledgedCount => outstanding.Count + lost.Count;

    public bool HasOutstanding => outstanding.Count > 0;

    public bool HasLost => lost.Count > 0;

    /// <summary>Whether the peer may delay its acknowledgement of what is outstanding (RFC 9260 §6.2, RFC 7053).</summary>
    public bool MayBeDelayed => outstanding.Count == 1 && (this[outstanding.Head].Flags & DataChunk.ImmediateFlag) == 0;

    public bool MustForward => AdvancedAckPoint != CumulativeTsn && !IsEmpty;

    /// <summary>Whether abandoned messages can be skipped; otherwise what is in flight is always delivered.</summary>
    public bool PeerSupportsForwardTsn { get; set; }

    public void Start(uint initialTsn)
    {
        NextTsn = initialTsn;
        CumulativeTsn = AdvancedAckPoint = highestAcknowledged = initialTsn - 1;
    }

    public ref InFlightChunk this[uint tsn] => ref chunks[tsn & (uint)(chunks.Length - 1)];

    /// <summary>The outstanding chunk whose transmission is oldest, or newest.</summary>
    public uint OldestOutstanding => outstanding.Head;

    public uint NewestOutstanding => outstanding.Tail;

    public uint FirstLost => lost.Head;

    /// <summary>Gives the next fragment of a message its TSN.</summary>
    public uint Add(OutboundMessage message, int length, byte flags, long now)
    {
        var tsn = AddRecord(message, length, flags);
        ref var chunk = ref this[tsn];
        chunk.Transmissions = 1;
        chunk.IsLastOfMessage = (flags & DataChunk.EndFlag) != 0;
        UnacknowledgedBytes += length;
        PutInFlight(ref chunk, tsn, now);
        return tsn;
    }

    /// <summary>Notes that a lost or outstanding chunk is sent again.</summary>
    public void Retransmit(uint tsn, long now)
    {
        ref var chunk = ref this[tsn];
        Unlink(ref chunk, tsn);
        chunk.Transmissions++;
        PutInFlight(ref chunk, tsn, now);
    }

    public void AcknowledgeUpTo(uint tsn, ref AcknowledgementSummary summary)
    {
        while (CumulativeTsn != tsn)
        {
            var next = CumulativeTsn + 1;
            ref var chunk = ref this[next];
            Settle(ref chunk, next, ChunkState.Acknowledged, ref summary);
            if (chunk.State == ChunkState.Acknowledged)
                GapAcknowledged--;
            SetSettled(next, false);
            var message = chunk.Message;
            sendQueue.ReleaseBytes(message.Stream, chunk.Length);
            if (chunk.IsLastOfMessage)
                sendQueue.Release(message, 0);
            chunk.Message = null!;
            CumulativeTsn = next;
            summary.CumulativeAdvanced = true;
        }
        if (SerialNumber.IsAfter(CumulativeTsn, AdvancedAckPoint))
            AdvancedAckPoint = CumulativeTsn;
    }

    /// <summary>Takes a gap block; both ends are in flight.</summary>
    public void AcknowledgeGap(uint first, uint last, ref AcknowledgementSummary summary)
    {
        var mask = (uint)(chunks.Length - 1);
        for (var tsn = first; ;)
        {
            var bit = (int)(tsn & 63);
            var count = Math.Min(64 - bit, (int)(last - tsn) + 1);
            var fresh = ~(settled[(tsn & mask) >> 6] >> bit) & (ulong.MaxValue >> (64 - count));
            for (; fresh != 0; fresh &= fresh - 1)
            {
                var found = tsn + (uint)BitOperations.TrailingZeroCount(fresh);
                Settle(ref this[found], found, ChunkState.Acknowledged, ref summary);
            }
            if (last - tsn < (uint)count)
                return;
            tsn += (uint)count;
        }
    }

    /// <summary>Whether the peer took back a gap acknowledgement (RFC 9260 §6.2.1): what follows the cumulative TSN cannot be acknowledged.</summary>
    public bool HasReneged => !IsEmpty && this[CumulativeTsn + 1].State == ChunkState.Acknowledged;

    /// <summary>Counts everything that is not cumulatively acknowledged or abandoned as lost, after a timeout or when the peer reneged.</summary>
    public void MarkAllLost(long now)
    {
        for (var tsn = CumulativeTsn + 1; tsn != NextTsn; tsn++)
        {
            ref var chunk = ref this[tsn];
            if (chunk.State == ChunkState.Acknowledged)
            {
                GapAcknowledged--;
                UnacknowledgedBytes += chunk.Length;
                SetSettled(tsn, false);
                chunk.State = ChunkState.Lost;
                chunk.WasAcknowledged = true;
                lost.Append(this, tsn);
            }
            else if (chunk.State == ChunkState.Outstanding)
            {
                MarkLost(tsn, now);
            }
        }
    }

    /// <summary>Takes back that chunks are lost which were sent once only: a timeout was wrong.</summary>
    public void RestoreLost()
    {
        // They were sent before everything that is outstanding, and stand in the order of their transmissions.
        for (var (count, tsn) = (lost.Count, lost.Tail); count > 0; count--)
        {
            ref var chunk = ref this[tsn];
            var previous = chunk.Previous;
            if (chunk.Transmissions == 1)
            {
                lost.Remove(this, tsn);
                chunk.State = ChunkState.Outstanding;
                FlightBytes += chunk.FlightBytes;
                outstanding.Prepend(this, tsn);
            }
            tsn = previous;
        }
    }

    /// <summary>Counts an outstanding chunk as lost, or abandons its message when its reliability says so.</summary>
    public void MarkLost(uint tsn, long now)
    {
        ref var chunk = ref this[tsn];
        if (MayAbandon(in chunk, now))
        {
            Abandon(chunk.Message);
            return;
        }
        Unlink(ref chunk, tsn);
        chunk.State = ChunkState.Lost;
        if (lost.Count > 0 && SerialNumber.IsAfter(lost.Head, tsn))
            lost.Prepend(this, tsn);
        else
            lost.Append(this, tsn);
    }

    /// <summary>Whether sending a chunk again would exceed its message's reliability.</summary>
    public bool MayAbandon(in InFlightChunk chunk, long now) =>
        PeerSupportsForwardTsn
        && (chunk.Message.Expires <= now
            || chunk.Message.MaxRetransmits >= 0 && chunk.Transmissions > chunk.Message.MaxRetransmits);

    /// <summary>
    /// Gives up a message (RFC 3758 §3.5). When it was not sent completely its rest gets one TSN that is never sent, so that
    /// there is something to skip even if all that was sent is acknowledged.
    /// </summary>
    public void Abandon(OutboundMessage message)
    {
        message.Abandoned = true;
        if (message.Sent < message.Length)
        {
            sendQueue.AbandonRemainder(message);
            var tsn = AddRecord(message, 0, DataChunk.EndFlag);
            ref var rest = ref this[tsn];
            rest.IsLastOfMessage = true;
            rest.State = ChunkState.Abandoned;
            SetSettled(tsn, true);
        }
        var summary = default(AcknowledgementSummary);
        var first = SerialNumber.IsAfter(message.FirstTsn, CumulativeTsn) ? message.FirstTsn : CumulativeTsn + 1;
        for (var tsn = first; !SerialNumber.IsAfter(tsn, message.LastTsn); tsn++)
        {
            ref var chunk = ref this[tsn];
            if (chunk.Message != message)
                continue; // interleaved
            if (chunk.State == ChunkState.Acknowledged)
            {
                chunk.State = ChunkState.Abandoned;
                GapAcknowledged--;
            }
            else
            {
                Settle(ref chunk, tsn, ChunkState.Abandoned, ref summary);
            }
        }
        AdvanceAckPoint();
    }

    public void AdvanceAckPoint()
    {
        while (AdvancedAckPoint + 1 != NextTsn && this[AdvancedAckPoint + 1].State == ChunkState.Abandoned)
            AdvancedAckPoint++;
    }

    private uint AddRecord(OutboundMessage message, int length, byte flags)
    {
        var tsn = NextTsn;
        if (tsn - CumulativeTsn > (uint)chunks.Length)
            Grow();
        NextTsn++;
        ref var chunk = ref this[tsn];
        chunk = default;
        chunk.Message = message;
        chunk.Offset = message.Sent;
        chunk.Fragment = message.Fragments++;
        chunk.Length = (ushort)length;
        chunk.Flags = flags;
        if ((flags & DataChunk.BeginFlag) != 0)
            message.FirstTsn = tsn;
        message.LastTsn = tsn;
        return tsn;
    }

    private void PutInFlight(ref InFlightChunk chunk, uint tsn, long now)
    {
        chunk.State = ChunkState.Outstanding;
        chunk.SentAt = now;
        chunk.Order = ++transmissions;
        chunk.Delivery = DeliveryRate.OnSent(now, FlightBytes == 0);
        FlightBytes += chunk.FlightBytes;
        outstanding.Append(this, tsn);
    }

    private void Unlink(ref InFlightChunk chunk, uint tsn)
    {
        if (chunk.State == ChunkState.Lost)
        {
            lost.Remove(this, tsn);
            return;
        }
        outstanding.Remove(this, tsn);
        FlightBytes -= chunk.FlightBytes;
    }

    /// <summary>Takes an outstanding or lost chunk out of its list for good; does nothing to one that is settled.</summary>
    private void Settle(ref InFlightChunk chunk, uint tsn, ChunkState state, ref AcknowledgementSummary summary)
    {
        if (chunk.State is ChunkState.Acknowledged or ChunkState.Abandoned)
            return;
        if (chunk is { State: ChunkState.Lost, Transmissions: 1, WasAcknowledged: false } && state == ChunkState.Acknowledged)
            summary.FoundAlive++;
        Unlink(ref chunk, tsn);
        UnacknowledgedBytes -= chunk.Length;
        chunk.State = state;
        SetSettled(tsn, true);
        if (state == ChunkState.Abandoned)
            return;
        GapAcknowledged++;
        summary.Bytes += chunk.FlightBytes;
        if (chunk.Order > summary.NewestOrder)
        {
            summary.NewestOrder = chunk.Order;
            summary.NewestSentAt = chunk.SentAt;
            summary.NewestDelivery = chunk.Delivery;
            summary.NewestIsUnambiguous = chunk.Transmissions == 1;
        }
        if (SerialNumber.IsAfter(tsn, highestAcknowledged))
            highestAcknowledged = tsn;
        else if (chunk.Transmissions == 1)
            summary.ReorderingSeen = true;
    }

    private void SetSettled(uint tsn, bool value)
    {
        ref var word = ref settled[(tsn & (uint)(chunks.Length - 1)) >> 6];
        var bit = 1UL << (int)(tsn & 63);
        word = value ? word | bit : word & ~bit;
    }

    /// <summary>Gives memory back while nothing is in flight.</summary>
    public void Trim()
    {
        if (!IsEmpty || chunks.Length == InitialCapacity)
            return;
        chunks = new InFlightChunk[InitialCapacity];
        settled = new ulong[InitialCapacity / 64];
    }

    private void Grow()
    {
        var old = chunks;
        var oldMask = (uint)(old.Length - 1);
        chunks = new InFlightChunk[old.Length * 2];
        settled = new ulong[chunks.Length / 64];
        for (var tsn = CumulativeTsn + 1; tsn != NextTsn; tsn++)
        {
            this[tsn] = old[tsn & oldMask];
            SetSettled(tsn, this[tsn].State is ChunkState.Acknowledged or ChunkState.Abandoned);
        }
    }
}
