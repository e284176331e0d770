using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>Paths over TCP (RFC 6544): no address of UDP is signalled, so that nothing else can connect the two.</summary>
public sealed class TcpPathTests
{
    private static readonly PeerConnectionFactoryOptions loopback = new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transfer_over_TCP_arrives_whole_both_ways(bool gatewayOffers)
    {
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0 });
        await using var clients = PeerConnectionFactory.Create(loopback with { ConnectsOverTcp = true, SocketPerConnection = true });
        var (passive, active) = (gateway.CreatePeerConnection(), clients.CreatePeerConnection());
        var (here, there) = gatewayOffers ? await ConnectAsync(passive, active) : await ConnectAsync(active, passive);

        await Task.WhenAll(TransferAsync(here, there), TransferAsync(there, here));

        var (local, remote) = (passive.SelectedCandidatePair!.Local, passive.SelectedCandidatePair.Remote);
        (local.Protocol, local.TcpType, local.Type, local.Port).ShouldBe(("tcp", "passive", IceCandidateType.Host, gateway.TcpPort!.Value));
        (remote.Protocol, remote.TcpType, remote.Type).ShouldBe(("tcp", "active", IceCandidateType.PeerReflexive));
        (local, remote) = (active.SelectedCandidatePair!.Local, active.SelectedCandidatePair.Remote);
        (local.Protocol, local.TcpType, local.Type).ShouldBe(("tcp", "active", IceCandidateType.PeerReflexive));
        (remote.TcpType, remote.Port).ShouldBe(("passive", gateway.TcpPort.Value));
        gateway.TcpConnections.ShouldBe((1, 0));

        await active.DisposeAsync();
        await UntilAsync(() => gateway.OpenConnections == 0 && gateway.TcpConnections == (0, 0));
    }

    [Fact]
    public async Task Several_connections_of_one_client_share_the_port()
    {
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0 });
        await using var clients = PeerConnectionFactory.Create(loopback with { ConnectsOverTcp = true });

        var pairs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ConnectAsync(clients.CreatePeerConnection(), gateway.CreatePeerConnection())));

        await Task.WhenAll(pairs.Select(pair => TransferAsync(pair.Offering, pair.Answering)));
        gateway.TcpConnections.ShouldBe((4, 0));
    }

    [Fact]
    public async Task A_connection_that_breaks_is_made_again()
    {
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0 });
        await using var clients = PeerConnectionFactory.Create(loopback with { ConnectsOverTcp = true });
        var configuration = new PeerConnectionConfiguration { ConsentInterval = TimeSpan.FromMilliseconds(200) };
        using var detour = new Detour(gateway.TcpPort!.Value);
        var (here, there) = await ConnectAsync(clients.CreatePeerConnection(configuration), gateway.CreatePeerConnection(configuration), detour.Port);
        await TransferAsync(here, there);

        detour.Break();

        await TransferAsync(here, there);
        await TransferAsync(there, here);
        detour.Connections.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task UDP_is_preferred_where_it_works()
    {
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0 });
        await using var clients = PeerConnectionFactory.Create(loopback with { ConnectsOverTcp = true });
        var (passive, active) = (gateway.CreatePeerConnection(), clients.CreatePeerConnection());

        await ConnectAsync(active, passive, withUdp: true);

        await UntilAsync(() => passive.SelectedCandidatePair?.Local.Protocol == "udp" && active.SelectedCandidatePair?.Local.Protocol == "udp");
        passive.LocalDescription!.Sdp.Split("a=candidate:").Skip(1).Select(line => line.Split(' ')[2]).ShouldBe(["udp", "tcp"]);
    }

    [Fact]
    public async Task Nothing_listens_and_nothing_connects_unless_it_is_told_to()
    {
        await using var plain = PeerConnectionFactory.Create(loopback);
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0 });
        var (connection, other) = (plain.CreatePeerConnection(), gateway.CreatePeerConnection());
        connection.CreateDataChannel("test");

        await SignalAsync(connection, other);
        await UntilAsync(() => other.ConnectionState == PeerConnectionState.Connected);

        plain.TcpPort.ShouldBeNull();
        connection.LocalDescription!.Sdp.ShouldNotContain(" tcp ");
        gateway.TcpConnections.ShouldBe((0, 0));
    }

    [Fact]
    public async Task Connections_that_do_not_prove_themselves_are_closed_at_the_deadline_or_at_once()
    {
        var time = new FakeTimeProvider();
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0, TimeProvider = time });
        var tube = gateway.CreatePeerConnection();
        tube.CreateDataChannel("test");
        var offer = await tube.CreateOfferAsync();
        await tube.SetLocalDescriptionAsync(offer);
        var fragment = offer.Sdp.Split("a=ice-ufrag:")[1].Split('\r')[0];

        using var rubbish = await OpenAsync(gateway, [0, 4, 1, 2, 3, 4]);
        using var tooLong = await OpenAsync(gateway, [0xFF, 0xFF]);
        using var unknown = await OpenAsync(gateway, Framed(Check("nobody")));
        await Task.WhenAll(ClosedAsync(rubbish), ClosedAsync(tooLong), ClosedAsync(unknown));

        using var silent = await OpenAsync(gateway, []);
        using var half = await OpenAsync(gateway, Framed(Check(fragment))[..10]);
        using var unproven = await OpenAsync(gateway, Framed(Check(fragment)));
        await UntilAsync(() => gateway.TcpConnections == (3, 3));
        time.Advance(TcpLink.Deadline - TimeSpan.FromTicks(1));
        gateway.TcpConnections.ShouldBe((3, 3));
        time.Advance(TimeSpan.FromTicks(1));

        await Task.WhenAll(ClosedAsync(silent), ClosedAsync(half), ClosedAsync(unproven));
        gateway.TcpConnections.ShouldBe((0, 0));
    }

    [Fact]
    public async Task The_oldest_unproven_connection_gives_way_when_there_are_too_many()
    {
        var time = new FakeTimeProvider();
        await using var gateway = PeerConnectionFactory.Create(loopback with { TcpPort = 0, TimeProvider = time });
        using var oldest = await OpenAsync(gateway, []);
        await UntilAsync(() => gateway.TcpConnections.Unproven == 1);
        var others = new List<Socket>();
        for (var i = 1; i < TcpPort.MaxUnproven; i++)
            others.Add(await OpenAsync(gateway, []));
        await UntilAsync(() => gateway.TcpConnections.Unproven == TcpPort.MaxUnproven);

        others.Add(await OpenAsync(gateway, []));

        await ClosedAsync(oldest);
        gateway.TcpConnections.ShouldBe((TcpPort.MaxUnproven, TcpPort.MaxUnproven));
        others.ForEach(socket => socket.Dispose());
    }

    private static async Task<(IDataChannel Offering, IDataChannel Answering)> ConnectAsync(
        IPeerConnection offerer, IPeerConnection answerer, int? detour = null, bool withUdp = false)
    {
        var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += channel => received.TrySetResult(channel);
        var channel = offerer.CreateDataChannel("test");
        await offerer.SetLocalDescriptionAsync(await offerer.CreateOfferAsync());
        await answerer.SetRemoteDescriptionAsync(Signalled(offerer));
        await answerer.SetLocalDescriptionAsync(await answerer.CreateAnswerAsync());
        await offerer.SetRemoteDescriptionAsync(Signalled(answerer));
        await channel.WaitForOpenAsync().WaitAsync(Patience);
        return (channel, await received.Task.WaitAsync(Patience));

        SessionDescription Signalled(IPeerConnection from)
        {
            var description = from.LocalDescription!;
            var lines = description.Sdp.Split("\r\n").Where(line => withUdp || !(line.StartsWith("a=candidate:", StringComparison.Ordinal) && line.Contains(" udp ", StringComparison.Ordinal)));
            return description with { Sdp = string.Join("\r\n", lines.Select(line => detour is null || !line.EndsWith("tcptype passive", StringComparison.Ordinal) ? line : Rewrite(line))) };
        }

        string Rewrite(string line)
        {
            var parts = line.Split(' ');
            parts[5] = $"{detour}";
            return string.Join(' ', parts);
        }
    }

    private static async Task TransferAsync(IDataChannel from, IDataChannel to)
    {
        const int Count = 64;
        using var sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var received = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < Count; i++)
            {
                var message = RandomNumberGenerator.GetBytes(16 * 1024);
                sent.AppendData(message);
                await from.SendAsync(message);
            }
        });
        for (var i = 0; i < Count; i++)
        {
            using var message = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            received.AppendData(message.Data.Span);
        }
        await sending.WaitAsync(Patience);
        received.GetCurrentHash().ShouldBe(sent.GetCurrentHash());
    }

    private static async Task<Socket> OpenAsync(PeerConnectionFactory gateway, byte[] first)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, gateway.TcpPort!.Value);
        await socket.SendAsync(first);
        return socket;
    }

    private static async Task ClosedAsync(Socket socket)
    {
        try
        {
            (await socket.ReceiveAsync(new byte[1]).WaitAsync(Patience)).ShouldBe(0, "not a byte in answer");
        }
        catch (SocketException e)
        {
            e.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        }
    }

    private static byte[] Check(string usernameFragment)
    {
        var buffer = new byte[StunFormat.MaximumLength];
        var writer = new StunWriter(buffer, StunClass.Request, StunMethod.Binding, StunTransactionId.Read(RandomNumberGenerator.GetBytes(StunTransactionId.Length)));
        writer.WriteText(StunAttributeType.Username, $"{usernameFragment}:stranger");
        return buffer[..writer.Finish("not the password of the tube"u8)];
    }

    private static byte[] Framed(byte[] message) => [(byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    /// <summary>A port that leads to another one, over connections that can be broken.</summary>
    private sealed class Detour : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly List<TcpClient> open = [];

        public Detour(int target)
        {
            listener.Start();
            _ = RunAsync(target);
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public int Connections { get; private set; }

        public void Break()
        {
            lock (open)
            {
                open.ForEach(client => client.Close());
                open.Clear();
            }
        }

        public void Dispose()
        {
            listener.Stop();
            Break();
        }

        private async Task RunAsync(int target)
        {
            try
            {
                while (true)
                {
                    var left = await listener.AcceptTcpClientAsync();
                    var right = new TcpClient();
                    await right.ConnectAsync(IPAddress.Loopback, target);
                    lock (open)
                    {
                        open.AddRange([left, right]);
                        Connections++;
                    }
                    _ = PumpAsync(left, right);
                    _ = PumpAsync(right, left);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private static async Task PumpAsync(TcpClient from, TcpClient to)
        {
            try
            {
                await from.GetStream().CopyToAsync(to.GetStream());
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // Broken.
            }
            from.Close();
            to.Close();
        }
    }
}
