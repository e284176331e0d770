using System.Net;
using Registry.WebRtc.Sctp;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>
/// A peer with the right certificate that sends, inside the encryption, packets nobody should send. The connection goes on or ends by the rules
/// of SCTP; it never ends by an exception, and never holds more than its windows.
/// </summary>
public sealed class TamperedChunksTests
{
    private const int Steps = 400;
    private static readonly IPAddress victims = IPAddress.Parse("192.0.2.1");

    // Those that end an association come seldom, else little else would come.
    private static readonly byte[] Often = [0, 0, 3, 3, 64, 64, 130, 130, 192, 194];
    private static readonly byte[] chunkTypes = [.. Often, .. Often, .. Often, .. Often, .. Often, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 14, 255];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task Mutated(int seed) => AttackAsync(seed, (random, packet) => [Mutate(random, packet)]);

    [Fact]
    public Task Replayed() => AttackAsync(4, (_, packet) => [packet, packet, packet]);

    [Fact]
    public Task Reordered()
    {
        var held = new List<byte[]>();
        return AttackAsync(5, (random, packet) =>
        {
            held.Add(packet);
            if (held.Count < 16)
                return [];
            var shuffled = held.ToArray();
            random.Shuffle(shuffled);
            held.Clear();
            return shuffled;
        });
    }

    [Fact]
    public Task Oversized() => AttackAsync(6, (random, packet) => [Sealed([.. packet, .. Chunks(random, 8000 - packet.Length)])]);

    [Fact]
    public Task Chunks_of_every_type_with_any_content() => AttackAsync(7, (random, packet) => [Sealed([.. packet[..12], .. Chunks(random, random.Next(4, 1200))])]);

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    public Task Everything_at_once(int seed) => AttackAsync(seed, (random, packet) =>
    {
        var mutated = Mutate(random, packet);
        return random.Next(4) switch
        {
            0 => [mutated, packet],
            1 => [packet, packet],
            2 => [Sealed([.. mutated, .. Chunks(random, 8000 - mutated.Length)])],
            _ => [Sealed([.. packet[..12], .. Chunks(random, 200)]), mutated],
        };
    });

    private static async Task AttackAsync(int seed, Func<Random, byte[], IEnumerable<byte[]>> change)
    {
        var random = new Random(seed);
        for (var steps = 0; steps < Steps;)
            steps += await AttackOnceAsync(random, Steps - steps, change);
    }

    /// <summary>Attacks a fresh connection until that ends, or for so many steps.</summary>
    private static async Task<int> AttackOnceAsync(Random random, int steps, Func<Random, byte[], IEnumerable<byte[]>> change)
    {
        var link = new InMemoryLink();
        await using var factory = PeerConnectionFactory.Create(new() { HostAddresses = [victims] }, link.A);
        var victim = factory.CreatePeerConnection();
        victim.DataChannelReceived += channel => _ = Task.Run(() => AnswerAsync(channel));
        using var peer = new TamperingPeer(link.B, link.A.LocalEndPoints[0]);
        await peer.ConnectAsync(victim);
        peer.Send(new byte[5000]);
        var step = 0;
        for (; step < steps && IsAlive(victim); step++)
        {
            peer.Tamper(random, packet => change(random, packet));
            peer.Send(new byte[random.Next(1, 6000)]);
            // No more than the victim's inbox holds.
            await ReceivedAsync(victim, peer, missing: 100);
        }
        await ReceivedAsync(victim, peer, missing: 0);

        victim.Failure?.Kind.ShouldBe(PeerConnectionFailureKind.SctpFailed);
        victim.Failure?.Message.ShouldNotStartWith("Unexpected");
        victim.GetStatsReport().SctpTransport!.BytesBuffered.ShouldBeInRange(0, 2 * new PeerConnectionConfiguration().SendBufferSize);
        return step;
    }

    /// <summary>Waits until the victim has taken all but so many of the peer's datagrams, or has ended.</summary>
    private static async Task ReceivedAsync(IPeerConnection victim, TamperingPeer peer, int missing)
    {
        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (IsAlive(victim) && victim.GetStatistics().PacketsReceived < peer.DatagramsSent - missing)
        {
            (Environment.TickCount64 < deadline).ShouldBeTrue($"{victim.GetStatistics()}, {peer.DatagramsSent} datagrams sent");
            await Task.Yield();
        }
    }

    private static bool IsAlive(IPeerConnection connection) => connection.ConnectionState is not (PeerConnectionState.Failed or PeerConnectionState.Closed);

    /// <summary>An application: takes every message and answers some.</summary>
    private static async Task AnswerAsync(IDataChannel channel)
    {
        try
        {
            while (await channel.ReceiveAsync() is { } message)
            {
                var length = message.Data.Length;
                message.Dispose();
                if ((length & 3) == 0)
                    channel.TrySend(new byte[length]);
            }
        }
        catch (DataChannelClosedException)
        {
            // The peer closed the channel, or seemed to.
        }
    }

    /// <summary>Changes bytes behind the common header, and lengths with preference; the checksum is right again.</summary>
    private static byte[] Mutate(Random random, byte[] packet)
    {
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            // Where the chunk and its first fields are, more often than in the payload.
            var at = random.Next(12, random.Next(2) == 0 ? packet.Length : Math.Min(packet.Length, 32));
            packet[at] = random.Next(3) switch { 0 => (byte)(packet[at] ^ (1 << random.Next(8))), 1 => (byte)random.Next(256), _ => (byte)(packet[at] + 1) };
        }
        return Sealed(packet);
    }

    private static byte[] Chunks(Random random, int length)
    {
        var chunks = new List<byte>();
        while (chunks.Count < length - 4)
        {
            var value = new byte[random.Next(0, Math.Min(length - chunks.Count - 4, random.Next(8) == 0 ? 7000 : 60) + 1)];
            random.NextBytes(value);
            var announced = random.Next(10) == 0 ? random.Next(65536) : value.Length + 4;
            chunks.AddRange([chunkTypes[random.Next(chunkTypes.Length)], (byte)random.Next(16), (byte)(announced >> 8), (byte)announced, .. value]);
            while (chunks.Count % 4 != 0)
                chunks.Add(0);
        }
        return [.. chunks];
    }

    private static byte[] Sealed(byte[] packet)
    {
        Crc32c.WritePacket(packet);
        return packet;
    }
}
