using Registry.WebRtc;
using Registry.WebRtc.Dtls;

namespace Registry.Fuzzing.Targets;

/// <summary>The owner of a DTLS session as a peer connection is one; it counts what it receives.</summary>
internal sealed class DtlsEndpoint : IDtlsTransport, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly DtlsCertificate certificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);
    private readonly Lock gate = new();
    private readonly TaskCompletionSource completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public DtlsEndpoint(DtlsRole role) => Session = new(certificate, role, [certificate.Fingerprint], this, DtlsOptions.Default);

    public DtlsSession Session { get; }

    public long ReceivedBytes { get; private set; }

    private Action<byte[]>? Wire { get; set; }

    /// <summary>A client and a server after their handshake, no longer joined.</summary>
    public static (DtlsEndpoint Client, DtlsEndpoint Server) Establish()
    {
        var (client, server) = (new DtlsEndpoint(DtlsRole.Client), new DtlsEndpoint(DtlsRole.Server));
        (client.Wire, server.Wire) = (server.Deliver, client.Deliver);
        server.Start();
        client.Start();
        if (!client.completed.Task.Wait(Patience) || !server.completed.Task.Wait(Patience))
            throw new TimeoutException("The two sessions have not completed their handshake.");
        (client.Wire, server.Wire) = (null, null);
        return (client, server);
    }

    public void Deliver(byte[] datagram)
    {
        lock (gate)
            Read([.. datagram]);
    }

    public byte[] Protect(ReadOnlySpan<byte> message)
    {
        var record = new byte[message.Length + DtlsSession.RecordOverhead];
        message.CopyTo(record.AsSpan(DtlsSession.PlaintextOffset));
        lock (gate)
            Session.Protect(record, message.Length);
        return record;
    }

    public void SendHandshakeDatagram(ReadOnlySpan<byte> datagram) => Wire?.Invoke(datagram.ToArray());

    public void OnHandshakeCompleted()
    {
        lock (gate)
        {
            while (Session.TryReadEarlyDatagram(out var datagram))
                Read(datagram);
        }
        completed.TrySetResult();
    }

    public void OnFailed(PeerConnectionFailure failure) => completed.TrySetException(new InvalidOperationException(failure.Message));

    public void OnCloseNotify()
    {
        // The state tells it.
    }

    public void Dispose() => Session.Dispose();

    private void Start()
    {
        lock (gate)
            Session.Start();
    }

    private void Read(Span<byte> datagram)
    {
        while (Session.TryReadApplicationData(ref datagram, out var plaintext))
            ReceivedBytes += plaintext.Length;
    }
}
