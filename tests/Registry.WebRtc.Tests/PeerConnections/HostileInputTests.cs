using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.WebRtc.Stun;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>Whole connections under datagrams that nobody should send.</summary>
public sealed class HostileInputTests
{
    [Fact]
    public async Task Strangers_at_the_port_change_nothing()
    {
        await using var gateway = CreateFactory();
        await using var clients = CreateFactory(socketPerConnection: true);
        var (client, server) = (clients.CreatePeerConnection(), gateway.CreatePeerConnection());
        var (offering, answering) = await ConnectAsync(client, server);
        var addresses = gateway.Demultiplexer.AddressCount;
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var port = new IPEndPoint(IPAddress.Loopback, gateway.UdpPort!.Value);
        var random = new Random(4711);

        for (var i = 0; i < 5000; i++)
        {
            var datagram = new byte[random.Next(0, 1500)];
            random.NextBytes(datagram);
            // One in three each: anything, the start of a STUN binding request, the start of a DTLS 1.2 record.
            byte[] start = (i % 3) switch
            {
                1 => [0, 1, 0, (byte)(Math.Max(0, datagram.Length - 20) & 0xFC), 0x21, 0x12, 0xA4, 0x42],
                2 => [(byte)random.Next(20, 64), 0xFE, 0xFD, 0, (byte)random.Next(2)],
                _ => [],
            };
            start.AsSpan(0, Math.Min(start.Length, datagram.Length)).CopyTo(datagram);
            stranger.SendTo(datagram, port);
        }

        await EchoAsync(offering, answering);
        gateway.Demultiplexer.AddressCount.ShouldBe(addresses);
        gateway.OpenConnections.ShouldBe(1);
        // Not a byte in answer: whoever forges a sender's address finds no amplifier here.
        stranger.Available.ShouldBe(0);
    }

    /// <summary>A check names its tube, so a stranger who knows the name can fill that tube's inbox; the others go on beside it.</summary>
    [Fact]
    public async Task A_flood_to_one_tube_stops_no_other()
    {
        await using var gateway = CreateFactory();
        await using var clients = CreateFactory(socketPerConnection: true);
        var flooded = gateway.CreatePeerConnection();
        await ConnectAsync(clients.CreatePeerConnection(), flooded);
        var (offering, answering) = await ConnectAsync(clients.CreatePeerConnection(), gateway.CreatePeerConnection());
        var request = CheckWithoutIntegrity(flooded.LocalDescription!.Sdp.Split("a=ice-ufrag:")[1].Split('\r')[0]);
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var port = new IPEndPoint(IPAddress.Loopback, gateway.UdpPort!.Value);
        using var enough = new CancellationTokenSource();
        var flood = Task.Run(() =>
        {
            while (!enough.IsCancellationRequested)
                stranger.SendTo(request, port);
        });

        for (var i = 0; i < 4; i++)
            await EchoAsync(offering, answering);

        await enough.CancelAsync();
        await flood;
        flooded.ConnectionState.ShouldBe(PeerConnectionState.Connected);
        gateway.OpenConnections.ShouldBe(2);
    }

    private static byte[] CheckWithoutIntegrity(string usernameFragment)
    {
        var buffer = new byte[StunFormat.MaximumLength];
        var writer = new StunWriter(buffer, StunClass.Request, StunMethod.Binding, StunTransactionId.Read(RandomNumberGenerator.GetBytes(StunTransactionId.Length)));
        writer.WriteText(StunAttributeType.Username, $"{usernameFragment}:stranger");
        return buffer[..writer.Finish(default)];
    }

    // The link is clean until the handshake is over: DTLS 1.2 authenticates its handshake only at the end, so one damaged
    // flight ends it, and the UDP checksum is what keeps damage away from it.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Damaged_datagrams_are_lost_and_nothing_else(bool genuineOnesArriveToo)
    {
        var link = new InMemoryLink();
        await using var left = PeerConnectionFactory.Create(new(), link.A);
        await using var right = PeerConnectionFactory.Create(new(), link.B);
        var (offering, answering) = await ConnectAsync(left.CreatePeerConnection(), right.CreatePeerConnection());
        var random = new Random(42);
        link.OnTheWay = datagram => genuineOnesArriveToo ? [.. Damage(random, datagram), datagram, datagram]
            : random.Next(10) == 0 ? Damage(random, datagram)
            : [datagram];

        for (var i = 0; i < 20; i++)
            await EchoAsync(offering, answering);
    }

    /// <summary>The datagram cut short, with flipped bits, or with rubbish at its end.</summary>
    private static IEnumerable<byte[]> Damage(Random random, byte[] datagram)
    {
        var damaged = (byte[])datagram.Clone();
        switch (random.Next(3))
        {
            case 0:
                yield return damaged[..random.Next(damaged.Length)];
                break;
            case 1:
                for (var flips = random.Next(1, 8); flips > 0; flips--)
                    damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                yield return damaged;
                break;
            default:
                yield return [.. damaged, .. RandomNumberGenerator.GetBytes(random.Next(1, 64))];
                break;
        }
    }

    private static async Task<(IDataChannel, IDataChannel)> ConnectAsync(IPeerConnection offerer, IPeerConnection answerer)
    {
        var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += channel => received.TrySetResult(channel);
        var channel = offerer.CreateDataChannel("test");
        await SignalAsync(offerer, answerer);
        await channel.WaitForOpenAsync().WaitAsync(Patience);
        return (channel, await received.Task.WaitAsync(Patience));
    }

    private static async Task EchoAsync(IDataChannel from, IDataChannel to)
    {
        var payload = RandomNumberGenerator.GetBytes(100_000);
        await from.SendAsync(payload);
        using var there = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        await to.SendAsync(there.Data);
        using var back = (await from.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        back.Data.ToArray().ShouldBe(payload);
    }
}
