using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <summary>
/// One SCTP association (RFC 9260) for use over DTLS (RFC 8261): no socket, clock or thread. Packets and the time go in,
/// packets, the next deadline and calls to the sink come out. One thread at a time.
/// </summary>
internal sealed partial class SctpAssociation
{
    /// <summary>Stream ids are 0 to 65,534 (RFC 8831 §6.2).</summary>
    public const ushort MaxStreams = 65535;
    private const byte TagReflectedFlag = 1;
    private const int MaxQueuedReplies = 8;
    private const int MaxRefusedStreams = 1024;

    private readonly SctpOptions options;
    private readonly ISctpAssociationSink sink;
    private readonly SendQueue sendQueue;
    private readonly InFlightQueue inFlight;
    private readonly ReceiveTracker tracker = new();
    private Reassembly reassembly;
    private readonly StreamReset streamReset;
    private readonly RtoEstimator rto;
    private readonly ICongestionController congestion;
    private readonly Pacer pacer;
    private readonly PathMtu pathMtu;
    private readonly StateCookie stateCookie;
    private readonly uint localTag;
    private readonly uint localInitialTsn;
    private readonly Queue<byte[]> replies = new();
    private uint peerTag;
    private bool hasEnded;
    private bool omitsChecksum;
    private bool interleaves;
    private int errorCount;
    private bool isPathLost;
    private long packetsSent;
    private long packetsReceived;
    private long packetsDiscarded;

    public SctpAssociation(SctpOptions options, ISctpAssociationSink sink)
    {
        this.options = options;
        this.sink = sink;
        sendQueue = new SendQueue(options.SendBufferSize);
        inFlight = new InFlightQueue(sendQueue);
        reassembly = new SequentialReassembly(options.MaxMessageSize, sink);
        streamReset = new StreamReset(sendQueue, sink);
        rto = new RtoEstimator(options);
        congestion = options.CongestionControl == CongestionControl.Bbr
            ? new BbrCongestionController(options.BasePacketSize, options.InitialWindowPackets)
            : new CubicCongestionController(options.BasePacketSize, options.InitialWindowPackets);
        pacer = new Pacer(options.BasePacketSize);
        pathMtu = new PathMtu(options.BasePacketSize, options.MaxPacketSize);
        stateCookie = new StateCookie(options.NextRandom);
        // A window smaller than a message could never take it.
        receiveWindow = new ReceiveWindow(Math.Max(options.ReceiveBufferSize, options.MaxMessageSize + Reassembly.MessageOverhead + Reassembly.StreamOverhead), options.MaxReceiveBufferSize);
        do
            localTag = options.NextRandom();
        while (localTag == 0);
        localInitialTsn = options.NextRandom();
        inFlight.Start(localInitialTsn);
        announcedWindow = receiveWindow.Capacity;
    }

    public SctpAssociationState State { get; private set; }

    /// <summary>Whether messages are interleaved; before the end of the handshake, whether they may be.</summary>
    private bool CanBeInterleaved => interleaves || State == SctpAssociationState.CookieEchoed && options.Interleaving && peerInit.SupportsInterleaving;

    /// <summary>Outgoing streams the peer accepts; known once established.</summary>
    public ushort OutboundStreamCount { get; private set; } = MaxStreams;

    public SctpStatistics Statistics => new()
    {
        PacketsSent = packetsSent,
        PacketsReceived = packetsReceived,
        PacketsDiscarded = packetsDiscarded,
        Retransmissions = retransmissions,
        Timeouts = timeouts,
        MessagesAbandoned = sendQueue.MessagesAbandoned,
        RoundTripTime = rto.HasSample ? TimeSpan.FromTicks(rto.SmoothedRtt) : null,
        CongestionWindow = congestion.Window,
        PeerReceiveWindow = peerWindow,
        PacketSize = pathMtu.PacketSize,
        UnacknowledgedChunks = inFlight.UnacknowledgedCount,
        BytesInFlight = inFlight.UnacknowledgedBytes,
        ReceiveBufferUsed = reassembly.HeldBytes,
        IncomingStreams = reassembly.StreamCount,
        OutgoingStreams = sendQueue.StreamCount,
        SendBufferUsed = sendQueue.BufferedBytes,
    };

    /// <summary>Bytes that the destination of <see cref="TryWritePacket"/> must have.</summary>
    private int LargestPacket => Math.Max(options.BasePacketSize, options.MaxPacketSize);

    private bool CanReceiveData => State is SctpAssociationState.Established or SctpAssociationState.ShutdownPending
        or SctpAssociationState.ShutdownSent;

