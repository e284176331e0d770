using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>Data coming in, and its acknowledgement (RFC 9260 §6.2, RFC 3758 §3.6).</content>
internal sealed partial class SctpAssociation
{
    private const int SackFixedLength = 12;
    private readonly ReceiveWindow receiveWindow;
    private long announcedWindow;
    private bool packetHasData;
    private bool sackDue;
    private int unacknowledgedPackets;

    /// <summary>The window to announce; below one packet it counts as closed (RFC 9260 §6.2, silly window).</summary>
    private long OpenWindow
    {
        get
        {
            var room = receiveWindow.Capacity - reassembly.HeldBytes;
            return room < options.BasePacketSize ? 0 : room;
        }
    }

    private bool HandleData(long now, byte flags, ReadOnlySpan<byte> value, bool interleaved)
    {
        // The peer only sends DATA once it is established, so its COOKIE ACK was lost or overtaken.
        if (State == SctpAssociationState.CookieEchoed)
            Establish(now);
        if (!CanReceiveData || !DataChunk.TryParse(flags, value, interleaved, out var chunk))
            return false;
        if (interleaved != interleaves)
        {
            AbortWith(SctpErrorCause.ProtocolViolation, SctpCloseCause.ProtocolViolation, "The peer mixed DATA with I-DATA.");
            return false;
        }
        packetHasData = true;
        if (chunk.Payload.IsEmpty)
        {
            AbortWith(SctpErrorCause.NoUserData, SctpCloseCause.ProtocolViolation, "The peer sent a DATA chunk without data.");
            return false;
        }
        if (chunk.Immediate)
            sackDue = true;
        if (tracker.Contains(chunk.Tsn))
        {
            tracker.AddDuplicate(chunk.Tsn);
            sackDue = true;
            return true;
        }
        if (!HasRoomFor(in chunk))
        {
            sackDue = true;
            return true;
        }
        receiveWindow.OnArrival(now, chunk.Payload.Length, rto.SmoothedRtt, reassembly.DeliveredBytes);
        var before = tracker.Cumulative;
        tracker.Add(chunk.Tsn);
        if (chunk.StreamId < MaxStreams)
            reassembly.Add(in chunk, before);
        else
            ReplyInvalidStream(chunk.StreamId);
        if (tracker.Cumulative != before)
            OnCumulativeAdvanced(before);
        return true;
    }

    /// <summary>
    /// What is next in sequence is taken as long as it is the application that keeps the window filled up to the limit; the rest has
    /// to fit into the window. So memory is bounded by twice the window, and a full window of later data cannot block what is missing.
    /// </summary>
    private bool HasRoomFor(in DataChunk chunk)
    {
        var length = chunk.Payload.Length + Reassembly.MessageOverhead + Reassembly.StreamOverhead;
        if (chunk.Tsn == tracker.Cumulative + 1)
            return reassembly.DeliveredBytes < receiveWindow.Capacity && reassembly.HeldBytes + length <= 2 * receiveWindow.Capacity;
        return chunk.Tsn - tracker.Cumulative <= ReceiveTracker.MaxAhead && reassembly.HeldBytes + length <= receiveWindow.Capacity;
    }

    private void OnCumulativeAdvanced(uint before)
    {
        reassembly.OnCumulativeAdvanced(before, tracker.Cumulative);
        if (streamReset.HasDeferred)
            streamReset.OnCumulativeAdvanced(tracker.Cumulative);
    }

    private void ReplyInvalidStream(ushort streamId)
    {
        Span<byte> information = stackalloc byte[4];
        information.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(information, streamId);
        ReplyError(SctpErrorCause.InvalidStreamIdentifier, information);
    }

    /// <summary>Every second packet is acknowledged at once, and each one while something is missing (RFC 9260 §6.2).</summary>
    private void AfterDataPacket(long now)
    {
        unacknowledgedPackets++;
        if (unacknowledgedPackets >= 2 || tracker.HasGaps)
            sackDue = true;
        else if (sackDeadline == long.MaxValue)
            sackDeadline = now + options.SackDelay.Ticks;
        if (State == SctpAssociationState.ShutdownSent)
        {
            sackDue = true;
            shutdownDue = true;
        }
    }

    private void HandleForwardTsn(ReadOnlySpan<byte> value, bool interleaved)
    {
        if (!CanReceiveData || value.Length < 4 || interleaved != interleaves)
            return;
        sackDue = true;
        var tsn = BinaryPrimitives.ReadUInt32BigEndian(value);
        if (!SerialNumber.IsAfter(tsn, tracker.Cumulative))
            return;
        var before = tracker.Cumulative;
        reassembly.Skip(before, tracker.Highest, tsn);
        tracker.SkipTo(tsn);
        var size = interleaved ? 8 : 4;
        for (var skipped = value[4..]; skipped.Length >= size; skipped = skipped[size..])
        {
            var streamId = BinaryPrimitives.ReadUInt16BigEndian(skipped);
            var last = BinaryPrimitives.ReadUInt16BigEndian(skipped[2..]);
            if (streamId >= MaxStreams)
                continue;
            if (interleaved)
                reassembly.SkipStream(streamId, unordered: (last & 1) != 0, BinaryPrimitives.ReadUInt32BigEndian(skipped[4..]));
            else
                reassembly.SkipStream(streamId, unordered: false, last);
        }
        OnCumulativeAdvanced(tsn);
    }

    private void WriteSack(ref SctpPacketWriter writer)
    {
        Span<byte> blocks = stackalloc byte[options.BasePacketSize];
        var room = Math.Min(writer.Remaining, options.BasePacketSize) - TlvReader.HeaderLength - SackFixedLength;
        var duplicateRoom = Math.Min(4 * tracker.DuplicateCount, room / 2);
        var gaps = tracker.HasGaps ? tracker.WriteGapBlocks(blocks[..(room - duplicateRoom)]) : 0;
        var duplicates = tracker.WriteDuplicates(blocks.Slice(4 * gaps, duplicateRoom));
        var items = 4 * (gaps + duplicates);
        var value = writer.AddChunk(SctpChunkType.Sack, 0, SackFixedLength + items);
        announcedWindow = OpenWindow;
        BinaryPrimitives.WriteUInt32BigEndian(value, tracker.Cumulative);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], (uint)announcedWindow);
        BinaryPrimitives.WriteUInt16BigEndian(value[8..], (ushort)gaps);
        BinaryPrimitives.WriteUInt16BigEndian(value[10..], (ushort)duplicates);
        blocks[..items].CopyTo(value[SackFixedLength..]);
        sackDue = false;
        unacknowledgedPackets = 0;
        sackDeadline = long.MaxValue;
    }
}
