using Org.BouncyCastle.Tls;

namespace Registry.WebRtc.Dtls;

/// <summary>
/// One run of BouncyCastle's handshake: the queue of datagrams it reads from, the datagrams it writes, and the thread it blocks.
/// Dropped when the handshake is over; nothing of BouncyCastle outlives it but the cipher.
/// </summary>
/// <remarks>
/// <see cref="Enqueue"/>, <see cref="Cancel"/> and <see cref="TakeQueue"/> may be called from any thread; everything else belongs to
/// the thread in <see cref="Run"/>.
/// </remarks>
internal sealed class DtlsHandshake : DatagramTransport
{
    /// <summary>
    /// Largest handshake message accepted from a peer, in bytes. BouncyCastle reassembles up to 16 at once, before anything is authenticated.
    /// </summary>
    public const int MaxMessageSize = 16 * 1024;

    /// <summary>Largest datagram kept before the session is established. A handshake stays below a path's MTU; loopback peers may go beyond Ethernet's.</summary>
    public const int MaxReceivedDatagram = 4096;

    private readonly object gate = new();
    private readonly Queue<byte[]> received = new();
    private readonly DtlsRole role;
    private readonly IDtlsTransport transport;
    private readonly DtlsOptions options;
    private readonly DtlsCredentials credentials;
    private readonly DtlsCrypto crypto = new();
    private readonly byte[] flight;
    private int flightLength;
    private ulong nextPlaintextSequence;
    private bool cancelled;
    private volatile bool silent;

    public DtlsHandshake(DtlsCertificate certificate, DtlsRole role, IReadOnlyList<CertificateFingerprint> remoteFingerprints,
        IDtlsTransport transport, DtlsOptions options)
    {
        this.role = role;
        this.transport = transport;
        this.options = options;
        credentials = new DtlsCredentials(certificate, remoteFingerprints);
        flight = new byte[options.MaxDatagramSize];
    }

    /// <summary>Keeps a datagram for the handshake thread.</summary>
    /// <param name="datagram">At most <see cref="MaxReceivedDatagram"/> bytes.</param>
    /// <returns>False when it was dropped because too many are waiting.</returns>
    public bool Enqueue(ReadOnlySpan<byte> datagram)
    {
        lock (gate)
        {
            if (received.Count >= options.MaxQueuedDatagrams)
                return false;
            received.Enqueue(datagram.ToArray());
            Monitor.Pulse(gate);
            return true;
        }
    }

    /// <summary>What the handshake left unread.</summary>
    public byte[][] TakeQueue()
    {
        lock (gate)
        {
            byte[][] rest = [.. received];
            received.Clear();
            return rest;
        }
    }

    /// <summary>Makes the handshake thread give up at once.</summary>
    /// <param name="silent">Whether nothing more may be sent, not even the alert that tells the peer.</param>
    public void Cancel(bool silent)
    {
        lock (gate)
        {
            this.silent |= silent;
            cancelled = true;
            received.Clear();
            Monitor.Pulse(gate);
        }
    }

    /// <summary>Runs the handshake to its end. Blocks.</summary>
    /// <param name="result">The established keys; null when it failed.</param>
    /// <param name="failure">Why it failed; null when it succeeded.</param>
    public bool Run(out DtlsHandshakeResult? result, out PeerConnectionFailure? failure)
    {
        result = null;
        failure = null;
        try
        {
            var retransmit = (int)Math.Max(1, options.RetransmitTimeout.TotalMilliseconds);
            if (role == DtlsRole.Client)
                new DtlsClientProtocol().Connect(new DtlsClientPeer(crypto, credentials, retransmit), this);
            else
                new DtlsServerProtocol().Accept(new DtlsServerPeer(crypto, credentials, retransmit), this);
            Flush();
            var cipher = crypto.RecordCipher ?? throw new InvalidOperationException("The handshake ended without keys.");
            result = new DtlsHandshakeResult(cipher, cipher.TakeOver(), nextPlaintextSequence, new(crypto.CipherSuiteName!, credentials.Verified!));
            return true;
        }
        catch (Exception error)
        {
            // Whatever a hostile peer makes of the handshake ends this session and nothing else.
            failure = SendAlert(Describe(error));
            crypto.RecordCipher?.Dispose();
            return false;
        }
    }

