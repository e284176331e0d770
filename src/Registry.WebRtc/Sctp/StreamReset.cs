using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <summary>Stream reconfiguration (RFC 6525): resets of outgoing streams, and answers to the peer's.</summary>
internal sealed class StreamReset(SendQueue sendQueue, ISctpAssociationSink sink)
{
    private const ushort OutgoingResetRequest = 13;
    private const ushort IncomingResetRequest = 14;
    private const ushort TsnResetRequest = 15;
    private const ushort Response = 16;
    private const ushort AddOutgoingRequest = 17;
    private const ushort AddIncomingRequest = 18;
    private const int MaxStreamsPerRequest = 256;
    private const int MaxResponses = 4;
    private const int RequestHeader = 16;
    private const int ResponseLength = 12;

    private readonly List<(ushort Id, OutboundStream? Stream)> requested = [];
    private Reassembly? reassembly;
    private readonly List<(uint Sequence, ResetResult Result)> responses = [];
    private uint nextSequence;
    private uint requestLastTsn;
    private bool requestDue;
    private uint expectedSequence;
    private ResetResult lastResult = ResetResult.NothingToDo;
    private int attempts;
    private HashSet<ushort>? deferredStreams; // empty for all of them
    private uint deferredTsn;

    private enum ResetResult : uint
    {
        NothingToDo = 0,
        Performed = 1,
        Denied = 2,
        AlreadyInProgress = 4,
        BadSequenceNumber = 5,
        InProgress = 6,
    }

    /// <summary>When an unanswered request is to be repeated.</summary>
    public long Deadline { get; private set; } = long.MaxValue;

    /// <summary>Whether a peer's reset waits for data that it follows.</summary>
    public bool HasDeferred => deferredStreams is not null;

    /// <summary>Whether there is something to write.</summary>
    public bool IsDue => requestDue || responses.Count > 0 || requested.Count == 0 && sendQueue.Drained.Count > 0;

    /// <summary>A peer that cannot reset streams counts as having done so.</summary>
    public bool PeerSupportsReconfig { get; private set; }

    public void Start(uint localInitialTsn, uint peerInitialTsn, bool peerSupportsReconfig, Reassembly incoming)
    {
        reassembly = incoming;
        PeerSupportsReconfig = peerSupportsReconfig;
        nextSequence = localInitialTsn;
        expectedSequence = peerInitialTsn;
    }

    /// <summary>The peer uses an id again, so it has performed the reset whose confirmation is still under way.</summary>
    public bool TryConfirmEarly(ushort streamId)
    {
        var index = requested.FindIndex(request => request.Id == streamId && request.Stream is not null);
        if (index < 0)
            return false;
        sendQueue.RemoveStream(requested[index].Stream!);
        requested[index] = (streamId, null);
        return true;
    }

    /// <summary>Writes a pending response and request if they fit.</summary>
    /// <param name="writer">The packet.</param>
    /// <param name="now">The time.</param>
    /// <param name="rto">The retransmission timeout.</param>
    /// <param name="lastTsn">
    /// The TSN that the reset follows. RFC 6525 §4.1 names the last one assigned; the last one acknowledged covers the streams, which are
    /// drained, just as well, and spares the peer waiting for what other streams have in flight.
    /// </param>
    public void Write(ref SctpPacketWriter writer, long now, long rto, uint lastTsn)
    {
        while (responses.Count > 0 && writer.Remaining >= TlvReader.HeaderLength + ResponseLength)
        {
            var value = writer.AddChunk(SctpChunkType.Reconfig, 0, ResponseLength);
            WriteHeader(value, Response, ResponseLength);
            BinaryPrimitives.WriteUInt32BigEndian(value[4..], responses[0].Sequence);
            BinaryPrimitives.WriteUInt32BigEndian(value[8..], (uint)responses[0].Result);
            responses.RemoveAt(0);
        }
        if (requested.Count == 0)
            CollectDrained(lastTsn);
        var length = RequestHeader + 2 * requested.Count;
        if (!requestDue || writer.Remaining < TlvReader.HeaderLength + length + 2)
            return;
        WriteRequest(writer.AddChunk(SctpChunkType.Reconfig, 0, length), length);
        requestDue = false;
        Deadline = now + (rto << Math.Min(attempts++, 6));
    }

    /// <summary>Repeats the request that was not answered.</summary>
    public void OnTimeout()
    {
        Deadline = long.MaxValue;
        requestDue = requested.Count > 0;
    }

    public void Handle(ReadOnlySpan<byte> value, uint cumulativeTsn, long now, long rto)
    {
        var reader = new TlvReader(value);
        // A chunk carries at most two parameters (RFC 6525 §3.1).
        for (var i = 0; i < 2 && reader.TryRead(); i++)
        {
            if (reader.Value.Length < 4)
                continue;
            switch (reader.Tag)
            {
                case OutgoingResetRequest when reader.Value.Length >= 12:
                    HandleRequest(reader.Tag, reader.Value, reader.Value[12..], cumulativeTsn);
                    break;
                case IncomingResetRequest:
                    HandleRequest(reader.Tag, reader.Value, reader.Value[4..], cumulativeTsn);
                    break;
                case TsnResetRequest or AddOutgoingRequest or AddIncomingRequest:
                    HandleRequest(reader.Tag, reader.Value, [], cumulativeTsn);
                    break;
                case Response when reader.Value.Length >= 8:
                    HandleResponse(reader.Value, now, rto);
                    break;
            }
        }
    }

