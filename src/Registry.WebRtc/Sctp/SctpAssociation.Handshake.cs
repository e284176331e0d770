using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>The four-way handshake and its collisions (RFC 9260 §5).</content>
internal sealed partial class SctpAssociation
{
    private InitParameters peerInit;
    private byte[]? initAck;
    private uint initAckTag;
    private byte[]? echoedCookie;
    private bool initDue;
    private bool cookieEchoDue;
    private bool cookieAckDue;
    private int initAttempts;

    /// <summary>Sends INIT. Both sides do so at once (RFC 8831 §6.1 leaves it to them), and the collision is resolved.</summary>
    public void Start(TimeSpan now)
    {
        if (State != SctpAssociationState.Closed || hasEnded || initDue)
            return;
        State = SctpAssociationState.CookieWait;
        initDue = true;
    }

    private InitParameters LocalInit => new()
    {
        InitiateTag = localTag,
        ReceiveWindow = (uint)receiveWindow.Capacity,
        OutboundStreams = MaxStreams,
        InboundStreams = MaxStreams,
        InitialTsn = localInitialTsn,
        SupportsInterleaving = options.Interleaving,
        LargestPacket = (uint)LargestPacket,
    };

    private void HandleInit(long now, ReadOnlySpan<byte> value)
    {
        if (!InitParameters.TryParse(value, out var init, out _, out var unrecognized))
            return;
        if (State is not (SctpAssociationState.Closed or SctpAssociationState.CookieWait or SctpAssociationState.CookieEchoed))
        {
            // The same tag is a late duplicate. Another one would be a restart, for which a DTLS connection has no room.
            if (init.InitiateTag != peerTag)
                AbortWith(SctpErrorCause.ProtocolViolation, SctpCloseCause.ProtocolViolation, "The peer tried to restart the association.");
            return;
        }
        Span<byte> cookie = stackalloc byte[StateCookie.Length];
        stateCookie.Seal(cookie, now, localTag, in init);
        var chunk = new byte[InitParameters.Length(cookie.Length, unrecognized)];
        LocalInit.Write(chunk, cookie, unrecognized);
        initAck = chunk;
        initAckTag = init.InitiateTag;
    }

    private void HandleInitAck(long now, ReadOnlySpan<byte> value)
    {
        if (State != SctpAssociationState.CookieWait)
            return;
        if (!InitParameters.TryParse(value, out var init, out var cookie, out _))
            return;
        peerInit = init;
        peerTag = init.InitiateTag;
        if (cookie.Length == 0 || cookie.Length > options.BasePacketSize - SctpPacketWriter.HeaderLength - TlvReader.HeaderLength)
        {
            AbortWith(SctpErrorCause.MissingMandatoryParameter, SctpCloseCause.ProtocolViolation, "The peer's INIT ACK has no usable state cookie.");
            return;
        }
        echoedCookie = cookie.ToArray();
        State = SctpAssociationState.CookieEchoed;
        initDue = false;
        initAttempts = 0;
        SampleHandshake(now);
        cookieEchoDue = true;
        initDeadline = long.MaxValue;
    }

    private bool HandleCookieEcho(long now, ReadOnlySpan<byte> value)
    {
        if (!stateCookie.TryOpen(value, out var created, out var tag, out var init) || tag != localTag)
            return false;
        switch (State)
        {
            case SctpAssociationState.Closed or SctpAssociationState.CookieWait or SctpAssociationState.CookieEchoed:
                if (now - created > options.CookieLifetime.Ticks)
                {
                    ReplyStaleCookie(now - created - options.CookieLifetime.Ticks, init.InitiateTag);
                    return false;
                }
                peerInit = init;
                peerTag = init.InitiateTag;
                cookieAckDue = true;
                Establish(now);
                return true;
            default:
                // RFC 9260 §5.2.4 case D: our COOKIE ACK was lost. Any other tag is an old cookie.
                if (init.InitiateTag != peerTag)
                    return false;
                cookieAckDue = true;
                return true;
        }
    }