    /// <inheritdoc/>
    public int GetReceiveLimit() => MaxReceivedDatagram;

    /// <inheritdoc/>
    public int GetSendLimit() => flight.Length;

    /// <inheritdoc/>
    public int Receive(byte[] buf, int off, int len, int waitMillis) => Receive(buf.AsSpan(off, len), waitMillis);

    /// <inheritdoc/>
    public int Receive(Span<byte> buffer, int waitMillis)
    {
        Flush();
        var end = Environment.TickCount64 + waitMillis;
        lock (gate)
        {
            while (received.Count == 0 && !cancelled)
            {
                var rest = waitMillis == 0 ? Timeout.Infinite : (int)Math.Max(0, end - Environment.TickCount64);
                if (rest == 0)
                    return -1;
                Monitor.Wait(gate, rest);
            }

            if (cancelled)
                throw new TlsFatalAlert(AlertDescription.user_canceled);
            var datagram = received.Dequeue();
            datagram.CopyTo(buffer);
            return datagram.Length;
        }
    }

    /// <inheritdoc/>
    public void Send(byte[] buf, int off, int len) => Send(buf.AsSpan(off, len));

    /// <summary>Gathers the records of a flight into as few datagrams as they fit in; they leave when the handshake waits for its peer.</summary>
    public void Send(ReadOnlySpan<byte> buffer)
    {
        if (DtlsRecordHeader.TryRead(buffer, out var header) && header.Epoch == 0)
            nextPlaintextSequence = header.Sequence + 1;
        if (flightLength + buffer.Length > flight.Length)
            Flush();
        buffer.CopyTo(flight.AsSpan(flightLength));
        flightLength += buffer.Length;
    }

    /// <summary>BouncyCastle closes its transport when it gives up; there is nothing to release here.</summary>
    public void Close()
    {
    }

    private void Flush()
    {
        var length = flightLength;
        flightLength = 0;
        if (length > 0 && !this.silent)
            transport.SendHandshakeDatagram(flight.AsSpan(0, length));
    }

    private PeerConnectionFailure SendAlert(PeerConnectionFailure failure)
    {
        try
        {
            Flush();
            return failure;
        }
        catch (Exception error)
        {
            return failure with { Message = $"{failure.Message} The peer could not be told: {error.Message}" };
        }
    }

    private PeerConnectionFailure Describe(Exception error)
    {
        var side = role == DtlsRole.Client ? "client" : "server";
        if (credentials.Mismatch is { } mismatch)
            return new(PeerConnectionFailureKind.FingerprintMismatch, $"DTLS {side}: {mismatch}.");
        var reason = error switch
        {
            TlsFatalAlertReceived alert => $"the peer sent the alert {alert.Message}",
            TlsFatalAlert { InnerException: { } inner } alert => $"{alert.Message}: {inner.Message}",
            _ => error.Message,
        };
        return new(PeerConnectionFailureKind.DtlsFailed, $"DTLS handshake failed as {side}: {reason}.");
    }
}

/// <summary>What a completed handshake leaves behind.</summary>
/// <param name="Cipher">The keys of epoch 1; the receiver disposes of it.</param>
/// <param name="Finished">This side's Finished message.</param>
/// <param name="NextPlaintextSequence">First unused sequence number of epoch 0.</param>
/// <param name="Agreement">What the two sides agreed on.</param>
internal sealed record DtlsHandshakeResult(DtlsRecordCipher Cipher, byte[] Finished, ulong NextPlaintextSequence, DtlsAgreement Agreement);

/// <summary>What a handshake agreed on, for the statistics.</summary>
/// <param name="CipherSuite">IANA's name of the cipher suite.</param>
/// <param name="RemoteFingerprint">The fingerprint by which the peer's certificate was verified.</param>
internal sealed record DtlsAgreement(string CipherSuite, CertificateFingerprint RemoteFingerprint);
