using Registry.WebRtc.Net;


namespace Registry.WebRtc.Sctp;

/// <summary>
/// Puts fragments together and messages in order. Fragments in sequence go straight into the array that is delivered;
/// others form runs, found by a ring that holds each run at its first and last TSN.
/// </summary>
internal sealed class SequentialReassembly(int maxMessageSize, IReassemblySink sink) : Reassembly(sink)
{
    private readonly IReassemblySink sink = sink;
    private const int MaxFreeRuns = 64;
    private readonly Dictionary<ushort, InboundStream> streams = [];
    private readonly StreamPositions positions = new(); // of those that are not among them
    private int mostStreams = MaxIdleStreams;
    private readonly Stack<FragmentRun> free = new();
    private FragmentRun?[] ring = new FragmentRun?[64];
    private int runsInRing;
    /// <summary>The message whose fragments up to the cumulative TSN have arrived, if the last of them is not its end.</summary>
    private FragmentRun? current;
    private InboundStream? lastUsed;
    private int expectedLength;

    public override int StreamCount => streams.Count;

    public override void Add(in DataChunk chunk, uint cumulative)
    {
        var inSequence = chunk.Tsn == cumulative + 1;
        if (chunk is { Begins: true, Ends: true })
        {
            AddWhole(in chunk);
            return;
        }
        EnsureCapacity(chunk.Tsn - cumulative);
        var run = inSequence ? TakeCurrent(in chunk) : TakeFromRing(chunk.Tsn - 1, in chunk);
        if (run is null && inSequence && !chunk.Begins)
            return; // its beginning was skipped by the peer
        if (run is null)
            run = NewRun(in chunk, inSequence && chunk.Begins ? expectedLength : 0);
        else
            Append(run, in chunk);
        JoinFollowing(run);
        if (run.IsComplete)
            Complete(run);
        else if (inSequence)
            current = run;
        else
            PutIntoRing(run);
    }

    /// <summary>Follows the cumulative TSN: runs it has passed are either the message in progress or can never be completed.</summary>
    public override void OnCumulativeAdvanced(uint before, uint after)
    {
        if (current is not null && current.Last != after)
            Discard(ref current);
        for (var tsn = before + 1; runsInRing > 0 && !SerialNumber.IsAfter(tsn, after); tsn++)
        {
            var run = RunAt(tsn);
            if (run is null || run.Last != tsn)
                continue;
            RemoveFromRing(run);
            if (tsn == after && run.Begins)
                current = run;
            else
                Discard(ref run);
        }
    }

    public override void Skip(uint cumulative, uint highest, uint tsn)
    {
        if (current is not null)
            Discard(ref current);
        var last = SerialNumber.IsAfter(tsn, highest) ? highest : tsn;
        for (var passed = cumulative + 1; runsInRing > 0 && !SerialNumber.IsAfter(passed, last); passed++)
        {
            if (RunAt(passed) is not { } run || run.Last != passed)
                continue;
            RemoveFromRing(run);
            Discard(ref run!);
        }
    }

    public override void SkipStream(ushort streamId, bool unordered, uint last)
    {
        var stream = GetStream(streamId);
        var waited = stream.PendingCount > 0;
        var skipped = stream.SkipTo((ushort)last);
        if (waited && stream.PendingCount == 0)
            HeldBytes -= StreamOverhead;
        foreach (var message in skipped)
            Deliver(streamId, in message);
        DeliverKept(stream);
    }

    public override void ResetStream(ushort streamId)
    {
        positions[streamId] = 0;
        if (!streams.Remove(streamId, out var stream))
            return;
        if (lastUsed == stream)
            lastUsed = null;
        if (stream.PendingCount > 0)
            HeldBytes -= StreamOverhead;
        var (bytes, messages) = stream.Clear();
        HeldBytes -= bytes + (long)messages * MessageOverhead;
    }

    public override void ResetAllStreams()
    {
        positions.Clear();
        foreach (var id in streams.Keys.ToArray())
            ResetStream(id);
    }

    private void AddWhole(in DataChunk chunk)
    {
        var length = chunk.Payload.Length;
        HeldBytes += MessageOverhead;
        InboundMessage message;
        if (length > maxMessageSize)
        {
            sink.OnMessageTooLarge(chunk.StreamId);
            message = new InboundMessage(null, 0, chunk.Ppid);
        }
        else
        {
            HeldBytes += length;
            var buffer = BufferPool.Rent(length);
            chunk.Payload.CopyTo(buffer);
            message = new InboundMessage(buffer, length, chunk.Ppid);
        }
        Order(chunk.StreamId, chunk.Unordered, chunk.Ssn, in message);
    }

    private FragmentRun? TakeCurrent(in DataChunk chunk)
    {
        var run = current;
        current = null;
        if (run is not null && !run.IsContinuedBy(in chunk))
            Discard(ref run);
        return run;
    }

