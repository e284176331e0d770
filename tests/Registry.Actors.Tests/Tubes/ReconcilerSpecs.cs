using Akka.Actor;
using Akka.Event;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Signals;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>The reconciler is shown differences that the registry itself never makes.</summary>
public sealed class ReconcilerSpecs(ITestOutputHelper output) : RegistrySpec(output, "akka { loglevel = WARNING, loggers = [] }")
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Tubes_that_come_and_go_are_no_finding()
    {
        var (near, far) = await PairAsync();
        await RoundAsync(Round);
        Peers.Hold("CreateOffer");
        var making = Registry.CreateAsync(Create("making"));
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(3));
        await RoundAsync(TimeSpan.FromSeconds(14));
        await Registry.CloseTubeAsync(new(near.TubeId));
        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(far.TubeId, out _).ShouldBeTrue());
        await RoundAsync(TimeSpan.FromSeconds(1)); // its deadline
        (await making).ShouldBeOfType<Refused>();
        await NothingLeftAsync();
        for (var i = 0; i < 4; i++)
            await RoundAsync(Round);

        Registry.Capacity.ReconcilerFindings.ShouldBe(0);
    }

    [Fact]
    public async Task An_entry_whose_actor_is_gone_is_removed_with_its_conversations()
    {
        var entry = Stray();
        Node.Directory.Add(entry);
        Node.Directory.Claim(new("lost"), entry);

        await FoundAsync(1, () => Registry.Directory.Count.ShouldBe(1));

        Registry.Directory.Count.ShouldBe(0);
        // Its conversation hangs in the air since then, and is freed two rounds later.
        await FoundAsync(2, () => Registry.Directory.TryGet(new ConversationId("lost"), out _).ShouldBeTrue());
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_conversation_whose_tube_is_gone_is_freed()
    {
        Node.Directory.Claim(new("lost"), Stray());

        await FoundAsync(1, () => Registry.Directory.TryGet(new ConversationId("lost"), out _).ShouldBeTrue());

        await CreatedAsync(Create("lost"));
    }

    [Fact]
    public async Task An_actor_without_an_entry_is_stopped()
    {
        var (near, far) = await PairAsync();
        Node.Directory.Remove(Node.Directory.Entries.Single(e => e.TubeId == near.TubeId));

        await FoundAsync(2, () => ((ActorRefWithCell)Actor).Children.Count().ShouldBe(2)); // the actor, and the conversation of the entry that is gone

        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(far.TubeId, out _).ShouldBeTrue());
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_finding_is_logged_with_its_kind_and_subject()
    {
        var lines = CreateTestProbe();
        Sys.EventStream.Subscribe(lines, typeof(LogEvent));
        Node.Directory.Claim(new("lost"), Stray());

        await FoundAsync(1, () => lines.HasMessages.ShouldBeFalse());

        (await lines.ExpectMsgAsync<Warning>()).ToString().ShouldContain("ClaimWithoutTube of lost");
    }

    [Fact]
    public async Task What_a_dead_tube_still_holds_is_given_back()
    {
        var dead = Sys.ActorOf(Props.Empty);
        Sys.Stop(dead);
        var released = 0;
        foreach (var kind in Enum.GetValues<HoldingKind>())
            Node.Holdings.Add(dead, kind, () =>
            {
                released++;
                return ValueTask.CompletedTask;
            });

        await FoundAsync(3, () => released.ShouldBe(0));

        released.ShouldBe(3);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_tube_that_missed_its_connection_s_end_is_told()
    {
        var (near, _) = await PairAsync();
        Peers.Connections[0].FailSilently();

        await FoundAsync(1, () => Registry.Directory.TryGet(near.TubeId, out _).ShouldBeTrue());

        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(near.TubeId, out _).ShouldBeTrue());
        Registry.Directory.TryGetClosed(near.TubeId, out var closed);
        closed!.CloseReason.ShouldBe(CloseReason.ConnectionLost);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_registry_that_was_held_up_does_not_take_a_healthy_end_for_a_difference()
    {
        await CreatedAsync(Create("c"));
        await RoundAsync(TimeSpan.Zero);
        using var goOn = new ManualResetEventSlim();
        Actor.Tell(new DeadLetter(Done.Instance, Sys.DeadLetters, new SlowRef(goOn)));
        Clock.Advance(Round); // a round, and the tube's deadline
        Clock.Advance(Round);
        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(0));
        goOn.Set();

        await RoundAsync(TimeSpan.Zero);

        Registry.Capacity.ReconcilerFindings.ShouldBe(0);
    }

    [Fact]
    public async Task Ended_tubes_are_forgotten_after_a_while()
    {
        var created = await CreatedAsync(Create("c"));
        await Registry.CloseTubeAsync(new(created.TubeId));

        Clock.Advance(TimeSpan.FromMinutes(14));
        await CreatedAsync(Create("later"));
        Registry.Directory.TryGetClosed(created.TubeId, out _).ShouldBeTrue();
        Registry.Signals(created.TubeId).ShouldNotBeNull();
        Clock.Advance(TimeSpan.FromMinutes(2));

        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(created.TubeId, out _).ShouldBeFalse());
        (await SignalsAsync(created.TubeId)).ShouldBeEmpty();
    }

    /// <summary>Holds whoever looks at its path.</summary>
    private sealed class SlowRef(ManualResetEventSlim goOn) : MinimalActorRef
    {
        public override ActorPath Path
        {
            get
            {
                goOn.Wait(TimeSpan.FromSeconds(30));
                return new RootActorPath(Address.AllSystems) / "slow";
            }
        }

        public override IActorRefProvider Provider => throw new NotSupportedException();
    }

    private TubeEntry Stray()
    {
        var id = TubeId.NewId();
        return new(Sys.DeadLetters, new(id, "here", TubeState.Ready) { History = [new(TubeState.Ready, Clock.Now)] }, new TubeSignalBuffer(id, 16), new(TimeProvider.System));
    }

    // Nothing happens in the first round; the second repairs.
    private async Task FoundAsync(int findings, Action notYet)
    {
        await RoundAsync(TimeSpan.Zero); // it has started
        await RoundAsync(Round);
        notYet();
        await RoundAsync(Round);
        Registry.Capacity.ReconcilerFindings.ShouldBe(findings);
    }

    // Whatever the time brought about in the registry's actor is done when it answers.
    private async Task RoundAsync(TimeSpan time)
    {
        Clock.Advance(time);
        await Actor.Ask<CapacityRead>(GetCapacity.Instance, TimeSpan.FromSeconds(10));
    }
}
