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

    private readonly object _gate = new();
    private readonly Queue<byte[]> _received = new();
    private readonly DtlsRole _role;
    private readonly IDtlsTransport _transport;
    private readonly DtlsOptions _options;
    private readonly DtlsCredentials _credentials;
    private readonly DtlsCrypto _crypto = new();
    private readonly byte[] _flight;
    private int _flightLength;
    private ulong _nextPlaintextSequence;
    private bool _cancelled;
    private volatile bool _silent;

    public DtlsHandshake(DtlsCertificate certificate, DtlsRole role, IReadOnlyList<CertificateFingerprint> remoteFingerprints,
        IDtlsTransport transport, DtlsOptions options)
    {
        _role = role;
        _transport = transport;
        _options = options;
        _credentials = new DtlsCredentials(certificate, remoteFingerprints);
        _flight = new byte[options.MaxDatagramSize];
    }

    /// <summary>Keeps a datagram for the handshake thread.</summary>
    /// <param name="datagram">At most <see cref="MaxReceivedDatagram"/> bytes.</param>
    /// <returns>False when it was dropped because too many are waiting.</returns>
    public bool Enqueue(ReadOnlySpan<byte> datagram)
    {
        lock (_gate)
        {
            if (_received.Count >= _options.MaxQueuedDatagrams)
                return false;
            _received.Enqueue(datagram.ToArray());
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>What the handshake left unread.</summary>
    public byte[][] TakeQueue()
    {
        lock (_gate)
        {
            byte[][] rest = [.. _received];
            _received.Clear();
            return rest;
        }
    }

    /// <summary>Makes the handshake thread give up at once.</summary>
    /// <param name="silent">Whether nothing more may be sent, not even the alert that tells the peer.</param>
    public void Cancel(bool silent)
    {
        lock (_gate)
        {
            _silent |= silent;
            _cancelled = true;
            _received.Clear();
            Monitor.Pulse(_gate);
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
            var retransmit = (int)Math.Max(1, _options.RetransmitTimeout.TotalMilliseconds);
            if (_role == DtlsRole.Client)
                new DtlsClientProtocol().Connect(new DtlsClientPeer(_crypto, _credentials, retransmit), this);
            else
                new DtlsServerProtocol().Accept(new DtlsServerPeer(_crypto, _credentials, retransmit), this);
            Flush();
            var cipher = _crypto.RecordCipher ?? throw new InvalidOperationException("The handshake ended without keys.");
            result = new DtlsHandshakeResult(cipher, cipher.TakeOver(), _nextPlaintextSequence);
            return true;
        }
        catch (Exception error)
        {
            // Whatever a hostile peer makes of the handshake ends this session and nothing else.
            failure = SendAlert(Describe(error));
            _crypto.RecordCipher?.Dispose();
            return false;
        }
    }

    /// <inheritdoc/>
    public int GetReceiveLimit() => MaxReceivedDatagram;

    /// <inheritdoc/>
    public int GetSendLimit() => _flight.Length;

    /// <inheritdoc/>
    public int Receive(byte[] buf, int off, int len, int waitMillis) => Receive(buf.AsSpan(off, len), waitMillis);

    /// <inheritdoc/>
    public int Receive(Span<byte> buffer, int waitMillis)
    {
        Flush();
        var end = Environment.TickCount64 + waitMillis;
        lock (_gate)
        {
            while (_received.Count == 0 && !_cancelled)
            {
                var rest = waitMillis == 0 ? Timeout.Infinite : (int)Math.Max(0, end - Environment.TickCount64);
                if (rest == 0)
                    return -1;
                Monitor.Wait(_gate, rest);
            }

            if (_cancelled)
                throw new TlsFatalAlert(AlertDescription.user_canceled);
            var datagram = _received.Dequeue();
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
            _nextPlaintextSequence = header.Sequence + 1;
        if (_flightLength + buffer.Length > _flight.Length)
            Flush();
        buffer.CopyTo(_flight.AsSpan(_flightLength));
        _flightLength += buffer.Length;
    }

    /// <summary>BouncyCastle closes its transport when it gives up; there is nothing to release here.</summary>
    public void Close()
    {
    }

    private void Flush()
    {
        var length = _flightLength;
        _flightLength = 0;
        if (length > 0 && !_silent)
            _transport.SendHandshakeDatagram(_flight.AsSpan(0, length));
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
        var side = _role == DtlsRole.Client ? "client" : "server";
        if (_credentials.Mismatch is { } mismatch)
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
internal sealed record DtlsHandshakeResult(DtlsRecordCipher Cipher, byte[] Finished, ulong NextPlaintextSequence);
