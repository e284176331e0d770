using System.Diagnostics.CodeAnalysis;
using Org.BouncyCastle.Tls;

namespace Registry.WebRtc.Dtls;

/// <summary>Where a DTLS session stands.</summary>
internal enum DtlsSessionState
{
    /// <summary>Made, not started. Datagrams are kept.</summary>
    New,
    /// <summary>The handshake is running.</summary>
    Handshaking,
    /// <summary>The handshake is complete; early datagrams wait to be read.</summary>
    Completed,
    /// <summary>Records are decrypted directly.</summary>
    Established,
    /// <summary>Failed, closed by the peer, or disposed of.</summary>
    Closed,
}

/// <summary>
/// One DTLS 1.2 association (RFC 6347) of a peer connection. The handshake runs on a borrowed thread; afterwards records are
/// protected and unprotected in place, on the caller's thread, without allocating.
/// </summary>
/// <remarks>
/// <para>Every public member is called by the owner, one call at a time (the peer connection's lock). The handshake thread and the
/// deadline timer meet them only under <c>gate</c>, which guards the state, the early datagrams and the handshake's reference; it is
/// never held during a callback.</para>
/// <para>From the moment the state is <see cref="DtlsSessionState.Completed"/> no other thread touches the session, so the direct path
/// needs no lock: <c>cipher</c> and <c>replay</c> belong to the owner.</para>
/// </remarks>
internal sealed class DtlsSession : IDisposable
{
    /// <summary>Where the plaintext starts in a record buffer: header and explicit nonce.</summary>
    public const int PlaintextOffset = DtlsRecordHeader.Size + DtlsRecordCipher.ExplicitNonceLength;

    /// <summary>Bytes a record is longer than its plaintext.</summary>
    public const int RecordOverhead = PlaintextOffset + DtlsRecordCipher.TagLength;

    private const byte FinishedMessage = 20;
    private const int CloseNotifyLength = RecordOverhead + 2;

    // change_cipher_spec, and a Finished of 12 bytes behind its 12-byte header.
    private const int MaxLastFlightLength = DtlsRecordHeader.Size + 1 + RecordOverhead + 24;

    private readonly Lock gate = new();
    private readonly DtlsRole role;
    private readonly IDtlsTransport transport;
    private readonly DtlsOptions options;
    private readonly Queue<byte[]> early = new();
    private volatile DtlsSessionState state;
    private volatile DtlsAgreement? agreement;
    private DtlsHandshake? handshake;
    private bool threadRequested;
    private Timer? deadline;
    private DtlsRecordCipher? cipher;
    private DtlsReplayWindow replay;
    private bool closeNotifySent;
    private byte[] finished = [];
    private ulong nextPlaintextSequence;

    /// <summary>Makes a session that does nothing before <see cref="Start"/>, except to keep what arrives.</summary>
    /// <param name="certificate">The node's certificate.</param>
    /// <param name="role">This side's role.</param>
    /// <param name="remoteFingerprints">What the remote description promised; the peer's certificate must match one of them.</param>
    /// <param name="transport">The owner.</param>
    /// <param name="options">Limits and timings.</param>
    public DtlsSession(DtlsCertificate certificate, DtlsRole role, IReadOnlyList<CertificateFingerprint> remoteFingerprints,
        IDtlsTransport transport, DtlsOptions options)
    {
        this.role = role;
        this.transport = transport;
        this.options = options;
        this.handshake = new DtlsHandshake(certificate, role, remoteFingerprints, transport, options);
    }

    /// <summary>Where the session stands.</summary>
    public DtlsSessionState State => state;

    /// <summary>This side's role.</summary>
    public DtlsRole Role => role;

    /// <summary>What the handshake agreed on; null before it is over. Any thread may read it.</summary>
    public DtlsAgreement? Agreement => agreement;

    private bool CanSend => state is DtlsSessionState.Completed or DtlsSessionState.Established && !closeNotifySent;

