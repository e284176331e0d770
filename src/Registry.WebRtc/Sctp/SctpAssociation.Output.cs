using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>Packets going out: control chunks first, then what was lost, then new data (RFC 9260 §6.1, §6.10).</content>
internal sealed partial class SctpAssociation
{
    /// <summary>A started message goes on in the rest of a packet only if that holds at least this much of it.</summary>
    private const int MinimumFragment = 256;
    private uint forwardedTsn;
    private uint forwardMark;
    private bool forwardTsnDue;
    private bool isProbingWindow;
    private bool probeDue;
    private bool probeInFlight;

    private int DataHeaderLength => interleaves ? DataChunk.InterleavedHeaderLength : DataChunk.HeaderLength;

    /// <summary>Writes the next packet to send; false when there is none now.</summary>
    /// <param name="now">The time.</param>
    /// <param name="destination">As many bytes as the larger of <see cref="SctpOptions.BasePacketSize"/> and <see cref="SctpOptions.MaxPacketSize"/>.</param>
    /// <param name="written">The packet's length.</param>
    public bool TryWritePacket(TimeSpan now, Span<byte> destination, out int written)
    {
        if (destination.Length < LargestPacket)
            throw new ArgumentException($"A packet needs {LargestPacket} bytes.", nameof(destination));
        if (!TryWriteAlone(now.Ticks, destination, out written) && !TryWriteBundle(now.Ticks, destination[..pathMtu.PacketSize], out written) && !TryWritePathProbe(now.Ticks, destination, out written))
            return false;
        packetsSent++;
        return true;
    }

    /// <summary>Chunks that are never bundled.</summary>
    private bool TryWriteAlone(long now, Span<byte> destination, out int written)
    {
        if (abortDue is { } cause)
        {
            abortDue = null;
            return WriteLast(SctpChunkType.Abort, cause, destination, out written);
        }
        if (shutdownCompleteDue)
        {
            shutdownCompleteDue = false;
            return WriteLast(SctpChunkType.ShutdownComplete, [], destination, out written);
        }
        if (!hasEnded && initAck is not null)
            return WriteInitAck(destination, out written);
        if (!hasEnded && initDue)
            return WriteInit(now, destination, out written);
        written = 0;
        return false;
    }

    private bool WriteLast(SctpChunkType type, ReadOnlySpan<byte> value, Span<byte> destination, out int written)
    {
        var writer = new SctpPacketWriter(destination, options.Port, peerTag);
        value.CopyTo(writer.AddChunk(type, 0, value.Length));
        written = writer.Complete();
        return true;
    }

    private bool TryWriteBundle(long now, Span<byte> destination, out int written)
    {
        written = 0;
        if (hasEnded || peerTag == 0)
            return false;
        var writer = new SctpPacketWriter(destination, options.Port, peerTag);
        var hasData = CanSendData && MaySendData(now);
        AfterProgress(); // expired messages may have left the buffer
        WriteCookies(now, ref writer);
        WriteReplies(ref writer);
        if (State >= SctpAssociationState.Established)
        {
            // Answers to the peer may have left no room; the acknowledgement then goes into the next packet.
            if ((sackDue || hasData && unacknowledgedPackets > 0) && writer.Remaining >= TlvReader.HeaderLength + SackFixedLength)
                WriteSack(ref writer);
            WriteControl(now, ref writer);
            if (hasData)
                WriteData(now, ref writer);
        }
        if (writer.IsEmpty)
            return false;
        written = writer.Complete(omitsChecksum);
        return true;
    }

    private void WriteCookies(long now, ref SctpPacketWriter writer)
    {
        if (cookieEchoDue && echoedCookie is { } cookie)
        {
            cookieEchoDue = false;
            cookie.CopyTo(writer.AddChunk(SctpChunkType.CookieEcho, 0, cookie.Length));
            ArmInit(now);
        }
        if (cookieAckDue)
        {
            cookieAckDue = false;
            writer.AddChunk(SctpChunkType.CookieAck, 0, 0);
        }
    }

    private void WriteReplies(ref SctpPacketWriter writer)
    {
        while (replies.TryPeek(out var reply) && ((reply.Length + 3) & ~3) <= writer.Remaining)
            writer.AddRaw(replies.Dequeue());
    }

