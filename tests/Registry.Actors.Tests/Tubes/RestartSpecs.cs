using Akka.Actor;
using Akka.Event;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class RestartSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o => o.MaxConcurrentCreates = 3)
{
    [Fact]
    public async Task A_registry_that_crashes_ends_its_tubes_with_a_reason_answers_who_waits_and_serves_again()
    {
        var created = await CreatedAsync(Create("c", Listen) with { Owner = "o", RequestKey = "k" });
        Peers.Hold("CreateOffer");
        var waiting = Enumerable.Range(0, 5).Select(i => Registry.CreateAsync(Create($"w{i}", Listen) with { MaxWait = TimeSpan.FromMinutes(1) })).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(2));

        // Only what breaks a rule of Akka itself can crash it: this letter's recipient has no path.
        Actor.Tell(new DeadLetter(Done.Instance, Sys.DeadLetters, new Pathless()));

        (await Task.WhenAll(waiting)).ShouldAllBe(r => r is Refused);
        Peers.Mend("CreateOffer");
        (await CollectAsync(Registry.Signals(created.TubeId)!))[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.NodeStopped);
        await NothingLeftAsync();
        var again = await CreatedAsync(Create("c", Listen) with { Owner = "o", RequestKey = "k" });
        again.TubeId.ShouldNotBe(created.TubeId);
        Registry.Capacity.Tubes.ShouldBe(1);
        await Registry.CloseTubeAsync(new(again.TubeId));
        await NothingLeftAsync();
    }

    private sealed class Pathless : MinimalActorRef
    {
        public override ActorPath Path => throw new InvalidOperationException("scripted");

        public override IActorRefProvider Provider => throw new InvalidOperationException("scripted");
    }
}
