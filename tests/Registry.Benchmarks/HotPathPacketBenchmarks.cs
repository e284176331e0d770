using BenchmarkDotNet.Attributes;
using Registry.WebRtc;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;

namespace Registry.Benchmarks;

/// <summary>
/// A packet of data through two associations, with the acknowledgements it causes: 32 bytes, the <see cref="DataChannelMessage"/> that the
/// application gets. A message fills a packet here; where it takes many, the 32 bytes are for all of them.
/// </summary>
public class HotPathPacketBenchmarks
{
    private const int Queued = 32;
    private const int Packets = 32 * Queued; // Whole rounds, so that a transfer takes no more than it counts.

    // What a chunk of I-DATA carries in the smallest packet (RFC 8260 §2.1); larger packets bundle such chunks.
    private const int Chunk = SmallestPacket - 12 - 20;
    private const int SmallestPacket = 1192;

    private static readonly TimeSpan OneWay = TimeSpan.FromMicroseconds(25);

    private readonly byte[] buffer = new byte[8192];
    private byte[] message = [];
    private DataChannelAssociation sender = null!;
    private DataChannelAssociation receiver = null!;
    private ushort channel;
    private TimeSpan now;
    private long sent;
    private long received;

    /// <summary>Bytes that the path carries, and packets have at most.</summary>
    [Params(SmallestPacket, 8152)]
    public int Packet { get; set; }

    /// <summary>Connects, and lets the sender find the path's packet size.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        var options = new SctpOptions { MaxPacketSize = Packet, Interleaving = true };
        (sender, receiver) = (new(options, isDtlsClient: true), new(options, isDtlsClient: false));
        sender.Start(now);
        receiver.Start(now);
        channel = sender.OpenChannel(now, "packets", DataChannelOptions.Default);
        message = new byte[(Packet - 12) / (Chunk + 20) * Chunk];
        for (var i = 0; i < 100 && sender.Statistics.PacketSize < Packet; i++)
            Transfer();
        var before = sender.Statistics.PacketsSent;
        Transfer();
        if (sender.Statistics.PacketsSent - before is var packets and not (>= Packets and <= Packets * 11 / 10))
            throw new InvalidOperationException($"{Packets} messages went in {packets} packets of at most {sender.Statistics.PacketSize} bytes.");
    }

    /// <summary>Messages in at one side, out at the other.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public long Transfer()
    {
        var end = received + Packets;
        while (received < end)
        {
            while (sent - received < Queued && sender.TrySend(now, channel, message, DataChannelMessageType.Binary))
                sent++;
            var moved = Carry(sender, receiver);
            moved |= Carry(receiver, sender);
            if (!moved)
                WaitForTimeout();
        }
        return received;
    }

    private bool Carry(DataChannelAssociation from, DataChannelAssociation to)
    {
        var moved = false;
        var leaves = now;
        now += OneWay;
        while (from.TryWritePacket(leaves, buffer, out var written))
        {
            to.HandlePacket(now, buffer.AsSpan(0, written));
            moved = true;
        }
        while (to.TryReadEvent(out var e))
        {
            if (e.Message is not { } arrived)
                continue;
            received++;
            to.MessageConsumed(arrived.Data.Length);
            arrived.Dispose();
        }
        return moved;
    }

    private void WaitForTimeout()
    {
        var due = sender.NextTimeout < receiver.NextTimeout ? sender.NextTimeout : receiver.NextTimeout;
        now = due > now ? due : now;
        if (sender.NextTimeout <= now)
            sender.HandleTimeout(now);
        if (receiver.NextTimeout <= now)
            receiver.HandleTimeout(now);
    }
}