    private void WriteControl(long now, ref SctpPacketWriter writer)
    {
        if (heartbeatDue && writer.Remaining >= TlvReader.HeaderLength + HeartbeatLength)
            WriteHeartbeat(now, ref writer);
        if (CanSendData && (forwardTsnDue || inFlight.MustForward && inFlight.AdvancedAckPoint != forwardedTsn))
            WriteForwardTsn(ref writer);
        if (streamReset.IsDue && CanSendData)
            streamReset.Write(ref writer, now, rto.Rto, inFlight.CumulativeTsn);
        if (shutdownDue && writer.Remaining >= 8)
        {
            shutdownDue = false;
            BinaryPrimitives.WriteUInt32BigEndian(writer.AddChunk(SctpChunkType.Shutdown, 0, 4), tracker.Cumulative);
            ArmShutdown(now);
        }
        if (shutdownAckDue && writer.Remaining >= 4)
        {
            shutdownAckDue = false;
            writer.AddChunk(SctpChunkType.ShutdownAck, 0, 0);
            ArmShutdown(now);
        }
    }

    /// <summary>Tells the peer to skip abandoned messages; per stream the newest that is skipped (RFC 3758 §3.2, RFC 8260 §2.3.1).</summary>
    private void WriteForwardTsn(ref SctpPacketWriter writer)
    {
        forwardTsnDue = false;
        var size = interleaves ? 8 : 4;
        var room = (Math.Min(writer.Remaining, options.BasePacketSize) - TlvReader.HeaderLength - 4) / size;
        if (!inFlight.MustForward || room < 1)
            return;
        Span<(ushort Id, bool Unordered)> skipped = stackalloc (ushort, bool)[options.BasePacketSize / size];
        var (count, tsn) = (0, inFlight.CumulativeTsn);
        forwardMark++;
        for (; tsn != inFlight.AdvancedAckPoint; tsn++)
        {
            var message = inFlight[tsn + 1].Message;
            if (message.Unordered && !interleaves)
                continue;
            if ((message.Unordered ? message.Stream.UnorderedSkipMark : message.Stream.SkipMark) != forwardMark)
            {
                if (count == room)
                    break;
                skipped[count++] = (message.Stream.Id, message.Unordered);
            }
            MarkSkipped(message);
        }
        var value = writer.AddChunk(interleaves ? SctpChunkType.InterleavedForwardTsn : SctpChunkType.ForwardTsn, 0, 4 + size * count);
        BinaryPrimitives.WriteUInt32BigEndian(value, tsn);
        for (var i = 0; i < count; i++)
            WriteSkipped(value[(4 + size * i)..], sendQueue.GetStream(skipped[i].Id), skipped[i].Unordered);
        forwardedTsn = inFlight.AdvancedAckPoint;
    }

    private void MarkSkipped(OutboundMessage message)
    {
        if (message.Unordered)
            (message.Stream.UnorderedSkipMark, message.Stream.SkippedUnordered) = (forwardMark, message.Sequence);
        else
            (message.Stream.SkipMark, message.Stream.SkippedSequence) = (forwardMark, message.Sequence);
    }

    private void WriteSkipped(Span<byte> item, OutboundStream stream, bool unordered)
    {
        BinaryPrimitives.WriteUInt16BigEndian(item, stream.Id);
        if (interleaves)
        {
            BinaryPrimitives.WriteUInt16BigEndian(item[2..], unordered ? (ushort)1 : (ushort)0);
            BinaryPrimitives.WriteUInt32BigEndian(item[4..], unordered ? stream.SkippedUnordered : stream.SkippedSequence);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(item[2..], (ushort)stream.SkippedSequence);
        }
    }

    /// <summary>Whether window and queue allow at least one chunk now.</summary>
    private bool MaySendData(long now)
    {
        if (probeDue)
            return true;
        pacer.Clear();
        if (inFlight.FlightBytes >= congestion.Window)
            return false;
        if (!inFlight.HasLost && CanSendNew(now) is null)
        {
            inFlight.DeliveryRate.OnApplicationLimited(inFlight.FlightBytes);
            return false;
        }
        return pacer.MaySend(now, congestion.PacingRate);
    }

    /// <summary>The message to go on with if the peer's window takes it; a closed window is probed with one packet (RFC 9260 §6.1 A).</summary>
    private OutboundMessage? CanSendNew(long now)
    {
        if (inFlight.IsFull || inFlight.UnacknowledgedBytes >= options.MaxBytesInFlight || sendQueue.Peek(now) is not { } message)
            return null;
        var length = Math.Min(message.Length - message.Sent, MaxChunk);
        return length <= peerWindow || inFlight.IsEmpty ? message : null;
    }

    private void WriteData(long now, ref SctpPacketWriter writer)
    {
        if (probeDue)
            WriteProbe(now, ref writer);
        var room = writer.Remaining;
        if (TryWriteLost(now, ref writer))
            WriteNew(now, ref writer);
        pacer.OnSent(room - writer.Remaining);
        ArmRetransmission(now);
        if (probeDeadline == long.MaxValue)
            ArmProbe(now);
    }

