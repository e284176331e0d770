using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>Deadlines and heartbeats (RFC 9260 §8.3).</content>
internal sealed partial class SctpAssociation
{
    private const int HeartbeatLength = 20;
    private const ushort HeartbeatInformation = 1;
    private long initDeadline = long.MaxValue;
    private long shutdownDeadline = long.MaxValue;
    private long retransmissionDeadline = long.MaxValue;
    private long probeDeadline = long.MaxValue;
    private long reorderDeadline = long.MaxValue;
    private long sackDeadline = long.MaxValue;
    private long heartbeatDeadline = long.MaxValue;
    private long? initSentAt;
    private int initTransmissions;
    private ulong heartbeatNonce;
    private bool heartbeatDue;
    private bool heartbeatInFlight;
    private uint cumulativeAtHeartbeat;

    /// <summary>When <see cref="HandleTimeout"/> is to be called next; <see cref="TimeSpan.MaxValue"/> for never.</summary>
    public TimeSpan NextTimeout
    {
        get
        {
            if (hasEnded)
                return TimeSpan.MaxValue;
            var next = Math.Min(Math.Min(initDeadline, shutdownDeadline), Math.Min(retransmissionDeadline, probeDeadline));
            next = Math.Min(Math.Min(next, reorderDeadline), Math.Min(sackDeadline, heartbeatDeadline));
            return TimeSpan.FromTicks(Math.Min(Math.Min(next, pacer.Deadline), Math.Min(streamReset.Deadline, pathMtu.Deadline)));
        }
    }

    /// <summary>Does what is due at this time.</summary>
    public void HandleTimeout(TimeSpan time)
    {
        var now = time.Ticks;
        if (now >= initDeadline && !hasEnded)
            OnInitTimeout();
        if (now >= shutdownDeadline && !hasEnded)
            OnShutdownTimeout();
        if (now >= reorderDeadline && !hasEnded)
            OnReorderTimeout(now);
        if (now >= probeDeadline && !hasEnded)
            OnProbeTimeout(now);
        if (now >= retransmissionDeadline && !hasEnded)
            OnRetransmissionTimeout(now);
        if (now >= streamReset.Deadline && !hasEnded)
            OnResetTimeout();
        if (now >= heartbeatDeadline && !hasEnded)
            OnHeartbeatTimeout(now);
        // Writing packets, which follows, goes on where the pace stopped it.
        if (now >= pacer.Deadline)
            pacer.Clear();
        if (now >= pathMtu.Deadline)
            pathMtu.OnProbeLost(now);
        if (now >= sackDeadline)
        {
            sackDeadline = long.MaxValue;
            sackDue = true;
        }
    }

    /// <summary>
    /// Nothing is known to arrive until <see cref="OnPathChanged"/>: who knows it decides how long to look for another path, so silence does not end the
    /// association meanwhile.
    /// </summary>
    public void OnPathLost() => isPathLost = true;

    /// <summary>
    /// Packets take another path now, or the old one works again: what is in flight is tried at once, in packets that every path carries, and not when the
    /// back-off of the silence is over.
    /// </summary>
    public void OnPathChanged(TimeSpan time)
    {
        if (hasEnded)
            return;
        isPathLost = false;
        pathMtu.Restart();
        UsePacketSize();
        rto.ResetBackOff();
        if (initDeadline != long.MaxValue)
            initDeadline = time.Ticks;
        if (retransmissionDeadline != long.MaxValue)
            retransmissionDeadline = time.Ticks;
    }

    private void OnReorderTimeout(long now)
    {
        DetectLosses(now);
        forwardTsnDue |= inFlight.MustForward && inFlight.AdvancedAckPoint != forwardedTsn;
    }

    private void OnResetTimeout()
    {
        if (CountError("The peer does not answer a stream reset."))
            streamReset.OnTimeout();
    }

    private void OnHeartbeatTimeout(long now)
    {
        if (heartbeatInFlight)
        {
            if (!CountError("The peer does not answer heartbeats."))
                return;
            rto.BackOff();
        }
        // While data is in flight T3 watches the path.
        heartbeatDue = inFlight.IsEmpty;
        inFlight.Trim();
        heartbeatInFlight = false;
        if (tracker.Cumulative == cumulativeAtHeartbeat)
            receiveWindow.Shrink();
        cumulativeAtHeartbeat = tracker.Cumulative;
        heartbeatDeadline = now + options.HeartbeatInterval.Ticks;
    }

    private bool CountError(string reason)
    {
        if (isPathLost || ++errorCount <= options.MaxRetransmits)
            return true;
        End(SctpCloseCause.Timeout, reason);
        return false;
    }

    private void WriteHeartbeat(long now, ref SctpPacketWriter writer)
    {
        heartbeatDue = false;
        heartbeatInFlight = true;
        heartbeatNonce = (ulong)options.NextRandom() << 32 | options.NextRandom();
        heartbeatDeadline = now + rto.Rto;
        WriteHeartbeatInformation(writer.AddChunk(SctpChunkType.Heartbeat, 0, HeartbeatLength), now, heartbeatNonce);
    }

    private static void WriteHeartbeatInformation(Span<byte> value, long now, ulong nonce)
    {
        BinaryPrimitives.WriteUInt16BigEndian(value, HeartbeatInformation);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], HeartbeatLength);
        BinaryPrimitives.WriteInt64BigEndian(value[4..], now);
        BinaryPrimitives.WriteUInt64BigEndian(value[12..], nonce);
    }

    private void HandleHeartbeatAck(long now, ReadOnlySpan<byte> value)
    {
        if (value.Length != HeartbeatLength)
            return;
        var nonce = BinaryPrimitives.ReadUInt64BigEndian(value[12..]);
        if (pathMtu.ProbeSize != 0 && nonce == pathProbeNonce && nonce != 0)
            HandlePathProbeAck();
        if (!heartbeatInFlight || nonce != heartbeatNonce)
            return;
        heartbeatInFlight = false;
        errorCount = 0;
        rto.ResetBackOff();
        rto.AddSample(now, now - BinaryPrimitives.ReadInt64BigEndian(value[4..]));
        heartbeatDeadline = now + options.HeartbeatInterval.Ticks;
    }
}
