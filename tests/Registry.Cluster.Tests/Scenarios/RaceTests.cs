using System.Net;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Clients that want the same.</summary>
[Collection(nameof(SharedCluster))]
public sealed class RaceTests(SharedCluster shared, ITestOutputHelper log)
{
    [Fact]
    public async Task Of_two_creates_of_one_conversation_at_one_moment_at_two_nodes_one_makes_the_tube_and_the_other_is_told_which()
    {
        var nodes = shared.Cluster.Running;
        var made = new List<MadeTube>();
        var times = new List<TimeSpan>();
        for (var race = 0; race < Size.Races; race++)
        {
            var conversation = $"race-{race}";
            var (answers, time) = await GatewayApi.TimedAsync(() => Task.WhenAll(
                nodes[race % nodes.Count].TryCreateAsync(conversation, "racers"),
                nodes[(race + 1) % nodes.Count].TryCreateAsync(conversation, "racers")));
            times.Add(time);
            var created = answers.Where(a => a.Status == HttpStatusCode.Created).ShouldHaveSingleItem(string.Join(" and ", answers));
            var refused = answers.Single(a => a.Status != HttpStatusCode.Created);
            refused.Code.ShouldBe("conversation_exists", refused.ToString());
            refused["tubeId"].ShouldBe(created["tubeId"]);
            made.Add(new(created["tubeId"]!, conversation, created["node"]!));
        }

        log.Figure($"two creates of one conversation at two nodes, both answered: {Figures.Spread(times)}");
        foreach (var node in nodes)
        {
            (await node.ListAsync("owner=racers&")).Select(t => t.TubeId).ShouldBe(made.Select(t => t.TubeId), ignoreOrder: true);
            (await node.NodesAsync()).Sum(n => n.SupersededTubes).ShouldBe(0);
        }

        await GatewayApi.CloseAllAsync(nodes[0], made);
    }
}
