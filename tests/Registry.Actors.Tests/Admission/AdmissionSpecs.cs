using Akka.Actor;
using Akka.Event;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Admission;
using Registry.Messages;
using Registry.Actors.Tests.Tubes;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Admission;

public sealed class AdmissionSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o =>
{
    o.MaxConcurrentCreates = 10;
    o.MaxTubes = 25;
})
{
    [Fact]
    public async Task Above_the_limit_creates_are_refused_with_a_hint_and_below_it_admitted_again()
    {
        var held = Peers.Hold("CreateOffer");
        var creating = Enumerable.Range(0, 15).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.TotalRejected.ShouldBe(5));

        var capacity = Registry.Capacity;
        capacity.ActiveCreates.ShouldBe(10);
        capacity.CanAcceptMore.ShouldBeFalse();
        capacity.LoadPercentage.ShouldBe(100);
        capacity.SuggestedDelayMs.ShouldBe(5000);
        var refused = await RefusedAsync(Create("late"));
        refused.Code.ShouldBe(RefusalCode.Overloaded);
        refused.ActiveCreates.ShouldBe(10);
        refused.Limit.ShouldBe(10);
        refused.RetryAfter.ShouldBe(TimeSpan.FromSeconds(1)); // no create has been measured yet

        held.SetResult();
        (await Task.WhenAll(creating)).OfType<TubeCreated>().Count().ShouldBe(10);
        Registry.Capacity.ActiveCreates.ShouldBe(0);
        Registry.Capacity.TotalCreates.ShouldBe(10);
        await CreatedAsync(Create("late"));
    }

    [Fact]
    public async Task Tubes_are_limited_too_and_a_close_makes_room()
    {
        var tubes = new List<TubeCreated>();
        for (var i = 0; i < 25; i++)
            tubes.Add(await CreatedAsync(Create($"c{i}")));

        var refused = await RefusedAsync(Create("one more"));
        refused.Code.ShouldBe(RefusalCode.Overloaded);
        refused.Limit.ShouldBe(25);
        Registry.Capacity.CanAcceptMore.ShouldBeFalse();

        await Registry.CloseTubeAsync(new(tubes[0].TubeId));
        (await Registry.CreateAsync(Create("one more"))).ShouldBeOfType<TubeCreated>();
    }

    [Fact]
    public async Task An_owner_has_its_own_limit_and_others_are_not_touched_by_it()
    {
        (await Registry.ChangeLimitsAsync(new() { MaxTubesPerOwner = 2 })).ShouldBeOfType<CapacityRead>().Capacity.MaxTubesPerOwner.ShouldBe(2);
        var first = await CreatedAsync(Create("a1") with { Owner = "a" });
        await CreatedAsync(Create("a2") with { Owner = "a" });

        var refused = await RefusedAsync(Create("a3") with { Owner = "a", MaxWait = TimeSpan.FromMinutes(1) });

        refused.Code.ShouldBe(RefusalCode.OwnerLimit);
        refused.Limit.ShouldBe(2);
        refused.ActiveCreates.ShouldBe(0);
        refused.RetryAfter.ShouldNotBeNull();
        refused.Message.ShouldContain("Owner a");
        await CreatedAsync(Create("b1") with { Owner = "b" });
        await CreatedAsync(Create("nobody's"));
        await Registry.CloseTubeAsync(new(first.TubeId));
        await CreatedAsync(Create("a3") with { Owner = "a" });
        (await RefusedAsync(Create("a4") with { Owner = "a" })).Code.ShouldBe(RefusalCode.OwnerLimit);
    }

    [Fact]
    public async Task One_tube_is_told_as_one()
    {
        await Registry.ChangeLimitsAsync(new() { MaxTubesPerOwner = 1 });
        await CreatedAsync(Create("a1") with { Owner = "a" });

        (await RefusedAsync(Create("a2") with { Owner = "a" })).Message.ShouldStartWith("Owner a has 1 tube of at most 1. Close one, or try again in ");
    }

    [Fact]
    public async Task Limits_change_at_run_time_and_a_lower_one_ends_nothing()
    {
        var held = Peers.Hold("CreateOffer");
        var creating = Enumerable.Range(0, 10).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(10));

        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 4, MaxTubes = 8 });
        Registry.Capacity.LoadPercentage.ShouldBe(250);
        Registry.Capacity.CanAcceptMore.ShouldBeFalse();
        (await RefusedAsync(Create("more"))).Limit.ShouldBe(8);
        held.SetResult();
        (await Task.WhenAll(creating)).ShouldAllBe(r => r is TubeCreated);

        await Registry.ChangeLimitsAsync(new() { MaxTubes = 11 });
        await CreatedAsync(Create("more"));
        (await RefusedAsync(Create("one too many"))).Limit.ShouldBe(11);
    }

    [Theory]
    [InlineData(0, null, null, null, "maxConcurrentCreates")]
    [InlineData(5, 0, null, null, "maxTubes")]
    [InlineData(5, null, -1, null, "maxTubesPerOwner")]
    [InlineData(5, null, null, -1, "maxWaiting")]
    public async Task A_limit_that_makes_no_sense_is_named_and_changes_nothing(int? creates, int? tubes, int? perOwner, int? waiting, string key)
    {
        var refused = (await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = creates, MaxTubes = tubes, MaxTubesPerOwner = perOwner, MaxWaiting = waiting })).ShouldBeOfType<Refused>();

        refused.Code.ShouldBe(RefusalCode.InvalidRequest);
        refused.Key.ShouldBe(key);
        refused.Message.ShouldContain(key);
        Registry.Capacity.MaxConcurrentCreates.ShouldBe(10);
        Registry.Capacity.MaxTubes.ShouldBe(25);
    }

    [Fact]
    public async Task The_hint_is_the_time_the_oldest_create_has_left_if_it_takes_as_long_as_the_last_ones()
    {
        var first = Peers.Hold("CreateOffer");
        var slow = Registry.CreateAsync(Create("slow"));
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));
        Clock.Advance(TimeSpan.FromSeconds(3));
        first.SetResult();
        await slow;
        Registry.Capacity.AvgCreateTimeMs.ShouldBe(3000, 1);

        Peers.Hold("CreateOffer");
        var creating = Enumerable.Range(0, 10).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(10));

        (await RefusedAsync(Create("late"))).RetryAfter!.Value.TotalSeconds.ShouldBe(3, 0.01);
        Clock.Advance(TimeSpan.FromSeconds(2));
        (await RefusedAsync(Create("later"))).RetryAfter!.Value.TotalSeconds.ShouldBe(1, 0.01);
        Clock.Advance(TimeSpan.FromSeconds(2));
        (await RefusedAsync(Create("latest"))).RetryAfter!.Value.TotalSeconds.ShouldBe(0.1, 0.01);
        creating.ShouldAllBe(c => !c.IsCompleted);
    }

    [Fact]
    public async Task Creates_run_side_by_side_up_to_the_limit()
    {
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 100, MaxTubes = 1000 });
        var held = Peers.Hold("CreateOffer");

        var replies = Enumerable.Range(0, 200).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();

        // All hundred are at the same step at once, so the time of all is that of the slowest.
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(100));
        await AwaitAssertAsync(() => Registry.Capacity.TotalRejected.ShouldBe(100));
        Registry.Capacity.ActiveCreates.ShouldBe(100);
        held.SetResult();
        var all = await Task.WhenAll(replies);
        all.OfType<TubeCreated>().Count().ShouldBe(100);
        all.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.Overloaded && r.Limit == 100 && r.RetryAfter > TimeSpan.Zero && r.Retryable);
    }

    [Fact]
    public async Task Of_a_thousand_callers_for_a_hundred_places_a_hundred_get_one()
    {
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 100, MaxTubes = 1000 });
        var held = Peers.Hold("CreateOffer");

        var replies = Enumerable.Range(0, 1000).Select(i => Task.Run(() => Registry.CreateAsync(Create($"c{i}")))).ToArray();
        await AwaitAssertAsync(() => replies.Count(r => r.IsCompleted).ShouldBe(900), TimeSpan.FromSeconds(30));
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(100), TimeSpan.FromSeconds(30));

        held.SetResult();
        (await Task.WhenAll(replies)).OfType<TubeCreated>().Count().ShouldBe(100);
        Peers.Connections.Count.ShouldBe(100);
    }

    [Fact]
    public async Task Of_a_thousand_callers_for_an_owner_s_last_place_one_gets_it()
    {
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 1000, MaxTubes = 1000, MaxTubesPerOwner = 3 });
        await CreatedAsync(Create("a") with { Owner = "o" });
        await CreatedAsync(Create("b") with { Owner = "o" });

        var replies = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run(() => Registry.CreateAsync(Create($"c{i}") with { Owner = "o" }))));

        replies.OfType<TubeCreated>().Count().ShouldBe(1);
        replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.OwnerLimit && r.Limit == 3);
        Registry.Directory.List().Count(t => t.Owner == "o").ShouldBe(3);
    }

    [Fact]
    public async Task A_live_tube_is_found_at_every_moment_while_others_come_and_go()
    {
        var created = await CreatedAsync(Create("stays"));
        using var stop = new CancellationTokenSource();
        var churn = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
                await Registry.CloseTubeAsync(new((await CreatedAsync(Create($"c{i}"))).TubeId));
        });

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++)
                if (!Registry.Directory.TryGet(created.TubeId, out var byTube) || !Registry.Directory.TryGet(new ConversationId("stays"), out var byConversation) || byTube.TubeId != byConversation.TubeId)
                    Assert.Fail("A live tube was not found.");
        })));

        await stop.CancelAsync();
        await churn;
    }

    [Fact]
    public async Task Callers_that_follow_the_hint_are_all_served_in_two_rounds_of_the_slow_step()
    {
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 100, MaxTubes = 1000 });
        var start = Clock.Now;
        var (waiting, served) = (new List<(DateTimeOffset Back, int Number)>(Enumerable.Range(0, 200).Select(i => (start, i))), 0);
        var running = new List<(DateTimeOffset Ends, TaskCompletionSource Gate, Task<RegistryReply>[] Creates)>();
        while (served < 200 && Clock.Now < start + TimeSpan.FromSeconds(8))
        {
            // Those whose time has come ask again; what they get is slow from then on.
            var due = waiting.Where(w => w.Back <= Clock.Now).ToList();
            waiting.RemoveAll(due.Contains);
            if (due.Count > 0)
            {
                var gate = Peers.Hold("CreateOffer");
                var before = Registry.Capacity;
                var asked = due.Select(w => (w.Number, Reply: Registry.CreateAsync(Create($"c{w.Number}")))).ToArray();
                await AwaitAssertAsync(() => (Registry.Capacity.TotalCreates + Registry.Capacity.TotalRejected).ShouldBe(before.TotalCreates + before.TotalRejected + due.Count));
                var admitted = (int)(Registry.Capacity.TotalCreates - before.TotalCreates);
                await AwaitAssertAsync(() => asked.Count(a => a.Reply.IsCompleted).ShouldBe(due.Count - admitted));
                foreach (var (number, reply) in asked.Where(a => a.Reply.IsCompleted))
                    waiting.Add((Clock.Now + (await reply).ShouldBeOfType<Refused>().RetryAfter!.Value, number));
                await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe((int)Registry.Capacity.TotalCreates));
                running.Add((Clock.Now + TimeSpan.FromSeconds(3), gate, [.. asked.Where(a => !a.Reply.IsCompleted).Select(a => a.Reply)]));
            }

            Clock.Advance(TimeSpan.FromMilliseconds(100));
            foreach (var ended in running.Where(r => r.Ends <= Clock.Now).ToArray())
            {
                ended.Gate.SetResult();
                served += (await Task.WhenAll(ended.Creates)).OfType<TubeCreated>().Count();
                running.Remove(ended);
            }
        }

        served.ShouldBe(200, $"after {(Clock.Now - start).TotalSeconds} s");
    }

    [Fact]
    public async Task Reads_do_not_pass_the_mailbox()
    {
        var created = await CreatedAsync(Create("c"));
        ((IInternalActorRef)Actor).Suspend();

        for (var i = 0; i < 100; i++)
        {
            Registry.Directory.TryGet(created.TubeId, out _).ShouldBeTrue();
            Registry.Directory.TryGet(new ConversationId("c"), out _).ShouldBeTrue();
            Registry.Directory.List(new TubeQuery()).Items.Length.ShouldBe(1);
            Registry.Capacity.Tubes.ShouldBe(1);
        }

        ((IInternalActorRef)Actor).Resume();
    }

    /// <summary>A thousand callers for the node's last places and an owner's last ones, in every order the pool gives.</summary>
    [Fact]
    public async Task Never_one_too_many() =>
        await Gen.Select(Gen.Int[1, 10], Gen.Int[1, 4], Gen.Int[0, 30]).SampleAsync(async (places, perOwner, waiting) =>
        {
            await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = places, MaxTubes = 100, MaxTubesPerOwner = perOwner, MaxWaiting = waiting });
            var most = 0;
            var mostOfOwner = 0;
            using var watch = new CancellationTokenSource();
            var watching = Task.Run(() =>
            {
                while (!watch.IsCancellationRequested)
                {
                    most = Math.Max(most, Registry.Capacity.ActiveCreates);
                    mostOfOwner = Math.Max(mostOfOwner, Registry.Directory.List().CountBy(t => t.Owner ?? "").Select(o => o.Value).DefaultIfEmpty().Max());
                }
            });

            var replies = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run(() =>
                Registry.CreateAsync(Create($"c{i}") with { Owner = $"o{i % 7}", MaxWait = i % 2 == 0 ? TimeSpan.FromMinutes(1) : null }))));

            await watch.CancelAsync();
            await watching;
            most.ShouldBeLessThanOrEqualTo(places);
            mostOfOwner.ShouldBeLessThanOrEqualTo(perOwner);
            var created = replies.OfType<TubeCreated>().ToList();
            created.Count.ShouldBeInRange(1, 7 * perOwner);
            replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.Overloaded || r.Code == RefusalCode.OwnerLimit);
            await Task.WhenAll(created.Select(c => Registry.CloseTubeAsync(new(c.TubeId))));
            await NothingLeftAsync();
        }, iter: 20, threads: 1);

    [Fact]
    public void The_mean_is_of_the_last_hundred()
    {
        var time = new FakeTimeProvider();
        var admission = new CreateAdmission(new(10, 1000, 0, 0), TimeSpan.FromMinutes(5), time);
        for (var i = 0; i < 150; i++)
        {
            admission.TryEnter(null, needsTube: true, out var place).ShouldBeNull();
            time.Advance(TimeSpan.FromMilliseconds(i < 50 ? 1000 : 20));
            admission.Leave(place!, succeeded: i % 3 != 0);
        }

        var capacity = admission.Read();
        capacity.AvgCreateTimeMs.ShouldBe(20, 1e-6);
        capacity.TotalFailures.ShouldBe(50);
        capacity.Tubes.ShouldBe(150);
        capacity.DrainDeadlineMs.ShouldBe(300_000);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(50, 0)]
    [InlineData(51, 100)]
    [InlineData(75, 100)]
    [InlineData(76, 500)]
    [InlineData(90, 500)]
    [InlineData(91, 2000)]
    [InlineData(99, 2000)]
    [InlineData(100, 5000)]
    [InlineData(300, 5000)]
    public void The_delay_follows_the_load(int load, int milliseconds) => RegistryCapacity.DelayFor(load).TotalMilliseconds.ShouldBe(milliseconds);
}
