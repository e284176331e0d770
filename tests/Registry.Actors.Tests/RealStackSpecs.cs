using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Actors.Tests.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests;

/// <summary>Two registries over the managed stack, each with a UDP socket of its own on loopback.</summary>
public sealed class RealStackSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_registries_carry_tcp_between_them(bool trickle)
    {
        await using var near = new StackNode("near");
        await using var far = new StackNode("far");
        await using var server = LoopbackServer.Echo();
        var conversation = new ConversationId("forward");
        var offerer = (await near.Registry.CreateAsync(new(conversation, TunnelSettings.Listen(new(IPAddress.Loopback, 0))) { TrickleIce = trickle })).ShouldBeOfType<TubeCreated>();
        var answerer = (await far.Registry.CreateAsync(new(conversation, TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port)) { TrickleIce = trickle, Offer = offerer.Offer })).ShouldBeOfType<TubeCreated>();
        (await near.Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();
        using var end = new CancellationTokenSource(Patience);
        var trickling = trickle
            ? Task.WhenAll(TrickleAsync(near, offerer.TubeId, far, answerer.TubeId, end.Token), TrickleAsync(far, answerer.TubeId, near, offerer.TubeId, end.Token))
            : Task.CompletedTask;

        await Task.WhenAll(near.ReadyAsync(offerer.TubeId, end.Token), far.ReadyAsync(answerer.TubeId, end.Token));
        await trickling;
        far.Registry.Directory.TryGet(conversation, out var tube).ShouldBeTrue();
        tube.Conversations.Single().IsOpen.ShouldBeTrue();
        tube.SelectedPair.ShouldNotBeNull();

        await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(IPEndPoint.Parse(offerer.LocalListenAddress!));
            var sent = RandomNumberGenerator.GetBytes(300_000);
            var reading = TunnelFixture.ReadToEndAsync(client);
            for (var rest = sent.AsMemory(); !rest.IsEmpty;)
                rest = rest[await client.SendAsync(rest)..];
            client.Shutdown(SocketShutdown.Send);
            (await reading).ShouldBe(sent);
        }));

        near.Registry.Directory.TryGetTraffic(offerer.TubeId, out var traffic).ShouldBeTrue();
        traffic.BytesReceived.ShouldBeGreaterThan(3_000_000);
        await ShouldTellAsync(far.Registry, answerer.TubeId, end.Token);
        var farSignals = far.Registry.Signals(answerer.TubeId)!;
        (await near.Registry.CloseTubeAsync(new(offerer.TubeId, CloseReason.Client, "done"))).ShouldBeOfType<Done>();
        TubeSignal? last = null;
        await foreach (var signal in farSignals.WithCancellation(end.Token))
        {
            if (signal is ChannelClosed closed)
                closed.Reason.ShouldBe(CloseReason.Client);
            last = signal;
        }

        last.ShouldBeOfType<TubeClosed>().ShouldSatisfyAllConditions(c => c.Reason.ShouldBe(CloseReason.Client), c => c.Text.ShouldBe("done"));
        await TunnelFixture.UntilAsync(() => near.IsEmpty && far.IsEmpty);
    }

    private static async Task ShouldTellAsync(ITubeRegistry registry, TubeId tube, CancellationToken cancellationToken)
    {
        TubeStatistics statistics;
        // A check that had to be sent again measures nothing; then one of the next does.
        while ((statistics = (await registry.ReadStatisticsAsync(tube, cancellationToken)).ShouldBeOfType<StatisticsRead>().Statistics).Path is { RoundTripTime: null })
            await Task.Delay(50, cancellationToken);
        statistics.IceState.ShouldBeOneOf("connected", "completed");
        (statistics.DtlsState, statistics.PathChanges > 0, statistics.IceRestarts).ShouldBe(("connected", true, 0));
        var path = statistics.Path.ShouldNotBeNull();
        (path.Protocol, path.LocalType, path.RoundTripTime > TimeSpan.Zero).ShouldBe(("udp", "host", true));
        IPEndPoint.Parse(path.RemoteAddress).Address.ShouldBe(IPAddress.Loopback);
        statistics.Association.ShouldNotBeNull().RoundTripTime.ShouldNotBeNull();
        statistics.Datagrams.BytesReceived.ShouldBeGreaterThan(3_000_000);
        (statistics.Queues.Sending, statistics.Queues.Limit > 0).ShouldBe((0, true));
        var channel = statistics.Channels.ShouldHaveSingleItem();
        (channel.ConversationId, channel.Type, channel.State, channel.Protocol).ShouldBe((new("forward"), "tunnel", "open", "tube.v2"));
        channel.Connections.ShouldBeInRange(0, 10); // which are ending
        channel.Messages.BytesReceived.ShouldBeGreaterThan(3_000_000);
    }

    private static async Task TrickleAsync(StackNode from, TubeId tube, StackNode to, TubeId peer, CancellationToken cancellationToken)
    {
        await foreach (var signal in from.Registry.Signals(tube, 0, cancellationToken)!)
        {
            if (signal is not IceCandidateFound found)
                continue;
            (await to.Registry.AddCandidatesAsync(new(peer, [found.Candidate]), cancellationToken)).ShouldBeOfType<Done>();
            if (found.Candidate.Length == 0)
                return;
        }
    }
}
