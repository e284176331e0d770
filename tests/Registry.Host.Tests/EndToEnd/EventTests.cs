using Registry.Host.Tests.Api;

namespace Registry.Host.Tests.EndToEnd;

/// <summary><c>GET /v1/events</c> over the real registry.</summary>
public sealed class EventTests
{
    [Fact]
    public async Task A_watcher_is_told_every_live_tube_and_then_what_happens()
    {
        await using var gateway = await RealGateway.StartAsync();
        var (a, b, gone) = (await gateway.CreateTubeAsync("a", owner: "o"), await gateway.CreateTubeAsync("b"), await gateway.CreateTubeAsync("gone"));
        await gateway.CloseTubeAsync(gone);

        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        var listed = await stream.UntilAsync(e => e.Kind == "tubes_listed");
        listed.SkipLast(1).ShouldAllBe(e => e.Kind == "tube" && e.Id == null);
        listed.SkipLast(1).Select(e => e.TubeId).ShouldBe([a, b], ignoreOrder: true);
        listed.Single(e => e.TubeId == a).Data.GetProperty("owner").GetString().ShouldBe("o");

        var c = await gateway.CreateTubeAsync("c");
        await gateway.CloseTubeAsync(c);
        var changes = await stream.UntilAsync(e => e.Kind == "tube_closed");

        changes.ShouldAllBe(e => e.TubeId == c);
        changes.Where(e => e.Kind == "connection_state_changed").Select(e => e.Data.GetProperty("state").GetString()).ShouldBe(["initializing", "connecting", "closing"]);
        changes.Select(e => e.Kind).Distinct().ShouldBe(["connection_state_changed", "channel_closed", "tube_closed"]);
        changes[^1].Data.GetProperty("closeReason").GetProperty("name").GetString().ShouldBe("Client");
        changes.ShouldAllBe(e => e.Id != null);
    }

    [Fact]
    public async Task A_watcher_that_comes_back_is_told_just_what_it_missed()
    {
        await using var gateway = await RealGateway.StartAsync();
        await gateway.CreateTubeAsync("stays");
        await using var witness = await OpenEvents.OfAsync(gateway.Http);
        var start = (await witness.UntilAsync(e => e.Kind == "tubes_listed"))[^1].Id!;
        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("c"));
        var all = await witness.UntilAsync(e => e.Kind == "tube_closed");

        foreach (var (seen, after) in all.Index())
        {
            await using var again = await OpenEvents.OfAsync(gateway.Http, lastEventId: seen == 0 ? start : all[seen - 1].Id);
            foreach (var missed in all.Skip(seen))
                (await again.NextAsync()).Id.ShouldBe(missed.Id);
        }
    }

    [Fact]
    public async Task A_watcher_that_missed_too_much_is_told_every_tube_again()
    {
        await using var gateway = await RealGateway.WithAsync("registry.events.buffer = 16");
        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        var start = (await stream.UntilAsync(e => e.Kind == "tubes_listed"))[^1].Id!;
        var stays = await gateway.CreateTubeAsync("stays");
        for (var number = 0; number < 16; number++)
            await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("c"));

        foreach (var lost in new[] { start, $"{start}0000", "nonsense", "" })
        {
            await using var again = await OpenEvents.OfAsync(gateway.Http, lastEventId: lost);
            var listed = await again.UntilAsync(e => e.Kind == "tubes_listed");
            listed.Select(e => (e.Kind, e.TubeId)).ShouldBe([("tube", stays), ("tubes_listed", null)]);
        }
    }

    [Fact]
    public async Task A_watcher_sees_the_tubes_end_before_the_gateway_does()
    {
        var gateway = await RealGateway.StartAsync();
        var tube = await gateway.CreateTubeAsync("c");
        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        await stream.UntilAsync(e => e.Kind == "tubes_listed");

        var stopping = gateway.DisposeAsync().AsTask();

        var last = (await stream.RestAsync())[^1];
        (last.Kind, last.TubeId).ShouldBe(("tube_closed", tube));
        last.Data.GetProperty("closeReason").GetProperty("name").GetString().ShouldBe("NodeStopped");
        await stopping.WaitAsync(Eventually.Patience);
    }
}
