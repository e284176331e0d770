using System.Diagnostics.Metrics;
using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>A create whose asker has gone away is cancelled, wherever it is, and nothing of it stays.</summary>
public sealed class CancelSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Theory]
    [InlineData("CreateOffer")]
    [InlineData("SetLocalDescription")]
    [InlineData("Gather")]
    public async Task A_create_that_is_cancelled_at_any_step_is_closed_again(string step)
    {
        Peers.Hold(step);
        using var cancel = new CancellationTokenSource();
        var creating = Registry.CreateAsync(Create("c", Listen) with { TrickleIce = false, TubeId = new("t") }, cancel.Token);
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(creating);
        await NothingLeftAsync();
        Registry.Directory.TryGetClosed(new("t"), out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(CloseReason.Client);
    }

    [Fact]
    public async Task An_ask_that_times_out_cancels_its_create()
    {
        Peers.Hold("CreateOffer");

        await Should.ThrowAsync<AskTimeoutException>(Actor.Ask<RegistryReply>(Create("c", Listen), TimeSpan.FromMilliseconds(100)));

        await NothingLeftAsync();
        Registry.Capacity.TotalCreates.ShouldBe(1);
        Registry.Capacity.TotalFailures.ShouldBe(1);
    }

    [Fact]
    public async Task An_actor_that_stops_while_it_waits_cancels_its_create()
    {
        Peers.Hold("CreateOffer");
        var asker = CreateTestProbe();
        Actor.Tell(Create("c", Listen), asker);
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        Sys.Stop(asker);

        await NothingLeftAsync();
    }

    [Fact]
    public async Task An_actor_that_stops_after_its_answer_keeps_its_tube()
    {
        var asker = CreateTestProbe();
        Actor.Tell(Create("c"), asker);
        var created = await asker.ExpectMsgAsync<TubeCreated>();

        Sys.Stop(asker);
        await CreatedAsync(Create("later"));

        Registry.Directory.TryGet(created.TubeId, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task The_asker_s_own_time_limit_ends_the_create_with_a_word()
    {
        Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c", Listen) with { Timeout = TimeSpan.FromSeconds(2) });
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        Clock.Advance(TimeSpan.FromSeconds(2) - TimeSpan.FromMilliseconds(1));
        creating.IsCompleted.ShouldBeFalse();
        Clock.Advance(TimeSpan.FromMilliseconds(1));

        var refused = (await creating).ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.CreateTimeout);
        refused.Message.ShouldContain("2 s");
        await NothingLeftAsync();
    }

    [Fact]
    public async Task An_answer_that_reaches_nobody_closes_the_tube()
    {
        Actor.Tell(Create("c", Listen), ActorRefs.NoSender);

        await AwaitAssertAsync(() => Registry.Capacity.TotalCreates.ShouldBe(1));
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_further_channel_that_is_cancelled_goes_and_its_tube_stays()
    {
        var (near, _) = await PairAsync();
        Peers.OpenChannels = false;
        using var cancel = new CancellationTokenSource();
        var creating = Registry.CreateAsync(Create("second", Listen) with { TubeId = near.TubeId }, cancel.Token);
        await AwaitAssertAsync(() => Registry.Directory.TryGet(new ConversationId("second"), out _).ShouldBeTrue());

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(creating);
        await AwaitAssertAsync(() => Registry.Directory.TryGet(new ConversationId("second"), out _).ShouldBeFalse());
        await StateAsync(near.TubeId, TubeState.Ready);
        Node.Gauges.Listeners.ShouldBe(0);
        Registry.Capacity.ActiveCreates.ShouldBe(0);
    }

    [Fact]
    public async Task A_cancelled_create_never_touches_the_conversation_of_someone_else()
    {
        var (near, _) = await PairAsync();
        using var cancel = new CancellationTokenSource();
        ((IInternalActorRef)Actor).Suspend();
        var duplicate = Registry.CreateAsync(Create("c-near") with { TubeId = near.TubeId }, cancel.Token);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(duplicate);
        ((IInternalActorRef)Actor).Resume();

        await CreatedAsync(Create("later"));

        Registry.Directory.TryGet(new ConversationId("c-near"), out var tube).ShouldBeTrue();
        tube.TubeId.ShouldBe(near.TubeId);
        tube.State.ShouldBe(TubeState.Ready);
    }

    [Fact]
    public async Task A_create_with_a_key_lives_as_long_as_one_of_its_askers_waits()
    {
        var held = Peers.Hold("CreateOffer");
        using var cancel = new CancellationTokenSource();
        var first = Registry.CreateAsync(Create("c") with { RequestKey = "k" }, cancel.Token);
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));
        var second = Registry.CreateAsync(Create("c") with { RequestKey = "k" });
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);

        held.SetResult();

        (await second).ShouldBeOfType<TubeCreated>();
        Peers.Connections.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_request_key_is_its_owner_s_and_ends_with_its_conversation()
    {
        var mine = await CreatedAsync(Create("mine") with { RequestKey = "k", Owner = "me" });
        var yours = await CreatedAsync(Create("yours") with { RequestKey = "k", Owner = "you" });
        yours.TubeId.ShouldNotBe(mine.TubeId);
        (await CreatedAsync(Create("mine") with { RequestKey = "k", Owner = "me" })).ShouldBe(mine);

        await Registry.AssociateAsync(new(mine.TubeId, new("keeps the tube")));
        await Registry.CloseConversationAsync(new(new("mine")));

        (await CreatedAsync(Create("mine") with { RequestKey = "k", Owner = "me" })).TubeId.ShouldNotBe(mine.TubeId);
    }

    [Fact]
    public async Task A_refused_create_frees_its_key()
    {
        Peers.Break("CreateOffer", new InvalidOperationException("scripted"));
        (await RefusedAsync(Create("c") with { RequestKey = "k" })).Code.ShouldBe(RefusalCode.CreateFailed);
        Peers.Mend("CreateOffer");

        await CreatedAsync(Create("c") with { RequestKey = "k" });
    }

    [Theory]
    [InlineData("requestKey")]
    [InlineData("owner")]
    [InlineData("owner", "a\nb")]
    [InlineData("maxWait")]
    [InlineData("timeout")]
    [InlineData("idleTimeout")]
    [InlineData("maxAge")]
    [InlineData("maxBytesPerSecond")]
    public async Task A_field_that_makes_no_sense_is_named(string field, string? text = null)
    {
        var create = Create("c");
        var refused = await RefusedAsync(field switch
        {
            "requestKey" => create with { RequestKey = "" },
            "owner" => create with { Owner = text ?? new string('o', 129) },
            "maxWait" => create with { MaxWait = TimeSpan.Zero },
            "timeout" => create with { Timeout = TimeSpan.FromSeconds(-1) },
            "maxBytesPerSecond" => create with { MaxBytesPerSecond = 1023 },
            "idleTimeout" => create with { IdleTimeout = TimeSpan.MaxValue },
            _ => create with { MaxAge = TimeSpan.MinValue },
        });

        refused.Code.ShouldBe(RefusalCode.InvalidRequest);
        refused.Key.ShouldBe(field);
        refused.Message.ShouldContain(field);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task An_answer_that_the_application_passes_on_to_a_dead_actor_closes_nothing()
    {
        var asker = CreateTestProbe();
        Actor.Tell(Create("c"), asker);
        var created = await asker.ExpectMsgAsync<TubeCreated>();
        var worker = Sys.ActorOf(Props.Empty);
        var letters = CreateTestProbe();
        Sys.EventStream.Subscribe(letters, typeof(DeadLetter));
        await letters.WatchAsync(worker);
        Sys.Stop(worker);
        await letters.ExpectTerminatedAsync(worker);

        worker.Tell(created, asker);

        await letters.FishForMessageAsync<DeadLetter>(letter => letter.Message is TubeCreated);
        await CreatedAsync(Create("later"));
        await Registry.AssociateAsync(new(created.TubeId, new("still there")));
        Registry.Directory.TryGet(created.TubeId, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task A_key_taken_again_while_its_first_tube_ends_stays_taken()
    {
        Peers.Hold("CreateOffer");
        var first = Registry.CreateAsync(Create("c") with { RequestKey = "k", TubeId = new("one") });
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));
        using var inPostStop = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var slow = new MeterListener { InstrumentPublished = (i, l) => { if (i.Meter == Node.Metrics.Meter && i.Name == "registry.tube.traffic") l.EnableMeasurementEvents(i); } };
        var once = 0;
        slow.SetMeasurementEventCallback<long>((_, _, _, _) =>
        {
            if (Interlocked.Exchange(ref once, 1) != 0)
                return;
            inPostStop.Set(); // its key is free, its create not yet answered
            goOn.Wait(TimeSpan.FromSeconds(10));
        });
        slow.Start();
        Actor.Tell(new CloseTube(new("one")), TestActor);
        inPostStop.Wait(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        Peers.Mend("CreateOffer");

        var second = await CreatedAsync(Create("c") with { RequestKey = "k" });
        goOn.Set();
        (await first).ShouldBeOfType<Refused>();

        (await CreatedAsync(Create("c") with { RequestKey = "k" })).ShouldBe(second);
    }

    [Fact]
    public async Task Repeating_a_create_costs_no_memory()
    {
        var call = new CreateCall();
        await Actor.Ask<TubeCreated>(new AskedCreate(Create("c") with { RequestKey = "k" }, call), TimeSpan.FromSeconds(10));

        for (var i = 0; i < 100; i++)
            await CreatedAsync(Create("c") with { RequestKey = "k" });

        call.Create!.Askers.Count.ShouldBeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task A_key_repeated_with_another_offer_is_refused()
    {
        await CreatedAsync(Create("c") with { RequestKey = "k" });

        (await RefusedAsync(Create("c") with { RequestKey = "k", Offer = SdpText.Encode("scripted offer 1") })).Key.ShouldBe("requestKey");
    }

    [Fact]
    public async Task A_create_whose_conversation_is_closed_while_it_is_made_is_refused_and_leaves_nothing()
    {
        Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c", Listen));
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        (await Registry.CloseConversationAsync(new(new("c")))).ShouldBeOfType<Done>();

        (await creating).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        await NothingLeftAsync();
    }
}