    private FragmentRun? TakeFromRing(uint tsn, in DataChunk chunk)
    {
        var run = RunAt(tsn);
        if (run is null || !run.IsContinuedBy(in chunk))
            return null;
        RemoveFromRing(run);
        return run;
    }

    private FragmentRun NewRun(in DataChunk chunk, int capacity)
    {
        var run = free.Count > 0 ? free.Pop() : new FragmentRun();
        run.Start(in chunk, capacity);
        HeldBytes += MessageOverhead + chunk.Payload.Length;
        CheckSize(run);
        return run;
    }

    private void Append(FragmentRun run, in DataChunk chunk)
    {
        var before = run.Length;
        run.Append(in chunk);
        HeldBytes += run.Length - before;
        CheckSize(run);
    }

    private void JoinFollowing(FragmentRun run)
    {
        if (runsInRing == 0 || RunAt(run.Last + 1) is not { } next || !run.IsContinuedBy(next))
            return;
        RemoveFromRing(next);
        var (before, known) = (run.Length + next.Length, run.TooLarge || next.TooLarge);
        run.Join(next);
        HeldBytes += run.Length - before - MessageOverhead;
        Recycle(next);
        if (!known)
            CheckSize(run);
    }

    private void CheckSize(FragmentRun run)
    {
        if (run.TooLarge || run.Length <= maxMessageSize)
            return;
        HeldBytes -= run.Length;
        run.Drop();
        sink.OnMessageTooLarge(run.StreamId);
    }

    private void Complete(FragmentRun run)
    {
        expectedLength = run.Length;
        var message = new InboundMessage(run.TakeMessage(), run.Length, run.Ppid);
        var (streamId, unordered, ssn) = (run.StreamId, run.Unordered, run.Ssn);
        Recycle(run);
        Order(streamId, unordered, ssn, in message);
    }

    private void Order(ushort streamId, bool unordered, ushort ssn, in InboundMessage message)
    {
        if (unordered)
        {
            Deliver(streamId, in message);
            return;
        }
        var stream = GetStream(streamId);
        if (stream.TryPass(ssn))
        {
            Deliver(streamId, in message);
            DeliverKept(stream);
        }
        else if (stream.TryKeep(ssn, in message))
        {
            if (stream.PendingCount == 1)
                HeldBytes += StreamOverhead;
        }
        else
        {
            HeldBytes -= MessageOverhead + message.Length;
            if (message.Buffer is { } buffer)
                BufferPool.Return(buffer);
        }
    }

    private void DeliverKept(InboundStream stream)
    {
        while (stream.TryTakeNext(out var message))
        {
            if (stream.PendingCount == 0)
                HeldBytes -= StreamOverhead;
            Deliver(stream.Id, in message);
        }
    }

    private InboundStream GetStream(ushort id)
    {
        if (lastUsed is { } last && last.Id == id)
            return last;
        if (!streams.TryGetValue(id, out var stream))
        {
            if (streams.Count >= mostStreams)
                PutAway();
            streams[id] = stream = new InboundStream(id, (ushort)positions[id]);
        }
        return lastUsed = stream;
    }

    /// <summary>Keeps only the positions of streams of which nothing waits.</summary>
    private void PutAway()
    {
        foreach (var (id, stream) in streams)
        {
            if (stream.PendingCount > 0)
                continue;
            positions[id] = stream.NextSsn;
            streams.Remove(id);
        }
        lastUsed = null;
        mostStreams = Math.Max(MaxIdleStreams, 2 * streams.Count);
    }

    private void Discard(ref FragmentRun? run)
    {
        HeldBytes -= MessageOverhead + run!.Length;
        run.Drop();
        Recycle(run);
        run = null;
    }

    private void Recycle(FragmentRun run)
    {
        if (free.Count < MaxFreeRuns)
            free.Push(run);
    }

    private ref FragmentRun? Slot(uint tsn) => ref ring[tsn & (uint)(ring.Length - 1)];

    private FragmentRun? RunAt(uint tsn)
    {
        var run = Slot(tsn);
        return run is not null && (run.First == tsn || run.Last == tsn) ? run : null;
    }

    private void PutIntoRing(FragmentRun run)
    {
        Slot(run.First) = Slot(run.Last) = run;
        runsInRing++;
    }

    private void RemoveFromRing(FragmentRun run)
    {
        Slot(run.First) = Slot(run.Last) = null;
        runsInRing--;
    }

    private void EnsureCapacity(uint ahead)
    {
        if (ahead < (uint)ring.Length)
            return;
        var old = ring;
        while (ahead >= (uint)ring.Length)
            ring = new FragmentRun?[ring.Length * 2];
        foreach (var run in old)
        {
            if (run is not null)
                Slot(run.First) = Slot(run.Last) = run;
        }
    }
}
