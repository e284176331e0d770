using System.Collections.Concurrent;
using Org.BouncyCastle.Tls;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>
/// A DTLS client that sends application data behind its Finished, without waiting for the server's: the earliest moment at which anyone can, for both have
/// the keys then and the server has not verified the certificate yet.
/// </summary>
internal sealed class HastyDtlsClient(DtlsCertificate certificate, CertificateFingerprint server, byte[] data, Action<byte[]> send) : DatagramTransport
{
    private const int Repetitions = 3;

    private readonly BlockingCollection<byte[]> received = [];
    private readonly DtlsCrypto crypto = new();

    /// <summary>Runs the handshake to the server's last word.</summary>
    public Task RunAsync() =>
        Task.Run(() => new DtlsClientProtocol().Connect(new DtlsClientPeer(crypto, new DtlsCredentials(certificate, [server]), retransmitMilliseconds: 1000), this));

    public void Take(byte[] datagram) => received.Add(datagram);

    public int GetReceiveLimit() => DtlsHandshake.MaxReceivedDatagram;

    public int GetSendLimit() => DtlsOptions.Default.MaxDatagramSize;

    public int Receive(byte[] buf, int off, int len, int waitMillis) => Receive(buf.AsSpan(off, len), waitMillis);

    public int Receive(Span<byte> buffer, int waitMillis)
    {
        if (!received.TryTake(out var datagram, waitMillis == 0 ? Timeout.Infinite : waitMillis))
            return -1;
        datagram.CopyTo(buffer);
        return datagram.Length;
    }

    public void Send(byte[] buf, int off, int len) => Send(buf.AsSpan(off, len));

    public void Send(ReadOnlySpan<byte> buffer)
    {
        send(buffer.ToArray());
        if (!DtlsRecordHeader.TryRead(buffer, out var header) || header is not { Epoch: 1, Type: DtlsContentType.Handshake })
            return;
        crypto.RecordCipher!.TakeOver();
        for (var i = 0; i < Repetitions; i++)
        {
            var record = new byte[data.Length + DtlsSession.RecordOverhead];
            data.CopyTo(record, DtlsSession.PlaintextOffset);
            crypto.RecordCipher.Protect(DtlsContentType.ApplicationData, record, data.Length);
            send(record);
        }
    }

    public void Close()
    {
        // The test owns the wire.
    }
}
