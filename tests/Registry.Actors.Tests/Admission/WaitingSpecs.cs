using Registry.Actors.Tests.Tubes;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Admission;

public sealed class WaitingSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o =>
{
    o.MaxConcurrentCreates = 2;
    o.MaxWaiting = 100;
})
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Those_that_wait_are_all_served_and_none_is_refused()
    {
        var held = Peers.Hold("CreateOffer");
        var replies = Enumerable.Range(0, 102).Select(i => Registry.CreateAsync(Create($"c{i}") with { MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(100));
        Registry.Capacity.ActiveCreates.ShouldBe(2);

        held.SetResult();

        (await Task.WhenAll(replies)).ShouldAllBe(r => r is TubeCreated);
        Registry.Capacity.Waiting.ShouldBe(0);
        Registry.Capacity.TotalRejected.ShouldBe(0);
    }

    [Fact]
    public async Task One_owner_s_flood_does_not_starve_another()
    {
        var held = Peers.Hold("CreateOffer");
        var running = new[] { Registry.CreateAsync(Create("r1")), Registry.CreateAsync(Create("r2")) };
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(2));
        var flood = Enumerable.Range(0, 100).Select(i => Registry.CreateAsync(Create($"f{i}") with { Owner = "flood", MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(100));

        var other = Registry.CreateAsync(Create("other") with { Owner = "other", MaxWait = Minute });

        // The flood's youngest gave its place up.
        var displaced = (await await Task.WhenAny(flood)).ShouldBeOfType<Refused>();
        displaced.Code.ShouldBe(RefusalCode.Overloaded);
        displaced.RetryAfter.ShouldNotBeNull();
        Registry.Capacity.Waiting.ShouldBe(100);
        var next = Peers.Hold("CreateOffer");
        held.SetResult();
        await Task.WhenAll(running);
        // Two places are free: one for the flood, one for the other owner.
        await AwaitAssertAsync(() => Registry.Directory.TryGet(new ConversationId("other"), out _).ShouldBeTrue());
        Registry.Capacity.Waiting.ShouldBe(98);
        next.SetResult();
        (await other).ShouldBeOfType<TubeCreated>();
        (await Task.WhenAll(flood)).OfType<TubeCreated>().Count().ShouldBe(99);
    }

    [Fact]
    public async Task Of_two_owners_that_wait_with_one_tube_s_id_one_gets_it()
    {
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 1 });
        var held = Peers.Hold("CreateOffer");
        var running = Registry.CreateAsync(Create("running"));
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));
        var replies = new[] { "alice", "bob" }.Select(owner => Registry.CreateAsync(Create(owner) with { TubeId = new TubeId("same"), Owner = owner, MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(2));

        held.SetResult();

        (await running).ShouldBeOfType<TubeCreated>();
        await Task.WhenAll(replies);
        (await replies[0]).ShouldBeOfType<TubeCreated>();
        (await replies[1]).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
        Registry.Directory.ConversationsOf(new("same")).ShouldBe([new("alice")]);
    }

    [Fact]
    public async Task A_full_room_refuses_at_once()
    {
        await Registry.ChangeLimitsAsync(new() { MaxWaiting = 1 });
        Peers.Hold("CreateOffer");
        var replies = Enumerable.Range(0, 3).Select(i => Registry.CreateAsync(Create($"c{i}") with { MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        (await RefusedAsync(Create("late") with { MaxWait = Minute })).Code.ShouldBe(RefusalCode.Overloaded);
        replies.ShouldAllBe(r => !r.IsCompleted);
    }

    [Fact]
    public async Task The_wait_has_a_deadline()
    {
        Peers.Hold("CreateOffer");
        _ = Enumerable.Range(0, 2).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        var waiting = Registry.CreateAsync(Create("w") with { MaxWait = TimeSpan.FromSeconds(3), RequestKey = "k" });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        Clock.Advance(TimeSpan.FromSeconds(3) - TimeSpan.FromMilliseconds(1));
        waiting.IsCompleted.ShouldBeFalse();
        Clock.Advance(TimeSpan.FromMilliseconds(1));

        var refused = (await waiting).ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.Overloaded);
        refused.RetryAfter.ShouldNotBeNull();
        refused.Limit.ShouldBe(2);
        Registry.Capacity.Waiting.ShouldBe(0);
        Registry.Capacity.TotalRejected.ShouldBe(1);
    }

    [Fact]
    public async Task One_that_gives_up_while_it_waits_is_not_made()
    {
        var held = Peers.Hold("CreateOffer");
        var running = Enumerable.Range(0, 2).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        using var cancel = new CancellationTokenSource();
        var waiting = Registry.CreateAsync(Create("w") with { MaxWait = Minute }, cancel.Token);
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        await cancel.CancelAsync();

        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(0));
        held.SetResult();
        await Task.WhenAll(running);
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        Registry.Directory.TryGet(new ConversationId("w"), out _).ShouldBeFalse();
        Peers.Connections.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_repeated_request_key_waits_for_the_same_place()
    {
        var held = Peers.Hold("CreateOffer");
        _ = Enumerable.Range(0, 2).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        var replies = Enumerable.Range(0, 3).Select(_ => Registry.CreateAsync(Create("w") with { MaxWait = Minute, RequestKey = "k" })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        held.SetResult();

        var created = await Task.WhenAll(replies);
        created.Distinct().Single().ShouldBeOfType<TubeCreated>();
        Registry.Directory.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_conversation_that_came_to_life_meanwhile_is_refused_when_its_turn_comes()
    {
        var held = Peers.Hold("CreateOffer");
        _ = Registry.CreateAsync(Create("c1"));
        _ = Registry.CreateAsync(Create("c2"));
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(2));
        var waiting = Enumerable.Range(0, 2).Select(_ => Registry.CreateAsync(Create("same") with { MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(2));

        held.SetResult();

        var replies = await Task.WhenAll(waiting);
        replies.OfType<TubeCreated>().Count().ShouldBe(1);
        replies.OfType<Refused>().Single().Code.ShouldBe(RefusalCode.ConversationExists);
    }

    [Fact]
    public async Task A_room_for_tubes_serves_those_that_wait_when_a_tube_ends()
    {
        await Registry.ChangeLimitsAsync(new() { MaxTubes = 1 });
        var first = await CreatedAsync(Create("c1"));
        var waiting = Registry.CreateAsync(Create("c2") with { MaxWait = Minute });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));

        await Registry.CloseTubeAsync(new(first.TubeId));

        (await waiting).ShouldBeOfType<TubeCreated>();
    }

    [Fact]
    public async Task Those_that_wait_are_told_when_the_registry_stops()
    {
        Peers.Hold("CreateOffer");
        var replies = Enumerable.Range(0, 5).Select(i => Registry.CreateAsync(Create($"c{i}") with { MaxWait = Minute })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(3));

        await StopAsync();

        (await Task.WhenAll(replies)).ShouldAllBe(r => r is Refused);
    }

    [Fact]
    public async Task A_further_channel_does_not_wait_behind_a_create_that_no_place_can_serve()
    {
        var (near, _, _) = await ReadyAsync(Create("near") with { Owner = "b" });
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 1, MaxTubes = 2 });
        var held = Peers.Hold("CreateOffer");
        var running = Registry.CreateAsync(Create("running")); // the last tube, the one place
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));
        var head = Registry.CreateAsync(Create("head") with { MaxWait = Minute, Owner = "a" });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));
        var channel = Registry.CreateAsync(Create("channel") with { MaxWait = Minute, Owner = "b", TubeId = near.TubeId });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(2));

        held.SetResult();
        await running;

        (await channel).ShouldBeOfType<TubeCreated>();
        head.IsCompleted.ShouldBeFalse();
        Clock.Advance(Minute);
        (await head).ShouldBeOfType<Refused>().Limit.ShouldBe(2);
    }
}
