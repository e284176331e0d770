using Registry.WebRtc;
using Registry.WebRtc.Dtls;

namespace Registry.Fuzzing.Targets;

/// <summary>
/// Datagrams of DTLS records. The first byte chooses: to a session that waits for its handshake, to an established one, or inside genuine records
/// of the peer to that one.
/// </summary>
internal sealed class DtlsRecordTarget : IFuzzTarget
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Lazy<(Endpoint Client, Endpoint Server)> pair = new(Establish);

    public string Name => "dtls-record";

    public long BaseAllocation => 256 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        var (client, server) = pair.Value;
        var reader = new FuzzReader(input);
        var choice = reader.Byte();
        var datagram = choice % 3 == 2 ? Wrap(client, ref reader) : reader.Rest().ToArray();
        if (choice % 3 == 0)
        {
            using var waiting = new Endpoint(DtlsRole.Server);
            waiting.Deliver(datagram);
            waiting.Deliver(datagram);
            return;
        }
        var received = server.ReceivedBytes;
        server.Deliver(datagram);
        PropertyViolatedException.ThrowUnless(server.State == DtlsSessionState.Established, $"A forged record left the session {server.State}.");
        PropertyViolatedException.ThrowUnless(choice % 3 == 2 || server.ReceivedBytes == received, "Data was taken from a record that nobody protected.");
    }

    /// <summary>A datagram of several records, genuine except for what the input changes in them.</summary>
    private static byte[] Wrap(Endpoint peer, ref FuzzReader reader)
    {
        var datagram = new List<byte>();
        while (!reader.IsAtEnd && datagram.Count < 4096)
        {
            var change = reader.Byte();
            var record = peer.Protect(reader.Block());
            if ((change & 1) != 0)
                record[reader.Byte() % record.Length] ^= (byte)(change | 1);
            datagram.AddRange((change & 2) != 0 ? record.AsSpan(0, reader.Byte() % record.Length) : record);
            if ((change & 4) != 0)
                datagram.AddRange(record);
        }
        return [.. datagram];
    }

    private static (Endpoint Client, Endpoint Server) Establish()
    {
        var (client, server) = (new Endpoint(DtlsRole.Client), new Endpoint(DtlsRole.Server));
        (client.Wire, server.Wire) = (server.Deliver, client.Deliver);
        server.Start();
        client.Start();
        if (!client.Completed.Wait(Patience) || !server.Completed.Wait(Patience))
            throw new TimeoutException("The two sessions have not completed their handshake.");
        (client.Wire, server.Wire) = (null, null);
        return (client, server);
    }

    private sealed class Endpoint : IDtlsTransport, IDisposable
    {
        private static readonly DtlsCertificate certificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        private readonly Lock gate = new();
        private readonly DtlsSession session;
        private readonly TaskCompletionSource completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Endpoint(DtlsRole role) => session = new(certificate, role, [certificate.Fingerprint], this, DtlsOptions.Default);

        public Action<byte[]>? Wire { get; set; }

        public Task Completed => completed.Task;

        public DtlsSessionState State => session.State;

        public long ReceivedBytes { get; private set; }

        public void Start()
        {
            lock (gate)
                session.Start();
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
                session.Protect(record, message.Length);
            return record;
        }

        public void SendHandshakeDatagram(ReadOnlySpan<byte> datagram) => Wire?.Invoke(datagram.ToArray());

        public void OnHandshakeCompleted()
        {
            lock (gate)
            {
                while (session.TryReadEarlyDatagram(out var datagram))
                    Read(datagram);
            }
            completed.TrySetResult();
        }

        public void OnFailed(PeerConnectionFailure failure) => completed.TrySetException(new InvalidOperationException(failure.Message));

        public void OnCloseNotify()
        {
            // The state tells it.
        }

        public void Dispose() => session.Dispose();

        private void Read(Span<byte> datagram)
        {
            while (session.TryReadApplicationData(ref datagram, out var plaintext))
                ReceivedBytes += plaintext.Length;
        }
    }
}