    private void HandleCookieAck(long now)
    {
        if (State != SctpAssociationState.CookieEchoed)
            return;
        SampleHandshake(now);
        Establish(now);
    }

    private void ReplyStaleCookie(long ticks, uint tag)
    {
        Span<byte> staleness = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(staleness, (uint)Math.Min(ticks / TimeSpan.TicksPerMicrosecond, uint.MaxValue));
        peerTag = tag;
        ReplyError(SctpErrorCause.StaleCookie, staleness);
    }

    /// <summary>The peer's cookie went stale under way: begins again.</summary>
    private void RestartInit(long now)
    {
        State = SctpAssociationState.CookieWait;
        cookieEchoDue = false;
        initDeadline = long.MaxValue;
        if (++initAttempts > options.MaxInitRetransmits)
            End(SctpCloseCause.Timeout, "The peer's state cookie was stale each time.");
        else
            initDue = true;
    }

    private void Establish(long now)
    {
        State = SctpAssociationState.Established;
        (initDue, cookieEchoDue, echoedCookie) = (false, false, null);
        initDeadline = long.MaxValue;
        errorCount = 0;
        rto.ResetBackOff();
        tracker.Start(peerInit.InitialTsn);
        omitsChecksum = peerInit.AcceptsZeroChecksum;
        pathMtu.LimitTo(peerInit.LargestPacket);
        if (options.Interleaving && peerInit.SupportsInterleaving)
        {
            interleaves = sendQueue.Interleaves = true;
            reassembly = new InterleavedReassembly(options.MaxMessageSize, sink);
        }
        inFlight.PeerSupportsForwardTsn = peerInit.SupportsForwardTsn;
        streamReset.Start(localInitialTsn, peerInit.InitialTsn, peerInit.SupportsReconfig, reassembly);
        peerWindow = peerInit.ReceiveWindow;
        OutboundStreamCount = Math.Min(MaxStreams, peerInit.InboundStreams);
        heartbeatDeadline = now + options.HeartbeatInterval.Ticks;
        sink.OnEstablished();
    }

    /// <summary>A handshake message that was sent once and answered measures the round trip.</summary>
    private void SampleHandshake(long now)
    {
        if (initSentAt is { } sentAt && initTransmissions == 1)
            rto.AddSample(now, now - sentAt);
        initSentAt = null;
        initTransmissions = 0;
        rto.ResetBackOff();
    }

    private bool WriteInit(long now, Span<byte> destination, out int written)
    {
        var writer = new SctpPacketWriter(destination, options.Port, 0);
        LocalInit.Write(writer.AddChunk(SctpChunkType.Init, 0, InitParameters.Length(0, null)), [], null);
        written = writer.Complete();
        initDue = false;
        ArmInit(now);
        return true;
    }

    private bool WriteInitAck(Span<byte> destination, out int written)
    {
        var writer = new SctpPacketWriter(destination, options.Port, initAckTag);
        initAck!.CopyTo(writer.AddChunk(SctpChunkType.InitAck, 0, initAck!.Length));
        written = writer.Complete();
        initAck = null;
        return true;
    }

    private void ArmInit(long now)
    {
        initSentAt = now;
        initTransmissions++;
        initDeadline = now + rto.Rto;
    }

    /// <summary>T1: INIT or COOKIE ECHO was not answered.</summary>
    private void OnInitTimeout()
    {
        initDeadline = long.MaxValue;
        if (++initAttempts > options.MaxInitRetransmits)
        {
            End(SctpCloseCause.Timeout, "The peer does not answer the SCTP handshake.");
            return;
        }
        rto.BackOff();
        initDue = State == SctpAssociationState.CookieWait;
        cookieEchoDue = State == SctpAssociationState.CookieEchoed;
    }
}
