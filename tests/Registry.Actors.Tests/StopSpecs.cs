using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Registry.Actors.Tests.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests;

/// <summary>Applications that embed the registry, stopped while their tubes carry data over the real stack.</summary>
public sealed class StopSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_host_that_stops_delivers_what_was_sent_and_tells_the_peer_why()
    {
        await using var peer = new StackNode("peer");
        await using var server = LoopbackServer.Echo();
        using var host = await StartAsync();
        var (tube, ofPeer) = await ConnectAsync(host, peer, server.EndPoint.Port);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPEndPoint.Parse(tube.LocalListenAddress!));
        await socket.SendAsync(new byte[100_000]);
        (await TunnelFixture.ReadAsync(socket, 100_000)).Length.ShouldBe(100_000);
        var signals = peer.Registry.Signals(ofPeer)!;

        await host.StopAsync().WaitAsync(Patience);
        await host.StopAsync().WaitAsync(Patience); // harmless

        var told = new List<TubeSignal>();
        await foreach (var signal in signals)
            told.Add(signal);
        told.OfType<ChannelClosed>().Single().Reason.ShouldBe(CloseReason.NodeStopped);
        told[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        await TunnelFixture.UntilAsync(() => peer.IsEmpty);
    }

    [Fact]
    public async Task Hosts_stop_side_by_side_and_again_and_again_and_leave_nothing()
    {
        await using var peer = new StackNode("peer");
        await using var server = LoopbackServer.Echo();
        for (var round = 0; round < 3; round++)
        {
            var hosts = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartAsync()));
            foreach (var host in hosts)
                await ConnectAsync(host, peer, server.EndPoint.Port);
            await Task.WhenAll(hosts.Select(h => h.StopAsync())).WaitAsync(Patience);
            hosts.Sum(h => h.Services.GetRequiredService<IPeerConnectionFactory>().OpenConnections).ShouldBe(0);
            foreach (var host in hosts)
                host.Dispose();
            await TunnelFixture.UntilAsync(() => peer.IsEmpty);
        }
    }

    [Fact]
    public async Task A_host_without_tubes_stops_at_once()
    {
        using var host = await StartAsync();

        await host.StopAsync().WaitAsync(Patience);

        host.Services.GetRequiredService<ActorSystem>().WhenTerminated.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task A_host_that_stops_does_not_wait_for_a_tube_to_which_nobody_connects()
    {
        using var host = await StartAsync(TimeSpan.FromMinutes(10));
        var created = await host.Services.GetRequiredService<ITubeRegistry>().CreateAsync(new(new("c"), TunnelSettings.Listen(new(IPAddress.Loopback, 0))) { TrickleIce = false });
        created.ShouldBeOfType<TubeCreated>();

        await host.StopAsync().WaitAsync(Patience);
    }

    private static async Task<IHost> StartAsync(TimeSpan stopDeadline = default)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { DisableDefaults = true });
        builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        builder.Services.AddSingleton<IPeerConnectionFactory>(_ => PeerConnectionFactory.Create(new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] }));
        builder.Services.AddTubeRegistry();
        builder.Services.AddAkka("host", (akka, _) => akka.WithTubeRegistry(options => (options.StopDeadline, options.Listen) = (stopDeadline, ListenScope.Loopback)));
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static async Task<(TubeCreated Tube, TubeId OfPeer)> ConnectAsync(IHost host, StackNode peer, int port)
    {
        using var end = new CancellationTokenSource(Patience);
        var registry = host.Services.GetRequiredService<ITubeRegistry>();
        var conversation = new ConversationId(TubeId.NewId().ToString());
        var offerer = (await registry.CreateAsync(new(conversation, TunnelSettings.Listen(new(IPAddress.Loopback, 0))) { TrickleIce = false })).ShouldBeOfType<TubeCreated>();
        var answerer = (await peer.Registry.CreateAsync(new(conversation, TunnelSettings.Dial("127.0.0.1", port)) { TrickleIce = false, Offer = offerer.Offer })).ShouldBeOfType<TubeCreated>();
        (await registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();
        await peer.ReadyAsync(answerer.TubeId, end.Token);
        return (offerer, answerer.TubeId);
    }
}
