using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>What one caller gets wrong, or the registry itself, costs nobody else.</summary>
public sealed class RobustnessSpecs(ITestOutputHelper output) : RegistrySpec(output, "akka { loglevel = ERROR, loggers = [] }", o => o.MaxConcurrentCreates = 3)
{
    [Fact]
    public async Task A_fault_in_the_registry_itself_is_logged_and_costs_no_tube()
    {
        var (near, far) = await PairAsync();
        var lines = CreateTestProbe();
        Sys.EventStream.Subscribe(lines, typeof(Error));

        Actor.Tell(new DeadLetter(Done.Instance, Sys.DeadLetters, new Pathless()));

        (await lines.ExpectMsgAsync<Error>()).Cause.Message.ShouldBe("scripted");
        await CreatedAsync(Create("next"));
        await StateAsync(near.TubeId, TubeState.Ready);
        await StateAsync(far.TubeId, TubeState.Ready);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public async Task A_senseless_window_on_an_ended_tube_is_refused_by_name(int window)
    {
        var (bystander, _) = await PairAsync();
        var ended = await CreatedAsync(Create("ended"));
        await Registry.CloseTubeAsync(new(ended.TubeId));

        var refused = await Actor.Ask<RegistryReply>(new SubscribeSignals(ended.TubeId) { Window = window }, TimeSpan.FromSeconds(10));

        refused.ShouldBeOfType<Refused>().Key.ShouldBe("window");
        await StateAsync(bystander.TubeId, TubeState.Ready);
    }

    [Fact]
    public async Task An_empty_tube_id_is_refused_by_name()
    {
        var (bystander, _) = await PairAsync();

        (await RefusedAsync(Create("x") with { TubeId = default(TubeId) })).Key.ShouldBe("tubeId");

        await StateAsync(bystander.TubeId, TubeState.Ready);
    }

    [Fact]
    public async Task Times_beyond_every_timer_are_refused_by_name_and_the_longest_is_taken()
    {
        (await RefusedAsync(Create("x") with { Timeout = TimeSpan.MaxValue })).Key.ShouldBe("timeout");
        (await RefusedAsync(Create("x") with { MaxWait = TimeSpan.MaxValue })).Key.ShouldBe("maxWait");
        await CreatedAsync(Create("x") with { Timeout = CreateTube.LongestWait, MaxWait = CreateTube.LongestWait, IdleTimeout = CreateTube.LongestLife, MaxAge = CreateTube.LongestLife });
    }

    [Fact]
    public async Task A_registry_that_is_stopped_and_started_anew_owes_nobody_anything_and_serves_again()
    {
        var created = await CreatedAsync(Create("c", Listen) with { Owner = "o", RequestKey = "k" });
        Peers.Hold("CreateOffer");
        var waiting = Enumerable.Range(0, 5).Select(i => Registry.CreateAsync(Create($"w{i}", Listen) with { MaxWait = TimeSpan.FromMinutes(1) })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(2));

        await StopAsync();

        (await Task.WhenAll(waiting)).ShouldAllBe(r => r is Refused);
        Peers.Mend("CreateOffer");
        (await CollectAsync(Registry.Signals(created.TubeId)!))[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        (Registry.Capacity.ActiveCreates, Registry.Capacity.Tubes, Registry.Capacity.Waiting).ShouldBe((0, 0, 0));
        var again = Sys.ActorOf(RegistryActor.Props(Node.ContextFor(null)), RegistryActor.ActorName);
        var reply = await again.Ask<RegistryReply>(Create("c", Listen) with { Owner = "o", RequestKey = "k" }, TimeSpan.FromSeconds(10));
        reply.ShouldBeOfType<TubeCreated>().TubeId.ShouldNotBe(created.TubeId);
        Registry.Capacity.Tubes.ShouldBe(1);
    }

    private sealed class Pathless : MinimalActorRef
    {
        public override ActorPath Path => throw new InvalidOperationException("scripted");

        public override IActorRefProvider Provider => throw new InvalidOperationException("scripted");
    }
}