    /// <summary>False when one that is to be sent again does not fit any more.</summary>
    private bool TryWriteLost(long now, ref SctpPacketWriter writer)
    {
        while (inFlight.HasLost && inFlight.FlightBytes < congestion.Window)
        {
            var tsn = inFlight.FirstLost;
            if (!Fits(in inFlight[tsn], in writer))
                return false;
            WriteRetransmission(tsn, now, ref writer, 0);
        }
        return true;
    }

    private void WriteNew(long now, ref SctpPacketWriter writer)
    {
        while (inFlight.FlightBytes < congestion.Window && CanSendNew(now) is { } message)
        {
            if (message.IsStarted && message.Expires <= now && inFlight.PeerSupportsForwardTsn)
                inFlight.Abandon(message);
            else if (!TryWriteFragment(message, now, ref writer))
                break;
        }
    }

    private bool Fits(in InFlightChunk chunk, in SctpPacketWriter writer) => ((chunk.Length + DataHeaderLength + 3) & ~3) <= writer.Remaining;

    private void WriteProbe(long now, ref SctpPacketWriter writer)
    {
        if (!inFlight.HasOutstanding)
        {
            probeDue = false;
            return;
        }
        var tsn = inFlight.NewestOutstanding;
        if (!Fits(in inFlight[tsn], in writer))
            return;
        probeDue = false;
        probeInFlight = true;
        probeTsn = tsn;
        WriteRetransmission(tsn, now, ref writer, DataChunk.ImmediateFlag);
        retransmissionDeadline = now + rto.Rto;
    }

    private void WriteRetransmission(uint tsn, long now, ref SctpPacketWriter writer, byte flags)
    {
        retransmissions++;
        inFlight.Retransmit(tsn, now);
        WriteChunk(tsn, ref writer, flags);
        // T3 starts again when the earliest chunk goes out again (RFC 9260 §6.3.2 R1).
        if (tsn == inFlight.CumulativeTsn + 1)
            retransmissionDeadline = now + rto.Rto;
    }

    /// <summary>
    /// User data of a chunk at most. It keeps its TSN and so its size when it is sent again (RFC 9260 §6.9): cut for the smallest packet, it also passes a path
    /// that carries less than the present one. Larger packets carry several.
    /// </summary>
    private int MaxChunk => options.BasePacketSize - SctpPacketWriter.HeaderLength - DataHeaderLength;

    private bool TryWriteFragment(OutboundMessage message, long now, ref SctpPacketWriter writer)
    {
        var room = writer.Remaining - DataHeaderLength;
        var rest = message.Length - message.Sent;
        // A message that fits into a chunk of its own is not cut, and nothing is cut into slivers.
        if (room < rest && (rest <= MaxChunk || room < MinimumFragment))
            return false;
        var length = Math.Min(Math.Min(room, rest), MaxChunk);
        var flags = (byte)((message.IsStarted ? 0 : DataChunk.BeginFlag) | (length == rest ? DataChunk.EndFlag : 0) | (message.Unordered ? DataChunk.UnorderedFlag : 0));
        isProbingWindow = length > peerWindow;
        // The tail of a burst is to be acknowledged at once, so that its loss shows soon (RFC 7053 §4).
        if (length == rest && inFlight.HasOutstanding && sendQueue.IsLastWaiting(message))
            flags |= DataChunk.ImmediateFlag;
        var tsn = inFlight.Add(message, length, flags, now);
        sendQueue.Advance(message, length);
        peerWindow -= length;
        WriteChunk(tsn, ref writer, 0);
        probeInFlight = false;
        return true;
    }

    private void WriteChunk(uint tsn, ref SctpPacketWriter writer, byte flags)
    {
        ref var chunk = ref inFlight[tsn];
        var message = chunk.Message;
        var type = interleaves ? SctpChunkType.InterleavedData : SctpChunkType.Data;
        var value = writer.AddChunk(type, (byte)(chunk.Flags | flags), DataHeaderLength - TlvReader.HeaderLength + chunk.Length);
        BinaryPrimitives.WriteUInt32BigEndian(value, tsn);
        BinaryPrimitives.WriteUInt16BigEndian(value[4..], message.Stream.Id);
        if (interleaves)
        {
            BinaryPrimitives.WriteUInt16BigEndian(value[6..], 0);
            BinaryPrimitives.WriteUInt32BigEndian(value[8..], message.Sequence);
            BinaryPrimitives.WriteUInt32BigEndian(value[12..], chunk.Fragment == 0 ? message.Ppid : chunk.Fragment);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(value[6..], message.Unordered ? (ushort)0 : (ushort)message.Sequence);
            BinaryPrimitives.WriteUInt32BigEndian(value[8..], message.Ppid);
        }
        message.Buffer.AsSpan(chunk.Offset, chunk.Length).CopyTo(value[(DataHeaderLength - TlvReader.HeaderLength)..]);
    }
}