    /// <summary>Begins the handshake and its deadline. A server takes a thread only when the first datagram is there.</summary>
    public void Start()
    {
        bool needsThread;
        lock (gate)
        {
            if (state != DtlsSessionState.New)
                throw new InvalidOperationException($"The session is {state}; it starts once.");
            state = DtlsSessionState.Handshaking;
            deadline = new Timer(static session => ((DtlsSession)session!).OnDeadline(), this, options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
            needsThread = role == DtlsRole.Client || threadRequested;
        }
        if (needsThread)
            TakeThread();
    }

    /// <summary>
    /// Takes a received datagram and gives the application data in it, record by record, decrypted in place. Call until it returns
    /// false. Before the session is established the datagram is copied and kept, within limits, and the answer is false at once.
    /// </summary>
    /// <param name="datagram">The datagram; on return, what of it has not been read.</param>
    /// <param name="plaintext">A part of the datagram's memory.</param>
    public bool TryReadApplicationData(ref Span<byte> datagram, out ReadOnlySpan<byte> plaintext)
    {
        plaintext = default;
        if (state != DtlsSessionState.Established)
        {
            Keep(datagram);
            datagram = default;
            return false;
        }

        while (DtlsRecordHeader.TryRead(datagram, out var header))
        {
            var record = datagram[..header.RecordLength];
            datagram = datagram[header.RecordLength..];
            if (header.Epoch != 1 || !replay.IsNew(header.Sequence) || !cipher!.TryUnprotect(header, record, out var content))
                continue;
            replay.Add(header.Sequence);
            if (header.Type == DtlsContentType.ApplicationData && !content.IsEmpty)
            {
                plaintext = content;
                return true;
            }

            HandleControlRecord(header.Type, content);
            if (state == DtlsSessionState.Closed)
                break;
        }

        datagram = default;
        return false;
    }

    /// <summary>
    /// After <see cref="IDtlsTransport.OnHandshakeCompleted"/>: gives the datagrams that came before the handshake was complete, each to
    /// be passed to <see cref="TryReadApplicationData"/> like one from the socket. Read to the end without releasing the owner's lock.
    /// </summary>
    /// <remarks>
    /// The first call opens the direct path; until then datagrams from the socket are kept behind the early ones. So nothing overtakes,
    /// and no data reaches the owner before it has handled the completion.
    /// </remarks>
    public bool TryReadEarlyDatagram([NotNullWhen(true)] out byte[]? datagram)
    {
        lock (gate)
        {
            datagram = null;
            if (state == DtlsSessionState.Completed)
                state = DtlsSessionState.Established;
            return state == DtlsSessionState.Established && this.early.TryDequeue(out datagram);
        }
    }

    /// <summary>Encrypts application data in place.</summary>
    /// <param name="record">Plaintext at <see cref="PlaintextOffset"/>, and at least 16 bytes behind it.</param>
    /// <param name="plaintextLength">Bytes of plaintext.</param>
    /// <returns>Length of the record, which starts where <paramref name="record"/> does.</returns>
    /// <exception cref="InvalidOperationException">The handshake is not complete, or the session is closed.</exception>
    public int Protect(Span<byte> record, int plaintextLength)
    {
        if (!CanSend)
            throw new InvalidOperationException($"The session is {(closeNotifySent ? DtlsSessionState.Closed : state)}; it cannot send.");
        return cipher!.Protect(DtlsContentType.ApplicationData, record, plaintextLength);
    }

    /// <summary>Writes the alert that tells the peer that this side sends nothing more.</summary>
    /// <param name="destination">At least 39 bytes.</param>
    /// <returns>Length of the record; 0 when there is nothing to close or it was closed before.</returns>
    public int WriteCloseNotify(Span<byte> destination)
    {
        if (!CanSend)
            return 0;
        closeNotifySent = true;
        destination[PlaintextOffset] = (byte)AlertLevel.warning;
        destination[PlaintextOffset + 1] = (byte)AlertDescription.close_notify;
        return cipher!.Protect(DtlsContentType.Alert, destination, 2);
    }

    /// <summary>Ends the session without a word. A running handshake gives its thread back at once.</summary>
    public void Dispose()
    {
        TryClose(onlyHandshaking: false, silent: true);
        this.handshake?.Cancel(silent: true);
    }

    private void TakeThread()
    {
        if (!options.Threads.TryRun(role, RunHandshake))
            FailHandshake(new(PeerConnectionFailureKind.DtlsFailed, "Too many DTLS handshakes are under way in this process; try again later."));
    }

    private void RunHandshake()
    {
        DtlsHandshake handshake;
        lock (gate)
        {
            if (state != DtlsSessionState.Handshaking)
                return;
            handshake = this.handshake!;
        }

        if (!handshake.Run(out var result, out var failure))
            FailHandshake(failure!);
        else if (TryComplete(handshake, result!))
            transport.OnHandshakeCompleted();
        else
            result!.Cipher.Dispose();
    }

    private bool TryComplete(DtlsHandshake handshake, DtlsHandshakeResult result)
    {
        lock (gate)
        {
            if (state != DtlsSessionState.Handshaking)
                return false;
            foreach (var datagram in handshake.TakeQueue())
                KeepEarly(datagram);
            cipher = result.Cipher;
            agreement = result.Agreement;
            this.finished = result.Finished;
            nextPlaintextSequence = result.NextPlaintextSequence;
            this.handshake = null;
            deadline?.Dispose();
            deadline = null;
            state = DtlsSessionState.Completed;
            return true;
        }
    }

    private void OnDeadline() => FailHandshake(new PeerConnectionFailure(
        PeerConnectionFailureKind.DtlsFailed,
        $"DTLS handshake timed out as {(role == DtlsRole.Client ? "client" : "server")} after {options.HandshakeTimeout.TotalSeconds:0.###} s."));

    private void FailHandshake(PeerConnectionFailure failure)
    {
        if (TryClose(onlyHandshaking: true, silent: false))
            transport.OnFailed(failure);
    }

    private bool TryClose(bool onlyHandshaking, bool silent)
    {
        lock (gate)
        {
            if (state == DtlsSessionState.Closed || (onlyHandshaking && state != DtlsSessionState.Handshaking))
                return false;
            state = DtlsSessionState.Closed;
            this.early.Clear();
            deadline?.Dispose();
            deadline = null;
        }

        this.handshake?.Cancel(silent);
        cipher?.Dispose();
        return true;
    }

    private void Keep(ReadOnlySpan<byte> datagram)
    {
        if (datagram.Length > DtlsHandshake.MaxReceivedDatagram)
            return;
        var needsThread = false;
        lock (gate)
        {
            if (state == DtlsSessionState.Completed)
                KeepEarly(datagram.ToArray());
            else if (state is DtlsSessionState.New or DtlsSessionState.Handshaking)
                needsThread = Sort(datagram) && RequestThread();
        }
        if (needsThread)
            TakeThread();
    }

    private void KeepEarly(byte[] datagram)
    {
        if (this.early.Count < options.MaxEarlyDatagrams)
            this.early.Enqueue(datagram);
    }

    /// <summary>During the handshake: its records go to its thread, protected data waits; protected alerts may concern either.</summary>
    /// <returns>Whether the handshake can go on, or begin, with it.</returns>
    private bool Sort(ReadOnlySpan<byte> datagram)
    {
        Span<byte> handshake = stackalloc byte[DtlsHandshake.MaxReceivedDatagram];
        Span<byte> early = stackalloc byte[DtlsHandshake.MaxReceivedDatagram];
        int handshakeLength = 0, earlyLength = 0;
        var hasPlaintextHandshake = false;
        while (DtlsRecordHeader.TryRead(datagram, out var header))
        {
            var record = datagram[..header.RecordLength];
            datagram = datagram[header.RecordLength..];
            hasPlaintextHandshake |= header is { Type: DtlsContentType.Handshake, Epoch: 0 };
            if (header.Epoch > 0 && header.Type is DtlsContentType.ApplicationData or DtlsContentType.Alert)
                Append(early, ref earlyLength, record);
            if (header.Type is not DtlsContentType.ApplicationData)
                Append(handshake, ref handshakeLength, record);
        }

        if (earlyLength > 0)
            KeepEarly(early[..earlyLength].ToArray());
        return handshakeLength > 0 && this.handshake!.Enqueue(handshake[..handshakeLength]) && hasPlaintextHandshake;
    }

    private static void Append(Span<byte> destination, ref int length, ReadOnlySpan<byte> record)
    {
        record.CopyTo(destination[length..]);
        length += record.Length;
    }

    /// <summary>Notes that a server's handshake needs its thread.</summary>
    /// <returns>Whether it is to be taken now.</returns>
    private bool RequestThread()
    {
        if (role != DtlsRole.Server || threadRequested)
            return false;
        threadRequested = true;
        return state == DtlsSessionState.Handshaking;
    }

    private void HandleControlRecord(DtlsContentType type, ReadOnlySpan<byte> content)
    {
        if (type == DtlsContentType.Alert && content.Length == 2)
            HandleAlert(content[0], content[1]);
        else if (type == DtlsContentType.Handshake && role == DtlsRole.Server && content is [FinishedMessage, ..])
            SendLastFlightAgain();
    }

    private void HandleAlert(byte level, byte description)
    {
        if (description == AlertDescription.close_notify)
        {
            // RFC 5246 §7.2.1: the other side answers with its own close_notify.
            Span<byte> answer = stackalloc byte[CloseNotifyLength];
            var length = WriteCloseNotify(answer);
            TryClose(onlyHandshaking: false, silent: true);
            if (length > 0)
                transport.SendHandshakeDatagram(answer[..length]);
            transport.OnCloseNotify();
        }
        else if (level == AlertLevel.fatal && TryClose(onlyHandshaking: false, silent: true))
        {
            transport.OnFailed(new PeerConnectionFailure(
                PeerConnectionFailureKind.DtlsFailed, $"DTLS: the peer sent the alert {AlertDescription.GetText(description)}."));
        }
    }

    /// <summary>
    /// The client repeats its last flight because the server's was lost (RFC 6347 §4.2.4). Both records carry fresh numbers, else the
    /// client's replay window would drop them.
    /// </summary>
    private void SendLastFlightAgain()
    {
        if (!CanSend)
            return;
        var changeCipherSpec = new DtlsRecordHeader(DtlsContentType.ChangeCipherSpec, DtlsRecordHeader.Dtls12, nextPlaintextSequence++, 1);
        Span<byte> datagram = stackalloc byte[MaxLastFlightLength];
        changeCipherSpec.Write(datagram);
        datagram[DtlsRecordHeader.Size] = 1;
        var finished = datagram[changeCipherSpec.RecordLength..];
        this.finished.CopyTo(finished[PlaintextOffset..]);
        var length = cipher!.Protect(DtlsContentType.Handshake, finished, this.finished.Length);
        transport.SendHandshakeDatagram(datagram[..(changeCipherSpec.RecordLength + length)]);
    }
}
