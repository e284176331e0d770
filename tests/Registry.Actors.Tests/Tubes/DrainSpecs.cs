using Akka.Actor;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class DrainSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o => o.MaxConcurrentCreates = 3)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task A_draining_node_admits_nobody_and_says_so()
    {
        await ReadyAsync(Create("c"));

        var capacity = await DrainedAsync(new());

        (capacity.IsDraining, capacity.CanAcceptMore, capacity.Tubes).ShouldBe((true, false, 1));
        Registry.Capacity.IsDraining.ShouldBeTrue();
        var refused = await RefusedAsync(Create("late") with { MaxWait = Minute });
        (refused.Code, refused.Retryable).ShouldBe((RefusalCode.Draining, true));
    }

    [Fact]
    public async Task Every_tube_s_subscribers_and_the_node_s_watchers_hear_of_it_and_of_each_other_deadline_once()
    {
        var tubes = new[] { (await ReadyAsync(Create("a"))).Tube.TubeId, (await ReadyAsync(Create("b"))).Tube.TubeId };
        await using var watch = Registry.WatchAsync().GetAsyncEnumerator();
        while (await watch.MoveNextAsync() && watch.Current is not TubesListed)
            continue;

        await DrainedAsync(new() { Deadline = 2 * Minute });
        await DrainedAsync(new() { Deadline = Minute });
        await DrainedAsync(new() { Deadline = Minute, UntilAtMost = 1 }); // the same deadline is no news

        var now = Clock.Now.ToUniversalTime();
        var heard = new List<(TubeId, DateTimeOffset)>();
        while (heard.Count < 2 * tubes.Length && await watch.MoveNextAsync().AsTask().WaitAsync(Patience))
            if (watch.Current is TubeSignalled { Signal: NodeDraining change })
                heard.Add((change.TubeId, change.Deadline));
        heard.ShouldBe(tubes.SelectMany(tube => new[] { (tube, now + 2 * Minute), (tube, now + Minute) }), ignoreOrder: true);
        Clock.Advance(Minute);
        foreach (var tube in tubes)
            (await SignalsAsync(tube)).OfType<NodeDraining>().Select(signal => signal.Deadline).ShouldBe([now + 2 * Minute, now + Minute]);
    }

    [Fact]
    public async Task What_is_left_at_the_deadline_is_closed_for_the_node_s_reason()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var signals = SignalsAsync(tube.TubeId);
        await DrainedAsync(new() { Deadline = Minute });

        Clock.Advance(Minute - Moment);
        Registry.Capacity.Tubes.ShouldBe(1);
        Clock.Advance(Moment);

        (await signals)[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        await NoTubeLeftAsync();
        Registry.Capacity.IsDraining.ShouldBeTrue();
    }

    [Fact]
    public async Task The_setting_s_deadline_holds_when_none_is_given()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var signals = SignalsAsync(tube.TubeId);
        await DrainedAsync(new());

        Clock.Advance(Node.Settings.DrainDeadline - Moment);
        signals.IsCompleted.ShouldBeFalse();
        Clock.Advance(Moment);

        (await signals)[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
    }

    [Theory]
    [InlineData(CloseReason.Client, "The client ended it: the node goes out of service and told it to move.")]
    [InlineData(CloseReason.AdminClosed, "An administrator closed it.")]
    public async Task Of_a_tube_that_its_client_ends_meanwhile_the_drain_is_told(CloseReason reason, string text)
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var signals = SignalsAsync(tube.TubeId);
        await DrainedAsync(new());

        await Registry.CloseTubeAsync(new(tube.TubeId, reason));

        (await signals)[^1].ShouldBeOfType<TubeClosed>().Text.ShouldBe(text);
    }

    [Fact]
    public async Task The_last_tubes_are_closed_when_few_enough_are_left()
    {
        var tubes = new List<TubeId>();
        foreach (var name in new[] { "a", "b", "c" })
            tubes.Add((await ReadyAsync(Create(name))).Tube.TubeId);
        await DrainedAsync(new() { UntilAtMost = 1 });

        await Registry.CloseTubeAsync(new(tubes[0]));
        Registry.Capacity.Tubes.ShouldBe(2);
        await Registry.CloseTubeAsync(new(tubes[1]));

        (await SignalsAsync(tubes[2]))[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        await NoTubeLeftAsync();
    }

    [Fact]
    public async Task A_later_drain_replaces_the_deadline()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var signals = SignalsAsync(tube.TubeId);
        await DrainedAsync(new() { Deadline = Minute });
        (await DrainedAsync(new() { Deadline = 3 * Minute })).DrainUntil.ShouldBe(Clock.Now.ToUniversalTime() + 3 * Minute);

        Clock.Advance(3 * Minute - Moment);
        await DrainedAsync(new() { Deadline = Minute });
        Clock.Advance(Minute - Moment);
        signals.IsCompleted.ShouldBeFalse();
        Clock.Advance(Moment);

        (await signals)[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
    }

    [Fact]
    public async Task A_later_drain_that_says_no_deadline_joins_the_one_that_runs()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var signals = SignalsAsync(tube.TubeId);
        var until = (await DrainedAsync(new() { Deadline = Minute })).DrainUntil;
        Clock.Advance(Minute / 2);

        (await DrainedAsync(new())).DrainUntil.ShouldBe(until);

        Clock.Advance(Minute / 2);
        (await signals)[^1].ShouldBeOfType<TubeClosed>().Text.ShouldBe("The node goes out of service, and the time to move was over.");
    }

    [Fact]
    public async Task Creates_in_flight_finish_and_hear_of_it_and_those_that_wait_are_refused()
    {
        var held = Peers.Hold("CreateOffer");
        var running = Enumerable.Range(0, 3).Select(i => Registry.CreateAsync(Create($"r{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(3));
        var waiting = Registry.CreateAsync(Create("w") with { MaxWait = Minute });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        await DrainedAsync(new() { Deadline = Minute });

        (await waiting).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.Draining);
        running.ShouldAllBe(r => !r.IsCompleted);
        held.SetResult();
        var made = (await Task.WhenAll(running)).Cast<TubeCreated>().ToList();
        Clock.Advance(Minute);
        foreach (var tube in made)
            (await SignalsAsync(tube.TubeId)).Select(s => s.Kind).ShouldContain("node_draining");
    }

    [Fact]
    public async Task A_node_that_is_resumed_takes_tubes_again_and_keeps_those_it_has()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        await DrainedAsync(new() { Deadline = Minute });

        var capacity = (await Registry.ResumeAsync()).ShouldBeOfType<CapacityRead>().Capacity;

        (capacity.IsDraining, capacity.CanAcceptMore, capacity.DrainUntil).ShouldBe((false, true, null));
        Clock.Advance(2 * Minute);
        await StateAsync(tube.TubeId, TubeState.Ready);
        await CreatedAsync(Create("next"));
        // Another drain is news again.
        await DrainedAsync(new() { Deadline = Minute });
        Clock.Advance(Minute);
        (await SignalsAsync(tube.TubeId)).OfType<NodeDraining>().Count().ShouldBe(2);
    }

    [Fact]
    public async Task A_node_in_service_can_be_resumed() =>
        (await Registry.ResumeAsync()).ShouldBeOfType<CapacityRead>().Capacity.IsDraining.ShouldBeFalse();

    [Theory]
    [InlineData(0L, 0, "deadline")]
    [InlineData(-1L, 0, "deadline")]
    [InlineData(86_400_001L, 0, "deadline")]
    [InlineData(null, -1, "untilAtMost")]
    public async Task A_wrong_value_is_named_and_changes_nothing(long? deadlineMs, int untilAtMost, string key)
    {
        var command = new DrainNode { Deadline = deadlineMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null, UntilAtMost = untilAtMost };

        var refused = (await Registry.DrainAsync(command)).ShouldBeOfType<Refused>();

        (refused.Code, refused.Key).ShouldBe((RefusalCode.InvalidRequest, key));
        refused.Message.ShouldContain(key);
        Registry.Capacity.IsDraining.ShouldBeFalse();
    }

    [Fact]
    public async Task A_node_that_stops_gives_its_tubes_the_short_deadline_and_then_closes_them()
    {
        var (moves, _, _) = await ReadyAsync(Create("moves"));
        var (stays, _, _) = await ReadyAsync(Create("stays"));
        await DrainedAsync(new() { Deadline = TimeSpan.FromHours(1) });
        var signals = SignalsAsync(stays.TubeId);

        var stopped = Actor.Ask<Done>(new StopNode(HasTime: true));

        (await Registry.ResumeAsync()).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.Draining);
        (await Registry.DrainAsync(new())).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.Draining);
        await Registry.CloseTubeAsync(new(moves.TubeId));
        var shorter = Clock.Now.ToUniversalTime() + Node.Settings.StopDeadline!.Value;
        Clock.Advance(Node.Settings.StopDeadline!.Value - Moment);
        (stopped.IsCompleted, signals.IsCompleted).ShouldBe((false, false));
        Clock.Advance(Moment);
        await stopped;
        (await signals)[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        (await signals).OfType<NodeDraining>().Last().Deadline.ShouldBe(shorter);
        await NoTubeLeftAsync();
    }

    [Fact]
    public async Task A_node_that_stops_is_done_as_soon_as_its_tubes_have_gone()
    {
        var (tube, _, _) = await ReadyAsync(Create("c"));
        var stopped = Actor.Ask<Done>(new StopNode(HasTime: true));
        await AwaitAssertAsync(() => Registry.Capacity.IsDraining.ShouldBeTrue());

        await Registry.CloseTubeAsync(new(tube.TubeId));

        await stopped;
        await Actor.Ask<Done>(new StopNode(HasTime: true)); // again, without tubes
    }

    private Task NoTubeLeftAsync() => AwaitAssertAsync(() => (Registry.Capacity.Tubes, Registry.Directory.Count).ShouldBe((0, 0)));

    private async Task<RegistryCapacity> DrainedAsync(DrainNode command) => (await Registry.DrainAsync(command)).ShouldBeOfType<CapacityRead>().Capacity;
}
