using System.Diagnostics;
using System.Net;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Many conversations over three nodes: lists, memory, and what they cost when a node is lost.</summary>
[Collection(nameof(BusyScenarios))]
public sealed class ScaleTests(BusyCluster busy, ITestOutputHelper log)
{
    private const int PageLength = 500;
    private static readonly TimeSpan PageTime = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task Many_conversations_are_listed_quickly_and_told_anew_when_a_node_is_lost()
    {
        var cluster = await busy.OfThreeAsync();
        var nodes = cluster.Running;
        await GatewayApi.CloseAllAsync(nodes[0], await GatewayApi.CreateAllAsync(nodes, Enumerable.Range(0, 100).Select(i => $"warm-up-{i}")));
        var memoryBefore = await MemoryAsync(cluster);

        var (tubes, time) = await GatewayApi.TimedAsync(() => GatewayApi.CreateAllAsync(nodes, Enumerable.Range(0, Size.Conversations).Select(i => $"c-{i}")));
        log.Figure($"{tubes.Length} conversations made in {time}");
        var memory = await MemoryAsync(cluster);
        log.Figure($"heap {(memory.Heap - memoryBefore.Heap) / tubes.Length / 1024:0.0} KiB, resident {(memory.Resident - memoryBefore.Resident) / tubes.Length / 1024:0.0} KiB for each conversation, its tube included");

        await nodes[0].ListAsync();
        var pages = new List<TimeSpan>();
        foreach (var node in nodes)
            (await ListAsync(node, pages)).ShouldBe(tubes.Select(t => t.TubeId).Order(StringComparer.Ordinal));
        log.Figure($"pages of {PageLength}: {Figures.Spread(pages)}");
        if (Size.IsFull) // alone on the machine, as figures are taken
            pages.Order().ElementAt(pages.Count / 2).ShouldBeLessThan(PageTime);

        var lost = nodes[2];
        var kept = tubes.Where(t => t.Node != lost.Name).ToArray();
        await using var reader = await EventReader.OfTubeAsync(nodes[0], tubes.First(t => t.Node == lost.Name).TubeId);
        var killed = Stopwatch.GetTimestamp();
        lost.Kill();
        await reader.RestAsync();
        var removed = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(kept, new ParallelOptions { MaxDegreeOfParallelism = 16 }, (tube, _) => FindAsync(nodes.First(n => n != lost && n.Name != tube.Node), tube));
        log.Figure($"removed {Stopwatch.GetElapsedTime(killed, removed)} after the kill; {kept.Length} conversations of the others found by their entries {Stopwatch.GetElapsedTime(removed)} after that");
        foreach (var node in cluster.Running)
            (await ListAsync(node, pages)).ShouldBe(kept.Select(t => t.TubeId).Order(StringComparer.Ordinal));
        await GatewayApi.CloseAllAsync(nodes[0], kept);
    }

    private static async Task<List<string>> ListAsync(ClusterProcess node, List<TimeSpan> pages)
    {
        var ids = new List<string>();
        for (string? cursor = ""; cursor is not null;)
        {
            var (page, time) = await GatewayApi.TimedAsync(() => node.ReadPageAsync("", PageLength, cursor));
            page.Items.Length.ShouldBeLessThanOrEqualTo(PageLength);
            pages.Add(time);
            ids.AddRange(page.Items.Select(t => t.TubeId));
            cursor = page.NextCursor;
        }

        return ids;
    }

    // Asked of a node that does not have it, so that the entry answers, which says nothing before all nodes have told it what they hold.
    private static async ValueTask FindAsync(ClusterProcess asked, MadeTube tube)
    {
        Answer answer = default;
        await Eventually.HoldsAsync(async () =>
        {
            answer = await asked.GetAsync($"/v1/conversations/{tube.ConversationId}");
            (answer.Code is null or "node_unreachable").ShouldBeTrue(answer.ToString());
            return answer.Status == HttpStatusCode.OK;
        }, $"{tube.ConversationId} is found");
        (answer["tubeId"], answer["node"]).ShouldBe((tube.TubeId, tube.Node));
    }

    private static async Task<(double Heap, double Resident)> MemoryAsync(GatewayCluster cluster)
    {
        double heap = 0, resident = 0;
        foreach (var node in cluster.Running)
        {
            heap += await node.MetricAsync("dotnet_gc_last_collection_heap_size_bytes");
            resident += await node.MetricAsync("dotnet_process_memory_working_set_bytes");
        }

        return (heap, resident);
    }
}
