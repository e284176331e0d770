using Akka.Actor;
using Registry.Actors.Reconciling;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class LifecycleSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task Initializing_has_a_deadline()
    {
        Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c", Listen));
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        Clock.Advance(TimeSpan.FromSeconds(15) - Moment);
        Registry.Directory.Count.ShouldBe(1);
        Clock.Advance(Moment);

        var refused = (await creating).ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.CreateTimeout);
        refused.Retryable.ShouldBeTrue();
        await EndedAsync(refused.TubeId!.Value, CloseReason.Timeout, stale: 1);
    }

    [Fact]
    public async Task Connecting_has_a_deadline()
    {
        var created = await CreatedAsync(Create("c", Listen));

        Clock.Advance(TimeSpan.FromSeconds(30) - Moment);
        await StateAsync(created.TubeId, TubeState.Connecting);
        Clock.Advance(Moment);

        await EndedAsync(created.TubeId, CloseReason.ConnectionFailed, stale: 1);
    }

    [Fact]
    public async Task Active_has_a_deadline()
    {
        Peers.OpenChannels = false;
        var created = await CreatedAsync(Create("c"));
        Peers.Connections[0].Connect((Scripted.ScriptedPeerConnection)Peers.CreatePeerConnection());
        await StateAsync(created.TubeId, TubeState.Active);

        Clock.Advance(TimeSpan.FromSeconds(30));

        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(0));
        await ReasonAsync(created.TubeId, CloseReason.Timeout);
    }

    [Fact]
    public async Task Disconnected_has_a_deadline()
    {
        var (near, far) = await PairAsync();
        Peers.Connections[0].Become(PeerConnectionState.Disconnected);
        await StateAsync(near.TubeId, TubeState.Disconnected);

        Clock.Advance(TimeSpan.FromSeconds(30));

        await ReasonAsync(near.TubeId, CloseReason.ConnectionLost);
        await Registry.CloseTubeAsync(new(far.TubeId));
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_path_that_comes_back_in_time_makes_the_tube_ready_again()
    {
        var (near, _) = await PairAsync();
        Peers.Connections[0].Become(PeerConnectionState.Disconnected);
        await StateAsync(near.TubeId, TubeState.Disconnected);
        Clock.Advance(TimeSpan.FromSeconds(29));

        Peers.Connections[0].Become(PeerConnectionState.Connected);
        await StateAsync(near.TubeId, TubeState.Ready);
        Clock.Advance(TimeSpan.FromHours(1));

        Registry.Directory.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Closing_has_a_deadline()
    {
        var (near, _) = await PairAsync();
        // The far end stops reading and its window is full, so the farewell cannot be delivered.
        var closing = CloseWithStuckPeerAsync(near.TubeId);
        await StateAsync(near.TubeId, TubeState.Closing);

        Clock.Advance(TimeSpan.FromSeconds(5));

        (await closing).ShouldBeOfType<Done>();
        Registry.Directory.TryGet(near.TubeId, out _).ShouldBeFalse();
        Registry.Capacity.CloseTimeouts.ShouldBe(1);
    }

    [Theory]
    [InlineData(PeerConnectionFailureKind.IceFailed, CloseReason.ConnectionFailed)]
    [InlineData(PeerConnectionFailureKind.DtlsFailed, CloseReason.ConnectionFailed)]
    [InlineData(PeerConnectionFailureKind.FingerprintMismatch, CloseReason.ConnectionFailed)]
    [InlineData(PeerConnectionFailureKind.SctpFailed, CloseReason.ConnectionFailed)]
    [InlineData(PeerConnectionFailureKind.ConsentExpired, CloseReason.ConnectionLost)]
    public async Task A_failure_before_the_connection_is_the_tube_s_reason(PeerConnectionFailureKind kind, CloseReason reason)
    {
        var created = await CreatedAsync(Create("c", Listen));

        Peers.Connections.Single().Fail(kind, "scripted");

        await EndedAsync(created.TubeId, reason, stale: 0);
        Registry.Directory.TryGetClosed(created.TubeId, out var closed).ShouldBeTrue();
        closed.CloseText.ShouldBe("The peer connection failed: scripted.");
        closed.History.Select(h => h.State).ShouldBe([TubeState.New, TubeState.Initializing, TubeState.Connecting, TubeState.Failed, TubeState.Closed]);
    }

    [Fact]
    public async Task A_lost_association_of_a_live_tube_is_a_lost_connection()
    {
        var (near, _) = await PairAsync();

        Peers.Connections[0].Fail(PeerConnectionFailureKind.SctpFailed, "aborted");

        await ReasonAsync(near.TubeId, CloseReason.ConnectionLost);
        (await SignalsAsync(near.TubeId)).OfType<ChannelClosed>().Single().Reason.ShouldBe(CloseReason.ConnectionLost);
    }

    [Fact]
    public async Task A_close_tells_everyone_once_and_in_order()
    {
        var (near, far) = await PairAsync();

        (await Registry.CloseTubeAsync(new(near.TubeId, CloseReason.Client, "had enough"))).ShouldBeOfType<Done>();

        var signals = await SignalsAsync(near.TubeId);
        signals.Select(s => s.Sequence).ShouldBe(Enumerable.Range(1, signals.Count).Select(i => (long)i));
        signals.OfType<ConnectionStateChanged>().Select(s => s.State)
            .ShouldBe([TubeState.Initializing, TubeState.Connecting, TubeState.Active, TubeState.Ready, TubeState.Closing]);
        var channel = signals.OfType<ChannelClosed>().Single();
        channel.Reason.ShouldBe(CloseReason.Client);
        channel.Outcome.ShouldBe("tube_closed");
        var last = signals[^1].ShouldBeOfType<TubeClosed>();
        last.Reason.ShouldBe(CloseReason.Client);
        last.Text.ShouldBe("had enough");

        // The far end sees its peer go.
        await ReasonAsync(far.TubeId, CloseReason.Normal);
        (await SignalsAsync(far.TubeId)).OfType<ConnectionStateChanged>().Select(s => s.State)
            .Distinct().Last().ShouldBe(TubeState.Closing);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_second_close_succeeds_and_does_nothing()
    {
        var (near, _) = await PairAsync();

        var closes = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Registry.CloseTubeAsync(new(near.TubeId))));
        var after = await Registry.CloseTubeAsync(new(near.TubeId));

        closes.ShouldAllBe(c => c is Done);
        after.ShouldBeOfType<Done>();
        (await SignalsAsync(near.TubeId)).OfType<TubeClosed>().Count().ShouldBe(1);
        (await SignalsAsync(near.TubeId)).OfType<ChannelClosed>().Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_close_while_the_tube_is_being_made_answers_both()
    {
        Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c", Listen) with { TubeId = new("t") });
        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(1));

        (await Registry.CloseTubeAsync(new(new("t")))).ShouldBeOfType<Done>();

        (await creating).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_crash_ends_that_tube_with_a_reason_and_no_other()
    {
        var (near, far) = await PairAsync("a");
        var other = await CreatedAsync(Create("other"));
        var first = Peers.Connections[0];

        // A message no tube can survive: a task of it broke.
        Sys.ActorSelection($"/user/tube-registry/{near.TubeId}").Tell(new Registry.Actors.Tubes.WorkFailed(new InvalidOperationException("scripted bug")));

        await ReasonAsync(near.TubeId, CloseReason.Error);
        Registry.Directory.TryGetClosed(near.TubeId, out var closed).ShouldBeTrue();
        closed.CloseText!.ShouldContain("scripted bug");
        first.IsDisposed.ShouldBeTrue();
        (await SignalsAsync(near.TubeId)).OfType<ChannelClosed>().Single().Reason.ShouldBe(CloseReason.Error);
        Registry.Directory.TryGet(other.TubeId, out _).ShouldBeTrue();
        (await CreatedAsync(Create("next"))).State.ShouldBe(TubeState.Connecting);
        await ReasonAsync(far.TubeId, CloseReason.Normal);
    }

    [Fact]
    public async Task A_connection_that_fails_to_close_does_not_keep_the_rest_from_being_released()
    {
        var created = await CreatedAsync(Create("c", Listen));
        Peers.Break("Dispose", new InvalidOperationException("scripted"));

        (await Registry.CloseTubeAsync(new(created.TubeId))).ShouldBeOfType<Done>();

        Registry.Directory.Count.ShouldBe(0);
        Node.Gauges.Listeners.ShouldBe(0);
        Node.Holdings.All.Single().Kind.ShouldBe(HoldingKind.PeerConnection);
        // What a tube could not give back is tried again by the reconciler, and shows as a finding.
        for (var round = 0; round < 2; round++)
        {
            Clock.Advance(TimeSpan.FromSeconds(30));
            await Actor.Ask<CapacityRead>(GetCapacity.Instance, TimeSpan.FromSeconds(10));
        }

        await NothingLeftAsync();
        Registry.Capacity.ReconcilerFindings.ShouldBe(1);
    }

    [Fact]
    public async Task The_registry_s_stop_ends_every_tube_with_a_reason()
    {
        var (near, far) = await PairAsync();
        var signals = Registry.Signals(near.TubeId)!;

        await StopAsync();

        var told = await CollectAsync(signals);
        told[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        told.OfType<ConnectionStateChanged>().Select(s => s.State)
            .ShouldBe([TubeState.Initializing, TubeState.Connecting, TubeState.Active, TubeState.Ready, TubeState.Closing]);
        Registry.Directory.Count.ShouldBe(0);
        Peers.OpenConnections.ShouldBe(0);
        Registry.Directory.TryGetClosed(far.TubeId, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Fifty_closes_at_once_leave_nothing()
    {
        var created = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => CreatedAsync(Create($"c{i}", Listen))));

        var closed = await Task.WhenAll(created.Select(c => Registry.CloseTubeAsync(new(c.TubeId))));

        closed.ShouldAllBe(c => c is Done);
        await NothingLeftAsync();
    }

    private async Task<RegistryReply> CloseWithStuckPeerAsync(TubeId tube)
    {
        Peers.Connections[0].Channels.Single().KeepOpen = true;
        return await Registry.CloseTubeAsync(new(tube));
    }

    private Task ReasonAsync(TubeId tube, CloseReason reason) => AwaitAssertAsync(() =>
    {
        Registry.Directory.TryGetClosed(tube, out var closed).ShouldBeTrue();
        closed.State.ShouldBe(TubeState.Closed);
        closed.CloseReason.ShouldBe(reason);
    });

    private async Task EndedAsync(TubeId tube, CloseReason reason, long stale)
    {
        await ReasonAsync(tube, reason);
        await NothingLeftAsync();
        Registry.Capacity.StaleTubesRemoved.ShouldBe(stale);
        var signals = await SignalsAsync(tube);
        signals[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(reason);
        signals.OfType<ConnectionStateChanged>().Last().State.ShouldBe(TubeState.Failed);
        signals.OfType<ChannelClosed>().Single().Reason.ShouldBe(reason);
    }

    [Fact]
    public async Task The_time_of_creation_survives_a_path_that_comes_and_goes()
    {
        var (tube, near, _) = await ReadyAsync(Create("c"));
        Registry.Directory.TryGet(tube.TubeId, out var before).ShouldBeTrue();
        Clock.Advance(TimeSpan.FromSeconds(1));

        for (var i = 0; i < 20; i++)
        {
            near.Become(PeerConnectionState.Disconnected);
            near.Become(PeerConnectionState.Connected);
        }

        await AwaitAssertAsync(() =>
        {
            Registry.Directory.TryGet(tube.TubeId, out var after).ShouldBeTrue();
            after.History.Length.ShouldBe(32);
            after.CreatedAt.ShouldBe(before.CreatedAt);
        });
    }
}
