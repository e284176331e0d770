using System.Diagnostics;
using System.Net;
using Registry.Cluster.Tests.Membership;
using Registry.Host.Cli;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Nodes that run and do not reach each other.</summary>
public sealed class PartitionTests(ITestOutputHelper log)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(3);

    [PartitionFact]
    public async Task A_node_that_is_cut_off_closes_its_tubes_and_ends_and_the_majority_goes_on_with_all_of_its_own()
    {
        await using var network = await PartitionableNetwork.CreateAsync(3);
        await using var cluster = await GatewayCluster.StartAsync(network.Places, GatewayApi.PatientTubes);
        await cluster.KnowEachOtherAsync();
        var tubes = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, Size.Tubes).Select(i => $"c-{i}"));
        // The oldest, which decides where entries live.
        var cutOff = cluster.Nodes[0];
        ClusterProcess[] majority = [.. cluster.Nodes.Skip(1)];
        var theirs = tubes.Where(t => t.Node == cutOff.Name).ToArray();
        var kept = tubes.Except(theirs).ToArray();
        var fromWithin = await Task.WhenAll(theirs.Select(t => EventReader.OfTubeAsync(cutOff, t.TubeId)));
        await using var fromOutside = await EventReader.OfTubeAsync(majority[0], theirs[0].TubeId);

        var cut = Stopwatch.GetTimestamp();
        await network.CutAsync(network.Places[0]);
        var closing = Task.WhenAll(fromWithin.Select(ReadToEndAsync));
        (await fromOutside.RestAsync())[^1].Reason.ShouldBe("ConnectionLost");
        log.Figure($"the majority gave it up {Stopwatch.GetElapsedTime(cut)} after the cut");
        var (again, refusals) = await GatewayApi.CreateAgainAsync(majority, theirs);
        log.Figure($"its {theirs.Length} conversations made again {Stopwatch.GetElapsedTime(cut)} after the cut, {refusals} creates refused before");

        var closures = (await closing).Select(events => events[^1]).ToArray();
        closures.ShouldAllBe(e => e.Kind == "tube_closed" && e.Reason == "NodeStopped");
        (await cutOff.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, cutOff.Errors);
        log.Figure($"it closed its tubes {Stopwatch.GetElapsedTime(cut, closures.Max(e => e.At))} and ended {Stopwatch.GetElapsedTime(cut)} after the cut at the latest");
        MembershipTests.LastLine(cutOff).ShouldStartWith($"registry: node {cutOff.Name} was removed from its cluster");

        await network.HealAsync(network.Places[0]);
        var anew = await cluster.AddAsync(network.Places[0]);
        await cluster.KnowEachOtherAsync();
        var further = await GatewayApi.CreateAllAsync(cluster.Running, Enumerable.Range(0, Size.FurtherCreates).Select(i => $"d-{i}"));
        further.Count(t => t.Node == anew.Name).ShouldBeGreaterThan(Size.FurtherCreates * 8 / 10);
        foreach (var node in cluster.Running)
        {
            var now = await node.ListAsync();
            now.Select(t => t.Conversations.ShouldHaveSingleItem().ConversationId).ShouldBeUnique();
            now.Select(t => (t.TubeId, t.Node)).ShouldBe(kept.Concat(again).Concat(further).Select(t => (t.TubeId, t.Node)), ignoreOrder: true);
            (await node.NodesAsync()).ShouldAllBe(n => n.SupersededTubes == 0);
        }
    }

    [PartitionFact]
    public async Task A_short_cut_costs_nobody_a_tube_and_creates_at_either_side_succeed_or_may_be_repeated()
    {
        await using var network = await PartitionableNetwork.CreateAsync(3);
        await using var cluster = await GatewayCluster.StartAsync(network.Places, GatewayApi.PatientTubes);
        await cluster.KnowEachOtherAsync();
        var tubes = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, Size.Tubes).Select(i => $"c-{i}"));

        var cut = Stopwatch.GetTimestamp();
        await network.CutAsync(network.Places[0]);
        var creating = new List<Task<(Answer Answer, TimeSpan Time)>>();
        while (Stopwatch.GetElapsedTime(cut) < Short)
        {
            var (asked, conversation) = (cluster.Nodes[creating.Count % 3], $"d-{creating.Count}");
            creating.Add(GatewayApi.TimedAsync(() => asked.TryCreateAsync(conversation)));
            await Task.Delay(50);
        }

        await network.HealAsync(network.Places[0]);
        var answers = await Task.WhenAll(creating);
        log.Figure($"creates during a cut of {Short.TotalSeconds} s: {Figures.Spread(answers.Select(a => a.Time))}; refused: {string.Join(", ", answers.Select(a => a.Answer.Code).OfType<string>().CountBy(code => code))}");
        answers.ShouldAllBe(a => a.Answer.Status == HttpStatusCode.Created || a.Answer.IsRetryable);
        await cluster.KnowEachOtherAsync();
        log.Figure($"all know each other again {Stopwatch.GetElapsedTime(cut)} after the cut");

        // What was refused is not there, and is made when asked again.
        var made = answers.Index().Where(a => a.Item.Answer.Status == HttpStatusCode.Created).Select(a => $"d-{a.Index}").ToArray();
        foreach (var node in cluster.Nodes)
        {
            // Connections that the cut broke are made anew when they are needed.
            await Eventually.HoldsAsync(
                async () => (await node.ReadPageOfThoseThatAnswerAsync("", 1000, "")).IncompleteNodes.Length == 0,
                $"every node answers {node.Name} again");
            await Eventually.HoldsAsync(
                async () => (await node.ListAsync()).SelectMany(t => t.Conversations).Select(c => c.ConversationId).Order().SequenceEqual(tubes.Select(t => t.ConversationId).Concat(made).Order()),
                $"{node.Name} lists what was made and nothing else");
        }

        var again = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, answers.Length).Select(i => $"d-{i}").Except(made));
        foreach (var node in cluster.Nodes)
        {
            node.HasExited.ShouldBeFalse(node.Errors);
            var now = await node.ListAsync();
            now.Select(t => t.Conversations.ShouldHaveSingleItem().ConversationId).ShouldBe(tubes.Concat(again).Select(t => t.ConversationId).Concat(made), ignoreOrder: true);
            tubes.Select(t => (t.TubeId, t.Node)).ShouldBeSubsetOf(now.Select(t => (t.TubeId, t.Node)));
            (await node.NodesAsync()).ShouldAllBe(n => n.SupersededTubes == 0);
        }
    }

    private static async Task<List<ReceivedEvent>> ReadToEndAsync(EventReader reader)
    {
        await using (reader)
            return await reader.RestAsync();
    }
}
