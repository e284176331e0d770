using Akka.Event;
using Registry.Actors.Tests.Tubes;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Admission;

public sealed class AdmissionLogSpecs(ITestOutputHelper output) : RegistrySpec(output, "akka { loglevel = INFO, loggers = [] }", o => o.MaxConcurrentCreates = 10)
{
    [Fact]
    public async Task The_limits_are_logged_at_the_start_and_a_crossing_into_refusal_once()
    {
        var lines = CreateTestProbe();
        Sys.EventStream.Subscribe(lines, typeof(LogEvent));
        Peers.Hold("CreateOffer");
        _ = Enumerable.Range(0, 30).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.TotalRejected.ShouldBe(20));

        (await lines.FishForMessageAsync<Warning>(w => w.ToString().Contains("Refusing creates", StringComparison.Ordinal))).ToString().ShouldContain("10 creates are in flight");
        await Registry.ChangeLimitsAsync(new() { MaxConcurrentCreates = 100, MaxTubes = 100 });
        (await lines.FishForMessageAsync<LogEvent>(w => w is not Warning && w.ToString()!.Contains("Accepting creates again", StringComparison.Ordinal))).ShouldNotBeNull();
        Sys.ActorOf(RegistryActor.Props(Node.ContextFor(null)), "another");
        (await lines.FishForMessageAsync<LogEvent>(w => w.ToString()!.Contains("max concurrent creates: 100", StringComparison.Ordinal))).ShouldNotBeNull();
        lines.HasMessages.ShouldBeFalse();
    }
}