    private bool CanSendData => State is SctpAssociationState.Established or SctpAssociationState.ShutdownPending
        or SctpAssociationState.ShutdownReceived;

    /// <summary>Takes a message into the send buffer; false when it has no room.</summary>
    /// <param name="now">The time.</param>
    /// <param name="streamId">Below <see cref="MaxStreams"/>.</param>
    /// <param name="ppid">Payload protocol identifier.</param>
    /// <param name="payload">At least one byte.</param>
    /// <param name="parameters">Order and reliability.</param>
    /// <param name="control">Whether the message is one of the stack's own, which always finds room.</param>
    public bool TrySend(TimeSpan now, ushort streamId, uint ppid, ReadOnlySpan<byte> payload, in SendParameters parameters, bool control = false) =>
        !hasEnded && sendQueue.TryEnqueue(now.Ticks, sendQueue.GetStream(streamId), ppid, payload, in parameters, control);

    /// <summary>User bytes of a stream that are not yet acknowledged.</summary>
    public long BufferedBytes(ushort streamId) => sendQueue.TryGetStream(streamId, out var stream) ? stream!.BufferedBytes : 0;

    /// <summary>Resets an outgoing stream once everything in it was acknowledged.</summary>
    public void ResetStream(ushort streamId)
    {
        var stream = sendQueue.GetStream(streamId);
        if (stream.Closing)
            return;
        stream.Closing = true;
        if (stream.BufferedMessages == 0)
            sendQueue.Drained.Enqueue(stream);
    }

    /// <summary>Resets an outgoing stream so that the peer closes a channel that is not wanted. Does nothing while too many resets wait: such a peer gets no answer.</summary>
    public void RefuseStream(ushort streamId)
    {
        if (sendQueue.Drained.Count < MaxRefusedStreams)
            ResetStream(streamId);
    }

    /// <summary>The peer uses a stream again whose reset it has not confirmed yet; true when there is such a reset.</summary>
    public bool TryConfirmResetEarly(ushort streamId) => streamReset.TryConfirmEarly(streamId);

    /// <summary>Gives back receive window.</summary>
    /// <returns>Whether the peer is to be told, by writing a packet.</returns>
    public bool Release(int messages, long bytes)
    {
        reassembly.Release(messages, bytes);
        if (sackDue || !CanReceiveData || OpenWindow - announcedWindow < Math.Max(receiveWindow.Capacity / 4, 2 * options.BasePacketSize))
            return false;
        sackDue = true;
        return true;
    }

    /// <summary>Takes one SCTP packet. Anything malformed is dropped.</summary>
    public void HandlePacket(TimeSpan now, ReadOnlySpan<byte> packet)
    {
        packetsReceived++;
        if (hasEnded || packet.Length < SctpPacketWriter.HeaderLength + TlvReader.HeaderLength
            || BinaryPrimitives.ReadUInt16BigEndian(packet) != options.Port
            || BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != options.Port
            || !IsIntact(packet))
        {
            packetsDiscarded++;
            return;
        }
        var tag = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
        var reader = new TlvReader(packet[SctpPacketWriter.HeaderLength..]);
        if (!reader.TryRead() || !IsTagValid(tag, in reader))
        {
            packetsDiscarded++;
            return;
        }
        packetHasData = false;
        do
        {
            if (!HandleChunk(now.Ticks, in reader))
                break;
        }
        while (!hasEnded && reader.TryRead());
        if (packetHasData && !hasEnded)
            AfterDataPacket(now.Ticks);
        AfterProgress();
    }

