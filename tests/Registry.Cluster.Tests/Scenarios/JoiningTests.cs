using System.Diagnostics;
using Registry.Host.Tests.EndToEnd;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Clients with real tubes that carry data, all made through one node, while the cluster grows.</summary>
[Collection(nameof(SharedCluster))]
public sealed class JoiningTests(SharedCluster shared, ITestOutputHelper log)
{
    [Fact]
    public async Task Tubes_are_found_from_every_node_and_carry_on_while_a_node_joins_which_then_gets_the_next_ones()
    {
        var nodes = shared.Cluster.Running;
        await using var server = await ByteServer.StartAsync();
        var started = Stopwatch.GetTimestamp();
        await using var clients = await ClientTubes.ConnectAsync(nodes[0], server.EndPoint, Size.Tubes);
        log.Figure($"{clients.Tubes.Count} tubes of clients ready through one node in {Stopwatch.GetElapsedTime(started)}");
        var before = await FindEverywhereAsync(nodes, clients);
        foreach (var node in nodes)
            before.Count(t => t.Node == node.Name).ShouldBeGreaterThan(Size.Tubes / (nodes.Count * 2), "they are spread over the nodes");

        Transfer[] transfers = [.. clients.Tubes.Select(tube => new Transfer(tube))];
        var joined = new TaskCompletionSource();
        var going = Task.WhenAll(transfers.Select(transfer => transfer.GoOnAsync(joined.Task)));
        await Eventually.HoldsAsync(() => Task.FromResult(transfers.All(t => t.Answers > 0)), "every transfer has begun");
        started = Stopwatch.GetTimestamp();
        var newcomer = await shared.Cluster.AddAsync();
        await shared.Cluster.KnowEachOtherAsync();
        log.Figure($"a further node joined in {Stopwatch.GetElapsedTime(started)}");
        var further = new List<MadeTube>();
        for (var number = 0; number < Size.FurtherCreates; number++)
            further.Add(await shared.Cluster.Running[number % shared.Cluster.Running.Count].CreateAsync($"further-{number}"));
        log.Figure($"of {further.Count} further tubes the new node got {further.Count(t => t.Node == newcomer.Name)}");
        further.Count(t => t.Node == newcomer.Name).ShouldBeGreaterThan(Size.FurtherCreates * 8 / 10);

        var answers = transfers.Select(t => t.Answers).ToArray();
        await Eventually.HoldsAsync(() => Task.FromResult(transfers.Index().All(t => t.Item.Answers > answers[t.Index])), "every transfer goes on");
        joined.SetResult();
        await going;
        log.Figure($"{transfers.Length} connections had {transfers.Sum(t => t.Answers)} answers meanwhile, the slowest after {transfers.Max(t => t.Longest).TotalMilliseconds:0} ms");
        var (bytes, time) = await GatewayApi.TimedAsync(() => Task.WhenAll(transfers.Select(t => t.DownloadAsync(Size.TransferBytes))));
        log.Figure($"{bytes.Sum() / 1e6} MB more through all of them in {time}");
        clients.Tubes.SelectMany(t => t.Complaints).ShouldBeEmpty();
        server.Total.ShouldBe(clients.Tubes.Count);
        (await FindEverywhereAsync(shared.Cluster.Running, clients)).Select(t => (t.TubeId, t.Node)).ShouldBe(before.Select(t => (t.TubeId, t.Node)));
        await GatewayApi.CloseAllAsync(newcomer, further);
        foreach (var transfer in transfers)
            transfer.Dispose();
    }

    /// <summary>Lists and finds every client's tube at every node.</summary>
    /// <returns>The tubes in the order of their ids.</returns>
    private async Task<List<ListedTube>> FindEverywhereAsync(IReadOnlyList<ClusterProcess> nodes, ClientTubes clients)
    {
        var ids = clients.Tubes.Select(t => t.Ready.TubeId).Order(StringComparer.Ordinal).ToArray();
        var tubes = new List<ListedTube>();
        List<TimeSpan> byTube = [], byConversation = [];
        foreach (var node in nodes)
        {
            tubes = await node.ListAsync("state=ready&");
            tubes.Select(t => t.TubeId).ShouldBe(ids);
            foreach (var tube in tubes)
            {
                var (found, tubeTime) = await GatewayApi.TimedAsync(() => node.GetAsync($"/v1/tubes/{tube.TubeId}"));
                found["node"].ShouldBe(tube.Node, found.ToString());
                var (where, conversationTime) = await GatewayApi.TimedAsync(() => node.GetAsync($"/v1/conversations/{tube.Conversations.Single().ConversationId}"));
                (where["tubeId"], where["node"]).ShouldBe((tube.TubeId, tube.Node), where.ToString());
                if (tube.Node == node.Name)
                    continue;
                byTube.Add(tubeTime);
                byConversation.Add(conversationTime);
            }
        }

        log.Figure($"find another node's tube: by its id {Figures.Spread(byTube)}; by its conversation {Figures.Spread(byConversation)}");
        return tubes;
    }
}
