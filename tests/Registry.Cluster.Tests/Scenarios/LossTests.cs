using System.Diagnostics;
using System.Net;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>A node that is killed, the oldest included, which decides where entries live.</summary>
public sealed class LossTests(ITestOutputHelper log)
{
    // 11 s are promised on a machine that has time. One that runs other tests at once hears and decides later, and is not what the small form is about.
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(Size.IsFull ? 11 : 15);

    [Fact]
    public async Task What_a_killed_node_had_is_reported_lost_once_and_in_time_and_can_be_made_again_and_nothing_else_is_touched()
    {
        var runs = new List<Outcome>();
        for (var run = 0; run < Size.Kills; run++)
        {
            await using var cluster = await GatewayCluster.StartAsync(3, GatewayApi.PatientTubes);
            await cluster.KnowEachOtherAsync();
            var victim = run % 2 == 0 ? cluster.Nodes[0] : cluster.Nodes[^1];
            runs.Add(await KillAsync(cluster, victim));
            log.Figure($"{(run % 2 == 0 ? "oldest" : "youngest")} killed: {runs[^1]}");
        }

        log.Figure($"worst of {runs.Count}: reported {runs.Max(r => r.Reported)}, on /v1/events {runs.Max(r => r.Listed)}, first made again {runs.Max(r => r.Possible)}, made again when told {runs.Max(r => r.Again)} with {runs.Max(r => r.Refusals)} refused, created meanwhile {runs.Max(r => r.Meanwhile)}");
        runs.Max(r => r.Reported).ShouldBeLessThan(Promised);
        runs.Max(r => r.Listed).ShouldBeLessThan(Promised);
    }

    /// <summary>Worst times of one run.</summary>
    /// <param name="Reported">From the kill to a lost tube's <c>tube_closed</c> among its signals.</param>
    /// <param name="Listed">The same on <c>/v1/events</c>.</param>
    /// <param name="Possible">From the kill to the answer to the first create of a lost conversation that succeeded.</param>
    /// <param name="Again">A create of a lost conversation by who was just told of the loss.</param>
    /// <param name="Refusals">How many of these were refused and repeated.</param>
    /// <param name="Meanwhile">A create of another conversation while the node was missing.</param>
    /// <param name="Undone">Tubes that were made for such creates and undone, because another node had made one too.</param>
    private sealed record Outcome(TimeSpan Reported, TimeSpan Listed, TimeSpan Possible, TimeSpan Again, int Refusals, TimeSpan Meanwhile, int Undone);