    /// <summary>Performs a reset that waited for the data before it (RFC 6525 §5.2.2 E3).</summary>
    public void OnCumulativeAdvanced(uint cumulativeTsn)
    {
        if (deferredStreams is not { } streams || SerialNumber.IsAfter(deferredTsn, cumulativeTsn))
            return;
        deferredStreams = null;
        lastResult = ResetResult.Performed;
        Perform([.. streams]);
    }

    private void HandleRequest(ushort type, ReadOnlySpan<byte> value, ReadOnlySpan<byte> streamIds, uint cumulativeTsn)
    {
        var sequence = BinaryPrimitives.ReadUInt32BigEndian(value);
        if (sequence == expectedSequence - 1)
        {
            Respond(sequence, lastResult);
            return;
        }
        if (sequence != expectedSequence)
        {
            Respond(sequence, ResetResult.BadSequenceNumber);
            return;
        }
        expectedSequence++;
        lastResult = type switch
        {
            OutgoingResetRequest => HandleOutgoingReset(BinaryPrimitives.ReadUInt32BigEndian(value[8..]), ReadIds(streamIds), cumulativeTsn),
            IncomingResetRequest => HandleIncomingReset(ReadIds(streamIds)),
            _ => ResetResult.Denied,
        };
        Respond(sequence, lastResult);
    }

    private ResetResult HandleOutgoingReset(uint lastTsn, ushort[] streamIds, uint cumulativeTsn)
    {
        if (SerialNumber.IsAfter(lastTsn, cumulativeTsn))
        {
            // Some peers repeat a request that is in progress under a new number, so a second one adds to the first.
            if (streamIds.Length == 0)
                deferredStreams = [];
            else if (deferredStreams is not { Count: 0 })
                (deferredStreams ??= []).UnionWith(streamIds);
            deferredTsn = lastTsn;
            return ResetResult.InProgress;
        }
        Perform(streamIds);
        return ResetResult.Performed;
    }

    private ResetResult HandleIncomingReset(ushort[] streamIds)
    {
        sink.OnResetRequested(streamIds);
        return ResetResult.Performed;
    }

    private void Perform(ushort[] streamIds)
    {
        if (streamIds.Length == 0)
            reassembly!.ResetAllStreams();
        foreach (var id in streamIds)
            reassembly!.ResetStream(id);
        sink.OnIncomingStreamsReset(streamIds);
    }

    private void HandleResponse(ReadOnlySpan<byte> value, long now, long rto)
    {
        var sequence = BinaryPrimitives.ReadUInt32BigEndian(value);
        if (requested.Count == 0 || sequence != nextSequence)
            return;
        if ((ResetResult)BinaryPrimitives.ReadUInt32BigEndian(value[4..]) is ResetResult.InProgress or ResetResult.AlreadyInProgress)
        {
            Deadline = now + rto;
            return;
        }
        nextSequence++;
        attempts = 0;
        Deadline = long.MaxValue;
        requestDue = false;
        var confirmed = requested.ToArray();
        requested.Clear();
        foreach (var (id, stream) in confirmed)
        {
            if (stream is null)
                continue;
            sendQueue.RemoveStream(stream);
            sink.OnOutgoingStreamReset(id);
        }
    }

    private void Respond(uint sequence, ResetResult result)
    {
        if (responses.Count < MaxResponses)
            responses.Add((sequence, result));
    }

    private void CollectDrained(uint lastTsn)
    {
        while (requested.Count < MaxStreamsPerRequest && sendQueue.Drained.TryDequeue(out var stream))
        {
            if (PeerSupportsReconfig)
            {
                requested.Add((stream.Id, stream));
                continue;
            }
            stream.Closing = false;
            if (stream is { NextSequence: 0, NextUnordered: 0 })
                sendQueue.RemoveStream(stream); // Nothing was sent on it that the next message must follow.
            sink.OnIncomingStreamsReset([stream.Id]);
            sink.OnOutgoingStreamReset(stream.Id);
        }
        requestDue = requested.Count > 0;
        requestLastTsn = lastTsn;
    }

    private void WriteRequest(Span<byte> value, int length)
    {
        WriteHeader(value, OutgoingResetRequest, length);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], nextSequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[8..], expectedSequence - 1);
        BinaryPrimitives.WriteUInt32BigEndian(value[12..], requestLastTsn);
        for (var i = 0; i < requested.Count; i++)
            BinaryPrimitives.WriteUInt16BigEndian(value[(RequestHeader + 2 * i)..], requested[i].Id);
    }

    private static void WriteHeader(Span<byte> value, ushort type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(value, type);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], (ushort)length);
    }

    private static ushort[] ReadIds(ReadOnlySpan<byte> bytes)
    {
        var ids = new ushort[bytes.Length / 2];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = BinaryPrimitives.ReadUInt16BigEndian(bytes[(2 * i)..]);
        return ids;
    }
}
