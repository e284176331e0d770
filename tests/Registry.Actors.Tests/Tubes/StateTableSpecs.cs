using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors.Tests.Tubes;

public sealed class StateTableSpecs
{
    [Fact]
    public void Every_state_has_its_line()
    {
        TubeStates.All.Select(r => r.State).ShouldBe(Enum.GetValues<TubeState>());
        foreach (var rule in TubeStates.All)
            TubeStates.RuleOf(rule.State).ShouldBe(rule);
    }

    [Fact]
    public void Every_state_but_ready_ends_by_itself()
    {
        // New and failed are left by the message that enters them, closed is the end.
        TubeStates.All.Where(r => r.Deadline is null).Select(r => r.State).ShouldBe([TubeState.New, TubeState.Ready, TubeState.Failed, TubeState.Closed]);
        var settings = RegistrySettings.From(Akka.Configuration.Config.Empty);
        TubeStates.All.Where(r => r.Deadline is not null).ToDictionary(r => r.State, r => r.Deadline!(settings).TotalSeconds).ShouldBe(new Dictionary<TubeState, double>
        {
            [TubeState.Initializing] = 15,
            [TubeState.Connecting] = 30,
            [TubeState.Active] = 30,
            [TubeState.Disconnected] = 30,
            [TubeState.Closing] = 5,
        });
        TubeStates.RuleOf(TubeState.Connecting).Explain(settings).ShouldBe("The peer was not reached within 30 s.");
    }

    [Fact]
    public void Every_state_leads_to_closed_and_only_through_failed_or_closing()
    {
        foreach (var rule in TubeStates.All.Where(r => r.State < TubeState.Failed))
        {
            rule.Next.ShouldContain(TubeState.Failed);
            rule.Next.ShouldContain(TubeState.Closing);
            rule.Next.ShouldNotContain(TubeState.Closed);
        }

        TubeStates.RuleOf(TubeState.Failed).Next.ShouldBe([TubeState.Closed]);
        TubeStates.RuleOf(TubeState.Closing).Next.ShouldBe([TubeState.Closed]);
        TubeStates.RuleOf(TubeState.Closed).Next.ShouldBeEmpty();
    }
}