    private static async Task<Outcome> KillAsync(GatewayCluster cluster, ClusterProcess victim)
    {
        var tubes = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, Size.Tubes).Select(i => $"c-{i}"));
        var lost = tubes.Where(t => t.Node == victim.Name).ToArray();
        lost.Length.ShouldBeInRange(Size.Tubes / 4, Size.Tubes / 2);
        var last = tubes.First(t => t.Node != victim.Name);
        var kept = tubes.Except([.. lost, last]).ToArray();
        ClusterProcess[] survivors = [.. cluster.Nodes.Where(n => n != victim)];

        var watching = new List<Task<List<ReceivedEvent>>>();
        foreach (var survivor in survivors)
            watching.Add(WatchAsync(await EventReader.FromNowAsync(survivor, 3), last));
        var readers = await Task.WhenAll(lost.Select(t => EventReader.OfTubeAsync(survivors[0], t.TubeId)));
        foreach (var reader in readers)
            await reader.UntilAsync(e => e.Text("state") == "connecting");

        var killed = Stopwatch.GetTimestamp();
        victim.Kill();
        using var all = new CancellationTokenSource();
        var meanwhile = CreateMeanwhileAsync(survivors, all.Token);
        var possible = CreateUntilItSucceedsAsync(survivors[1], lost[0].ConversationId);
        var told = await Task.WhenAll(lost.Zip(readers, (tube, reader) => FollowAsync(tube, reader, survivors[1], isTried: tube == lost[0])));
        var firstAgain = await possible;
        await all.CancelAsync();
        var others = await meanwhile;
        await survivors[0].CloseAsync(last.TubeId);

        // Once each. What was undone before anyone was told of it may have ended too, for another reason.
        var listed = TimeSpan.Zero;
        var undone = 0;
        var answered = tubes.Concat(others.Select(o => o.Tube)).Select(t => t.TubeId).ToHashSet();
        foreach (var events in await Task.WhenAll(watching))
        {
            var closures = events.Where(e => e.Kind is "channel_closed" or "tube_closed" && e.TubeId != last.TubeId).ToLookup(e => e.Reason == "ConnectionLost");
            closures[true].Select(e => (e.Kind, e.TubeId!)).ShouldBe(lost.SelectMany(t => new[] { ("channel_closed", t.TubeId), ("tube_closed", t.TubeId) }), ignoreOrder: true);
            closures[false].Where(e => answered.Contains(e.TubeId!)).ShouldBeEmpty();
            undone = closures[false].Count(e => e.Kind == "tube_closed");
            listed = new[] { listed, Stopwatch.GetElapsedTime(killed, closures[true].Max(e => e.At)) }.Max();
        }

        foreach (var survivor in survivors)
        {
            var now = await survivor.ListAsync();
            now.Select(t => t.Conversations.ShouldHaveSingleItem().ConversationId).ShouldBe([.. kept.Concat(lost).Select(t => t.ConversationId), .. others.Select(o => o.Tube.ConversationId)], ignoreOrder: true);
            others.Select(o => o.Tube.TubeId).ShouldBeSubsetOf(now.Select(t => t.TubeId));
            foreach (var tube in kept)
                now.Single(t => t.TubeId == tube.TubeId).ShouldSatisfyAllConditions(t => t.Node.ShouldBe(tube.Node), t => t.State.ShouldBe("connecting"));
            (await survivor.NodesAsync()).Sum(n => n.SupersededTubes).ShouldBe(0);
        }

        return new(
            told.Max(t => Stopwatch.GetElapsedTime(killed, t.At)), listed, Stopwatch.GetElapsedTime(killed, firstAgain), told.Max(t => t.Again), told.Sum(t => t.Refusals), others.Max(o => o.Time), undone);
    }

    private static async Task<List<ReceivedEvent>> WatchAsync(EventReader reader, MadeTube last)
    {
        await using (reader)
            return await reader.UntilAsync(e => e.Kind == "tube_closed" && e.TubeId == last.TubeId);
    }

    /// <summary>A subscriber of a lost tube, who makes another one when told.</summary>
    private static async Task<(long At, TimeSpan Again, int Refusals)> FollowAsync(MadeTube tube, EventReader reader, ClusterProcess asked, bool isTried)
    {
        List<ReceivedEvent> events;
        await using (reader)
            events = await reader.RestAsync();
        events.Where(e => e.Kind != "ice_candidate").Select(e => (e.Kind, e.Reason)).ShouldBe([("channel_closed", "ConnectionLost"), ("tube_closed", "ConnectionLost")], string.Join("; ", events));
        if (isTried)
            return (events[^1].At, TimeSpan.Zero, 0);
        var (again, time) = await GatewayApi.TimedAsync(() => asked.CreateRepeatedlyAsync(tube.ConversationId));
        return (events[^1].At, time, again.Refusals);
    }

    /// <summary>Creates of a conversation whose node was killed, from the kill on.</summary>
    /// <returns>When one succeeded.</returns>
    private static async Task<long> CreateUntilItSucceedsAsync(ClusterProcess asked, string conversation)
    {
        while (true)
        {
            var answer = await asked.TryCreateAsync(conversation);
            if (answer.Status == HttpStatusCode.Created)
                return Stopwatch.GetTimestamp();
            (answer.IsRetryable || answer.Code == "conversation_exists").ShouldBeTrue(answer.ToString());
            await Task.Delay(50);
        }
    }

    /// <summary>Creates of other conversations at the survivors, until told to end. All must succeed.</summary>
    private static async Task<(MadeTube Tube, TimeSpan Time)[]> CreateMeanwhileAsync(ClusterProcess[] survivors, CancellationToken end)
    {
        var creating = new List<Task<(MadeTube, TimeSpan)>>();
        for (var number = 0; !end.IsCancellationRequested; number++)
        {
            var (asked, conversation) = (survivors[number % survivors.Length], $"meanwhile-{number}");
            creating.Add(GatewayApi.TimedAsync(() => asked.CreateAsync(conversation)));
            await Task.Delay(100, CancellationToken.None);
        }

        return await Task.WhenAll(creating);
    }
}
