using Registry.WebRtc;
using Registry.WebRtc.Dtls;

namespace Registry.Fuzzing.Targets;

/// <summary>
/// Datagrams of DTLS records. The first byte chooses: to a session that waits for its handshake, to an established one, or inside genuine records
/// of the peer to that one.
/// </summary>
internal sealed class DtlsRecordTarget : IFuzzTarget
{
    private readonly Lazy<(DtlsEndpoint Client, DtlsEndpoint Server)> pair = new(DtlsEndpoint.Establish);

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
            using var waiting = new DtlsEndpoint(DtlsRole.Server);
            waiting.Deliver(datagram);
            waiting.Deliver(datagram);
            return;
        }
        var received = server.ReceivedBytes;
        server.Deliver(datagram);
        PropertyViolatedException.ThrowUnless(server.Session.State == DtlsSessionState.Established, $"A forged record left the session {server.Session.State}.");
        PropertyViolatedException.ThrowUnless(choice % 3 == 2 || server.ReceivedBytes == received, "Data was taken from a record that nobody protected.");
    }

    /// <summary>A datagram of several records, genuine except for what the input changes in them.</summary>
    private static byte[] Wrap(DtlsEndpoint peer, ref FuzzReader reader)
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
}
