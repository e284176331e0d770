using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc;

/// <summary>The way of packets: inbox → ICE, DTLS, SCTP → socket.</summary>
internal sealed partial class PeerConnection : IDatagramReceiver, IDtlsTransport, ITimerClient, IThreadPoolWorkItem
{
    // Some 10 ms of a fast path: the thread pool comes back sooner than that unless the machine is overloaded.
    private const int InboxCapacity = 2 * 1024 * 1024;
    private const int MaxDatagramToSend = 8192;

    // What our own stack sends at most, on paths that carry it; what is larger would only fill the inbox.
    private const int MaxDatagramToReceive = 8192;

    // Datagrams between two acknowledgements at most, however fast they come.
    private const int MaxBatch = 64;

    // The largest packet tried on a path; with the DTLS record around it a datagram has 8 KiB at most, and four bytes are the unit.
    private const int SctpPacketSize = (MaxDatagramToSend - DtlsSession.RecordOverhead) & ~3;

    // More than the agent has pairs and early checks; it tells which of them it forgets.
    private const int MaxLearnedAddresses = 128;

    // Every pair is checked a few times before its address answers or is given up.
    private const int MaxAnnouncedChecks = 512;

    // A ClientHello may come before the answer that names its fingerprint was applied; dropping it costs a retransmission.
    private const int MaxEarlyRecords = 16;

    // The first byte of STUN is 0 to 3 (RFC 7983 §7).
    private const byte LastStunByte = 3;

    private const int MaxSharedRuns = 3;

    // Milliseconds; a peer's checks are seconds apart once it is connected.
    private const int MinTicksBetweenChecks = 10;

    // Consent is checked every few seconds, and again after half a second without an answer.
    private static readonly TimeSpan ShortestAligned = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan ShortStep = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongStep = TimeSpan.FromMilliseconds(250);

    private readonly IDatagramTransport transport;
    private readonly bool ownsTransport;
    private readonly DatagramInbox inbox = new(InboxCapacity);
    private readonly ITimer timer;
    private readonly HashSet<TransportAddress> learnedAddresses = [];
    private readonly Queue<StunTransactionId> announcedChecks = new();
    private readonly List<DatagramRun> earlyRecords = [];
    private TimeSpan timerDue = TimeSpan.MaxValue;
    private bool timerIsForCheck;
    private volatile bool timerFired;
    private TimeSpan? sharedTimerDue;
    private DtlsSession? dtls;
    private DataChannelAssociation? association;
    private int requestedRuns;
    private long checkProcessedAt;
    private volatile Path? livePath;

