using CsCheck;
using Registry.Actors.Admission;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

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
    public void The_mean_is_of_the_last_hundred()
    {
        var admission = new CreateAdmission(new(10, 1000, 0, 0));
        for (var i = 0; i < 150; i++)
        {
            admission.TryEnter(null, needsTube: true).ShouldBeNull();
            admission.Leave(TimeSpan.FromMilliseconds(i < 50 ? 1000 : 20), succeeded: i % 3 != 0);
        }

        var capacity = admission.Read();
        capacity.AvgCreateTimeMs.ShouldBe(20, 1e-6);
        capacity.TotalFailures.ShouldBe(50);
        capacity.Tubes.ShouldBe(150);
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