    /// <summary>This side always accepts packets without a checksum, except those that a peer sends before it can know that (RFC 9653 §5.3).</summary>
    private static bool IsIntact(ReadOnlySpan<byte> packet)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(packet[8..]) == 0
            && (SctpChunkType)packet[SctpPacketWriter.HeaderLength] is not (SctpChunkType.Init or SctpChunkType.CookieEcho))
            return true;
        return Crc32c.VerifyPacket(packet);
    }

    /// <summary>Follows the send buffer after it may have shrunk.</summary>
    private void AfterProgress()
    {
        if (sendQueue.TakeBufferLow())
            sink.OnSendBufferLow();
        if (State is SctpAssociationState.ShutdownPending or SctpAssociationState.ShutdownReceived)
            AdvanceShutdown();
    }

    /// <summary>RFC 9260 §8.5: INIT comes with tag 0 and alone; ABORT and SHUTDOWN COMPLETE may reflect the peer's own tag.</summary>
    private bool IsTagValid(uint tag, in TlvReader first)
    {
        if (first.ChunkType == SctpChunkType.Init)
            return tag == 0;
        if (first.ChunkType is SctpChunkType.Abort or SctpChunkType.ShutdownComplete && (first.ChunkFlags & TagReflectedFlag) != 0)
            return tag == peerTag && peerTag != 0;
        return tag == localTag;
    }

    /// <summary>Handles one chunk; false ends the packet.</summary>
    private bool HandleChunk(long now, in TlvReader chunk)
    {
        switch (chunk.ChunkType)
        {
            case SctpChunkType.Data:
                return HandleData(now, chunk.ChunkFlags, chunk.Value, interleaved: false);
            case SctpChunkType.InterleavedData when CanBeInterleaved:
                return HandleData(now, chunk.ChunkFlags, chunk.Value, interleaved: true);
            case SctpChunkType.Sack:
                HandleSack(now, chunk.Value);
                return true;
            case SctpChunkType.Init:
                HandleInit(now, chunk.Value);
                return false;
            case SctpChunkType.InitAck:
                HandleInitAck(now, chunk.Value);
                return false;
            case SctpChunkType.CookieEcho:
                return HandleCookieEcho(now, chunk.Value);
            case SctpChunkType.CookieAck:
                HandleCookieAck(now);
                return true;
            case SctpChunkType.Heartbeat:
                Reply(SctpChunkType.HeartbeatAck, chunk.Value);
                return true;
            case SctpChunkType.HeartbeatAck:
                HandleHeartbeatAck(now, chunk.Value);
                return true;
            case SctpChunkType.ForwardTsn:
                HandleForwardTsn(chunk.Value, interleaved: false);
                return true;
            case SctpChunkType.InterleavedForwardTsn when CanBeInterleaved:
                HandleForwardTsn(chunk.Value, interleaved: true);
                return true;
            case SctpChunkType.Reconfig:
                if (CanReceiveData || State == SctpAssociationState.ShutdownReceived)
                    streamReset.Handle(chunk.Value, tracker.Cumulative, now, rto.Rto);
                return true;
            case SctpChunkType.Abort:
                End(SctpCloseCause.RemoteAbort, DescribeAbort(chunk.Value));
                return false;
            case SctpChunkType.Error:
                HandleError(now, chunk.Value);
                return true;
            case SctpChunkType.Shutdown:
                HandleShutdown(now, chunk.Value);
                return true;
            case SctpChunkType.ShutdownAck:
                HandleShutdownAck();
                return false;
            case SctpChunkType.ShutdownComplete:
                if (State == SctpAssociationState.ShutdownAckSent)
                    End(SctpCloseCause.RemoteShutdown, "The peer shut the association down.");
                return false;
            default:
                return HandleUnknown(in chunk);
        }
    }

    /// <summary>The two highest bits of an unknown type say whether to report it and whether to go on (RFC 9260 §3.2).</summary>
    private bool HandleUnknown(in TlvReader chunk)
    {
        const int maxReported = 256;
        var type = (byte)chunk.ChunkType;
        if ((type & 0x40) != 0 && chunk.Item.Length <= maxReported)
            ReplyError(SctpErrorCause.UnrecognizedChunkType, chunk.Item);
        return (type & 0x80) != 0;
    }

    private void HandleError(long now, ReadOnlySpan<byte> value)
    {
        var causes = new TlvReader(value);
        while (causes.TryRead())
        {
            if ((SctpErrorCause)causes.Tag == SctpErrorCause.StaleCookie && State == SctpAssociationState.CookieEchoed)
                RestartInit(now);
        }
    }

    private void ReplyError(SctpErrorCause cause, ReadOnlySpan<byte> information)
    {
        Span<byte> value = stackalloc byte[TlvReader.HeaderLength + information.Length];
        BinaryPrimitives.WriteUInt16BigEndian(value, (ushort)cause);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], (ushort)value.Length);
        information.CopyTo(value[TlvReader.HeaderLength..]);
        Reply(SctpChunkType.Error, value);
    }

    /// <summary>Queues a chunk that answers the peer; above the limit answers are left out, as if they were lost.</summary>
    private void Reply(SctpChunkType type, ReadOnlySpan<byte> value)
    {
        var length = TlvReader.HeaderLength + value.Length;
        if (replies.Count >= MaxQueuedReplies || length > options.BasePacketSize - SctpPacketWriter.HeaderLength)
            return;
        var chunk = new byte[length];
        chunk[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(chunk.AsSpan(2), (ushort)length);
        value.CopyTo(chunk.AsSpan(TlvReader.HeaderLength));
        replies.Enqueue(chunk);
    }
}