    public void OnDatagrams(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
    {
        if (segmentSize is <= 0 or > MaxDatagramToReceive || !inbox.TryAdd(datagrams, segmentSize, remote))
            return;
        if (Interlocked.Increment(ref requestedRuns) != 1)
            return;
        if (datagrams[0] > LastStunByte || !TryProcessCheck())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>
    /// Processes a check on the transport's thread. Those of thousands of idle connections come one by one, and to wake a thread of the
    /// pool for each costs several times the work. Once in a while only, so that a flood of them is still the pool's burden.
    /// </summary>
    /// <returns>False when the pool has to run.</returns>
    private bool TryProcessCheck()
    {
        var tick = Environment.TickCount64;
        if (tick - checkProcessedAt < MinTicksBetweenChecks)
            return false;
        checkProcessedAt = tick;
        return TryProcess();
    }

    /// <summary>Does what <see cref="Execute"/> does where that cannot take long, on a thread that many connections share.</summary>
    /// <returns>False when the pool has to run: the connection is in use, has much to do, or has something to tell the application.</returns>
    private bool TryProcess()
    {
        // The answer to a check is often there before the run that sent it is over.
        for (var run = 0; run < MaxSharedRuns; run++)
        {
            if (!gate.TryEnter())
                return false;
            var runs = Volatile.Read(ref requestedRuns);
            try
            {
                ProcessSafely();
                if (events.Count > 0 || channelsToWake is not null)
                    return false;
            }
            finally
            {
                gate.Exit();
            }
            if (inbox.IsEmpty && Interlocked.Add(ref requestedRuns, -runs) == 0)
                return true;
        }
        return false;
    }

    /// <summary>Processes what has arrived and what is due. Runs on the thread pool.</summary>
    public void Execute()
    {
        var runs = Volatile.Read(ref requestedRuns);
        DataChannel? toWake;
        lock (gate)
        {
            ProcessSafely();
            toWake = TakeChannelsToWake();
        }
        if (!inbox.IsEmpty)
            Schedule();
        // What was asked for since this run began may have come too late for it.
        if (Interlocked.Add(ref requestedRuns, -runs) != 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        RaiseEvents();
        WakeReceivers(toWake);
    }

    void IDtlsTransport.SendHandshakeDatagram(ReadOnlySpan<byte> datagram)
    {
        lock (gate)
        {
            if (!released && SelectedRemote is { } remote)
                SendRecords(datagram, remote);
        }
    }

    void IDtlsTransport.OnHandshakeCompleted() => HandleDtls(() =>
    {
        StartAssociation();
        UpdateConnectionState();
    });

    void IDtlsTransport.OnFailed(PeerConnectionFailure failure) => HandleDtls(() =>
    {
        ApplyChannelEvents(Now);
        Fail(failure.Kind, failure.Message);
    });

    void IDtlsTransport.OnCloseNotify() => HandleDtls(() =>
    {
        // What the peer sent before its goodbye was received in order; it is delivered in order.
        ApplyChannelEvents(Now);
        if (!released)
            Release(PeerConnectionState.Closed);
    });

    /// <summary>Handles what the DTLS session tells. It may come on a handshake thread or a timer's, which an exception would take the process down with.</summary>
    private void HandleDtls(Action handle)
    {
        lock (gate)
        {
            try
            {
                if (!released)
                    handle();
            }
            catch (Exception e)
            {
                FailUnexpectedly(e);
            }
        }
        Schedule();
    }

    /// <summary>A defect, or input nobody foresaw: it ends this connection and no other.</summary>
    private void FailUnexpectedly(Exception e)
    {
        LogUnexpected(e, configuration.Name);
        if (released)
            return;
        Failure = new(PeerConnectionFailureKind.SctpFailed, $"Unexpected error: {e.Message}");
        Release(PeerConnectionState.Failed);
    }

    // Never into a thread's own queue, which is served last in, first out: the two ends of a few busy connections would keep it to themselves.
    private void Schedule()
    {
        if (Interlocked.Increment(ref requestedRuns) == 1)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>The own timer or the shared one fired.</summary>
    public void OnDeadline()
    {
        timerFired = true;
        if (Interlocked.Increment(ref requestedRuns) == 1 && !TryProcess())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void ProcessSafely()
    {
        try
        {
            if (!released)
                Process();
        }
        catch (Exception e)
        {
            FailUnexpectedly(e);
        }
    }

    private void Process()
    {
        var now = Now;
        for (var taken = 0; taken < MaxBatch && inbox.TryTake(out var run);)
        {
            taken += Receive(now, run);
            run.Return();
            if (released)
                return;
        }
        if (gatherer.NextTimeout <= now)
            gatherer.HandleTimeout(now);
        HandleIceTimeouts(now);
        if (association is not null)
        {
            ReportConsumedMessages();
            if (association.NextTimeout <= now)
                association.HandleTimeout(now);
        }
        Advance(now);
    }

    /// <summary>Takes the datagrams of a run one by one.</summary>
    /// <returns>How many there were.</returns>
    private int Receive(TimeSpan now, DatagramRun run)
    {
        var count = 0;
        for (var rest = run.Span; !rest.IsEmpty && !released; count++)
        {
            var datagram = rest[..Math.Min(run.SegmentSize, rest.Length)];
            rest = rest[datagram.Length..];
            CountReceived(datagram.Length);
            Receive(now, datagram, run.Remote);
        }
        return count;
    }

    /// <summary>Hands a datagram to its protocol by its first byte (RFC 7983 §7).</summary>
    private void Receive(TimeSpan now, Span<byte> datagram, TransportAddress remote)
    {
        if (remote.Relay != 0 && !TryUnwrap(now, ref datagram, ref remote))
            return;
        switch (datagram[0])
        {
            case <= LastStunByte when remote.Relay == 0 && gatherer.TryHandleDatagram(now, remote, datagram):
                break;
            case <= LastStunByte:
                HandleStunDatagram(now, remote, datagram);
                break;
            case >= 20 and <= 63 when learnedAddresses.Contains(remote):
                CountRecordReceived(datagram.Length);
                if (dtls is not null)
                    ReceiveRecords(now, datagram);
                else if (earlyRecords.Count < MaxEarlyRecords)
                    earlyRecords.Add(DatagramRun.Copy(datagram, datagram.Length, remote));
                break;
        }
    }

    private void ReceiveRecords(TimeSpan now, Span<byte> datagram)
    {
        while (!released && dtls!.TryReadApplicationData(ref datagram, out var packet))
            association!.HandlePacket(now, packet);
    }

    /// <summary>Lets every state machine draw its conclusions and sends what they have to send; called after each change.</summary>
    private void Advance(TimeSpan now)
    {
        if (released)
            return;
        ApplyGathering(now);
        if (released)
            return;
        ApplyIceEvents(now);
        if (released)
            return;
        do
        {
            ApplyChannelEvents(now);
            if (released)
                return;
            Flush(now);
        }
        while (association is { HasEvents: true });
        ArmTimer(now);
    }

    private void ApplyIceEvents(TimeSpan now)
    {
        while (!released && (ice.TryReadEvent(out var change) || replacedIce?.TryReadEvent(out change) == true))
        {
            switch (change.Kind)
            {
                case IceEventKind.RemoteAddressLearned:
                    LearnAddress(change.Remote);
                    break;
                case IceEventKind.RemoteAddressForgotten:
                    ForgetAddress(change.Remote);
                    break;
                case IceEventKind.SelectedPairChanged:
                    gatherer.PreferPath(now, change.Remote);
                    StartDtls(now);
                    break;
                case IceEventKind.StateChanged:
                    UpdateIceState();
                    break;
            }
        }
        if (ice.IsNominated)
            RetireReplacedIce();
        else if (now >= answerDue)
            UpdateIceState();
        WatchPath(now);
        FollowSelectedPair();
        PublishLivePath();
    }

    private void LearnAddress(TransportAddress remote)
    {
        if (learnedAddresses.Count >= MaxLearnedAddresses || !learnedAddresses.Add(remote))
            return;
        if (remote.IsTcp && tcpLinks.TryGetValue(remote, out var link))
            link.Prove();
        if (ownsTransport || !remote.IsOnSocket)
            return;
        if (!factory.Demultiplexer.TryAddAddress(remote, this, mayReplace: present => present.livePath?.Remote != remote))
        {
            learnedAddresses.Remove(remote);
            Fail(PeerConnectionFailureKind.IceFailed,
                $"The peer's address {remote} already carries another live connection of this node; a peer that opens several connections needs a socket for each.");
        }
    }

    private void ForgetAddress(TransportAddress remote)
    {
        if (ice.HasLearned(remote) || replacedIce?.HasLearned(remote) == true || !learnedAddresses.Remove(remote))
            return;
        factory.Demultiplexer.RemoveAddress(remote, this);
        if (remote.IsTcp && tcpLinks.TryGetValue(remote, out var link))
            link.Dispose();
    }

    /// <summary>Where packets still come from over the selected pair; other connections read it without this one's lock.</summary>
    private sealed record Path(TransportAddress Remote);

    private void PublishLivePath()
    {
        var live = !released && iceState is IceConnectionState.Connected or IceConnectionState.Completed ? SelectedRemote : null;
        if (live != livePath?.Remote)
            livePath = live is { } remote ? new(remote) : null;
    }

    /// <summary>Starts the handshake once a pair works and both descriptions say with whom and in which role.</summary>
    private void StartDtls(TimeSpan now)
    {
        if (released || dtls is not null || dtlsRole is not { } role || SelectedRemote is null)
            return;
        dtls = new DtlsSession(certificate, role, remoteFingerprints, this, DtlsOptions.Default.For(ice.RoundTripTime));
        dtls.Start();
        // A copy: a handshake that is refused releases the connection, and with it the list.
        DatagramRun[] records = [.. earlyRecords];
        earlyRecords.Clear();
        foreach (var record in records)
        {
            if (!released)
                ReceiveRecords(now, record.Span);
            record.Return();
        }
    }

    private void Flush(TimeSpan now)
    {
        var buffer = BufferPool.Rent(DatagramBatch.BufferSize);
        FlushGatherer(now, buffer);
        while (TryWriteIceDatagram(now, buffer.AsSpan(0, MaxDatagramToSend), out var length, out var remote))
        {
            if (remote.IsTcp)
                ConnectForCheck(remote);
            AnnounceCheck(buffer.AsSpan(0, length), remote);
            Send(buffer.AsSpan(0, length), remote);
        }
        if (association is not null && SelectedRemote is { } selected)
            SendPackets(now, buffer, selected);
        BufferPool.Return(buffer);
    }

    private void SendPackets(TimeSpan now, Span<byte> buffer, TransportAddress remote)
    {
        if (!remote.IsOnSocket)
        {
            while (association!.TryWritePacket(now, buffer.Slice(DtlsSession.PlaintextOffset, SctpPacketSize), out var length))
                SendRecords(buffer[..dtls!.Protect(buffer[..(SctpPacketSize + DtlsSession.RecordOverhead)], length)], remote);
            return;
        }
        var batch = new DatagramBatch(transport, buffer, remote);
        while (true)
        {
            var record = batch.Reserve(SctpPacketSize + DtlsSession.RecordOverhead);
            if (!association!.TryWritePacket(now, record.Slice(DtlsSession.PlaintextOffset, SctpPacketSize), out var length))
                break;
            var recordLength = dtls!.Protect(record, length);
            batch.Add(recordLength);
            CountRecordSent(recordLength);
        }
        batch.Send();
    }

    /// <summary>On a shared socket the answer from an address that is not this connection's yet is found by its transaction.</summary>
    private void AnnounceCheck(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        if (ownsTransport || !remote.IsOnSocket || learnedAddresses.Contains(remote)
            || !StunMessage.TryGetTransactionId(datagram, out var transaction) || !factory.Demultiplexer.TryAddTransaction(transaction, this))
            return;
        announcedChecks.Enqueue(transaction);
        if (announcedChecks.Count > MaxAnnouncedChecks)
            factory.Demultiplexer.RemoveTransaction(announcedChecks.Dequeue());
    }

    private void SendRecords(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        CountRecordSent(datagram.Length);
        Transmit(datagram, remote);
    }

    private void Send(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        CountSent(datagram.Length);
        Transmit(datagram, remote);
    }

    private void Transmit(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        if (remote.IsTcp)
            SendOverTcp(datagram, remote);
        else if (remote.Relay == 0)
            transport.Send(datagram, remote);
        else
            SendThroughRelay(datagram, remote);
    }

    /// <summary>Tells the peer, as far as one datagram can, that this side is gone.</summary>
    private void SendGoodbye()
    {
        if (dtls is not { State: DtlsSessionState.Completed or DtlsSessionState.Established } || SelectedRemote is not { } remote)
            return;
        var buffer = BufferPool.Rent(DatagramBatch.BufferSize);
        if (association is not null)
        {
            association.Abort(Now, "The peer connection was closed.");
            SendPackets(Now, buffer, remote);
        }
        if (dtls.WriteCloseNotify(buffer) is > 0 and var alert)
            SendRecords(buffer.AsSpan(0, alert), remote);
        BufferPool.Return(buffer);
    }
}
