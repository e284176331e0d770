using Registry.Actors.ReadModel;
using Registry.Actors.Signals;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class WatchSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Fact]
    public async Task A_watcher_gets_every_tube_and_then_what_happens()
    {
        var created = await CreatedAsync(Create("c"));
        await using var watch = Registry.WatchAsync().GetAsyncEnumerator();

        (await NextAsync(watch)).ShouldBeOfType<TubeListed>().Tube.TubeId.ShouldBe(created.TubeId);
        var listed = (await NextAsync(watch)).ShouldBeOfType<TubesListed>();
        await Registry.CloseTubeAsync(new(created.TubeId, CloseReason.Client));

        var changes = new List<TubeSignalled>();
        do
            changes.Add((await NextAsync(watch)).ShouldBeOfType<TubeSignalled>());
        while (changes[^1].Signal is not TubeClosed);
        listed.Node.ShouldBe("here");
        changes.Select(c => NumberOf(c)).ShouldBe(Enumerable.Range(1, changes.Count).Select(i => NumberOf(listed) + i));
        changes.Select(c => c.Signal.Kind).ShouldBe(["connection_state_changed", "channel_closed", "tube_closed"]);
        changes.Select(c => c.Signal).ShouldBe((await SignalsAsync(created.TubeId)).TakeLast(3));
    }

    [Fact]
    public async Task A_watcher_that_comes_back_in_time_gets_only_what_it_missed()
    {
        var created = await CreatedAsync(Create("c"));
        await using var first = Registry.WatchAsync().GetAsyncEnumerator();
        await NextAsync(first);
        var known = await NextAsync(first);
        await Registry.CloseTubeAsync(new(created.TubeId));

        await using var again = Registry.WatchAsync(known.Position).GetAsyncEnumerator();

        (await NextAsync(again)).ShouldBeOfType<TubeSignalled>().ShouldSatisfyAllConditions(c => NumberOf(c).ShouldBe(NumberOf(known) + 1));
    }

    [Theory]
    [InlineData("1000000")]
    [InlineData("-1")]
    [InlineData("")]
    [InlineData("1x")]
    public async Task A_number_that_this_node_never_gave_starts_the_watch_anew(string number)
    {
        await CreatedAsync(Create("c"));
        await using var watch = Registry.WatchAsync($"{Node.Events.Run}-{number}").GetAsyncEnumerator();

        (await NextAsync(watch)).ShouldBeOfType<TubeListed>();
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("7")]
    [InlineData("00000000-1")]
    public async Task A_position_of_another_run_starts_the_watch_anew_although_its_number_exists_again(string position)
    {
        await CreatedAsync(Create("c"));
        await using var watch = Registry.WatchAsync(position).GetAsyncEnumerator();

        (await NextAsync(watch)).ShouldBeOfType<TubeListed>();
    }

    [Fact]
    public async Task A_watcher_that_falls_behind_is_told_every_tube_again_and_slows_nobody()
    {
        var directory = new TubeDirectory(10);
        var events = new RegistryEventLog("here", directory, 16);
        await using var watch = events.WatchAsync(null, CancellationToken.None).GetAsyncEnumerator();
        (await NextAsync(watch)).ShouldBeOfType<TubesListed>().ShouldSatisfyAllConditions(c => NumberOf(c).ShouldBe(0));
        var id = new TubeId("t");
        directory.Add(new(Sys.DeadLetters, new(id, "here", TubeState.Ready), new(id, 16), new(TimeProvider.System)));

        for (var i = 1; i <= 100; i++)
            events.Publish(new ConnectionStateChanged(id, i, DateTimeOffset.UnixEpoch, TubeState.Ready));

        (await NextAsync(watch)).ShouldBeOfType<TubeListed>().Tube.TubeId.ShouldBe(id);
        (await NextAsync(watch)).ShouldBeOfType<TubesListed>().ShouldSatisfyAllConditions(c => NumberOf(c).ShouldBe(100));
        events.Publish(new ConnectionStateChanged(id, 101, DateTimeOffset.UnixEpoch, TubeState.Active));
        (await NextAsync(watch)).ShouldBeOfType<TubeSignalled>().ShouldSatisfyAllConditions(c => NumberOf(c).ShouldBe(101));
    }

    [Fact]
    public async Task A_tube_that_has_just_ended_is_not_listed()
    {
        var directory = new TubeDirectory(10);
        var events = new RegistryEventLog("here", directory, 16);
        var id = new TubeId("t");
        directory.Add(new(Sys.DeadLetters, new(id, "here", TubeState.Closed), new(id, 16), new(TimeProvider.System)));
        events.Publish(new TubeClosed(id, 1, default, CloseReason.Client, "Bye."));

        await using var watch = events.WatchAsync(null, CancellationToken.None).GetAsyncEnumerator();

        (await NextAsync(watch)).ShouldBe(new TubesListed($"{events.Run}-1", "here"));
    }

    [Fact]
    public async Task A_waiting_watcher_can_be_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        await using var watch = Registry.WatchAsync($"{Node.Events.Run}-0", cancel.Token).GetAsyncEnumerator();
        var next = watch.MoveNextAsync().AsTask();

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(next);
    }

    private static async Task<RegistryEvent> NextAsync(IAsyncEnumerator<RegistryEvent> watch)
    {
        (await watch.MoveNextAsync()).ShouldBeTrue();
        return watch.Current;
    }

    private static long NumberOf(RegistryEvent change) => long.Parse(change.Position!.Split('-')[1], System.Globalization.CultureInfo.InvariantCulture);
}
