using BenchmarkDotNet.Attributes;
using Registry.Fuzzing.Targets;
using Registry.WebRtc.Dtls;

namespace Registry.Benchmarks;

/// <summary>One packet through an established DTLS session, in place, as a peer connection sends and receives it: 0 bytes.</summary>
public class HotPathRecordBenchmarks
{
    private (DtlsEndpoint Client, DtlsEndpoint Server) pair;
    private byte[] record = [];

    /// <summary>Bytes of plaintext: the smallest and the largest full packet.</summary>
    [Params(1192, 8152)]
    public int Plaintext { get; set; }

    /// <summary>Makes the handshake.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        pair = DtlsEndpoint.Establish();
        record = new byte[Plaintext + DtlsSession.RecordOverhead];
        if (ProtectAndUnprotect() != Plaintext)
            throw new InvalidOperationException("The record did not arrive.");
    }

    /// <summary>Ends the sessions.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        pair.Client.Dispose();
        pair.Server.Dispose();
    }

    /// <summary>Numbered and encrypted.</summary>
    [Benchmark]
    public int Protect() => pair.Client.Session.Protect(record, Plaintext);

    /// <summary>The same, then decrypted by the other side; its replay window takes no record twice.</summary>
    [Benchmark]
    public int ProtectAndUnprotect()
    {
        var rest = record.AsSpan(0, pair.Client.Session.Protect(record, Plaintext));
        var length = 0;
        while (pair.Server.Session.TryReadApplicationData(ref rest, out var plaintext))
            length += plaintext.Length;
        return length;
    }
}
