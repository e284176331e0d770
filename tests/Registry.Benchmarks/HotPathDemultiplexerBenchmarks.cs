using BenchmarkDotNet.Attributes;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.Benchmarks;

/// <summary>Whose a datagram on the shared socket is, among 1,000 connections: 0 bytes.</summary>
public class HotPathDemultiplexerBenchmarks
{
    private const int Connections = 1000;
    private const uint FirstAddress = 0xC6120001; // 198.18.0.1 (RFC 2544)

    private readonly Demultiplexer<object> demultiplexer = new();
    private readonly byte[][] checks = new byte[Connections][];
    private readonly byte[][] answers = new byte[Connections][];
    private readonly byte[] record = new byte[1229];

    /// <summary>Gives each connection an address and a user fragment.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        record[0] = 23; // application data (RFC 7983 §7)
        for (var i = 0; i < Connections; i++)
        {
            var owner = new object();
            demultiplexer.AddFragment($"fragment{i:D4}", owner);
            demultiplexer.TryAddAddress(AddressOf(i), owner, static _ => false);
            checks[i] = Write(StunClass.Request, i);
            answers[i] = Write(StunClass.SuccessResponse, i);
        }
        if ((FindRecord(), FindCheck(), FindAnswer()) != (Connections, Connections, Connections))
            throw new InvalidOperationException("Some datagrams find no owner.");
    }

    /// <summary>A DTLS record, by its address.</summary>
    [Benchmark(OperationsPerInvoke = Connections)]
    public int FindRecord()
    {
        var found = 0;
        for (var i = 0; i < Connections; i++)
            found += demultiplexer.Find(record, AddressOf(i)) is null ? 0 : 1;
        return found;
    }

    /// <summary>A peer's check, by the user fragment in it.</summary>
    [Benchmark(OperationsPerInvoke = Connections)]
    public int FindCheck() => FindEach(checks);

    /// <summary>An answer to a consent check, by its address: only checks to addresses not bound yet are kept by transaction.</summary>
    [Benchmark(OperationsPerInvoke = Connections)]
    public int FindAnswer() => FindEach(answers);

    private static TransportAddress AddressOf(int connection) => TransportAddress.FromIPv4(FirstAddress + (uint)connection, 5000);

    private int FindEach(byte[][] datagrams)
    {
        var found = 0;
        for (var i = 0; i < Connections; i++)
            found += demultiplexer.Find(datagrams[i], AddressOf(i)) is null ? 0 : 1;
        return found;
    }

    private static byte[] Write(StunClass messageClass, int connection)
    {
        var message = new byte[StunFormat.MaximumLength];
        var writer = new StunWriter(message, messageClass, StunMethod.Binding, new(1, (ulong)connection));
        if (messageClass == StunClass.Request)
            writer.WriteText(StunAttributeType.Username, $"fragment{connection:D4}:peer");
        else
            writer.WriteXorMappedAddress(AddressOf(connection));
        return message[..writer.Finish("a password of a session"u8)];
    }
}
