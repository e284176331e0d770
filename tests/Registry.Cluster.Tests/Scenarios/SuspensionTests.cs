using System.Diagnostics;
using Registry.Cluster.Tests.Membership;
using Registry.Host.Cli;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>A node that stops running for so long that it is given up, and then goes on.</summary>
public sealed class SuspensionTests(ITestOutputHelper log)
{
    [Fact]
    public async Task A_suspended_node_that_goes_on_ends_and_no_conversation_keeps_two_tubes()
    {
        await using var cluster = await GatewayCluster.StartAsync(3, GatewayApi.PatientTubes);
        await cluster.KnowEachOtherAsync();
        var tubes = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, Size.Tubes).Select(i => $"c-{i}"));
        // The oldest: it goes on in the belief that it decides where entries live.
        var hung = cluster.Nodes[0];
        var lost = tubes.Where(t => t.Node == hung.Name).ToArray();
        var kept = tubes.Except(lost).ToArray();
        ClusterProcess[] others = [.. cluster.Nodes.Skip(1)];
        await using var reader = await EventReader.OfTubeAsync(others[0], lost[0].TubeId);

        var paused = Stopwatch.GetTimestamp();
        hung.Pause();
        await reader.RestAsync();
        log.Figure($"given up {Stopwatch.GetElapsedTime(paused)} after it was suspended");
        var (again, refusals) = await GatewayApi.CreateAgainAsync(others, lost);
        log.Figure($"its {lost.Length} conversations made again {Stopwatch.GetElapsedTime(paused)} after it was suspended, {refusals} creates refused before");
        if (Size.Suspension - Stopwatch.GetElapsedTime(paused) is { Ticks: > 0 } left)
            await Task.Delay(left);

        var resumed = Stopwatch.GetTimestamp();
        hung.Resume();
        var told = TimeSpan.Zero;
        while (!hung.HasExited)
        {
            foreach (var other in others)
                (await other.ListAsync()).SelectMany(t => t.Conversations).Select(c => c.ConversationId).ShouldBeUnique();
            if (await HasTubesAsync(hung))
                told = Stopwatch.GetElapsedTime(resumed);
            Stopwatch.GetElapsedTime(resumed).ShouldBeLessThan(ClusterProcess.Patience, hung.Errors);
        }

        log.Figure($"ended {Stopwatch.GetElapsedTime(resumed)} after it went on; until {told} it still listed its tubes");
        (await hung.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, hung.Errors);
        MembershipTests.LastLine(hung).ShouldStartWith($"registry: node {hung.Name} was removed from its cluster");
        foreach (var other in others)
        {
            await other.ReadyAsync();
            var now = await other.ListAsync();
            now.Select(t => t.Conversations.ShouldHaveSingleItem().ConversationId).ShouldBe(tubes.Select(t => t.ConversationId), ignoreOrder: true);
            now.Select(t => (t.TubeId, t.Node)).ShouldBe(kept.Concat(again).Select(t => (t.TubeId, t.Node)), ignoreOrder: true);
            (await other.NodesAsync()).Sum(n => n.SupersededTubes).ShouldBe(0);
        }
    }

    // It is on its way out: no answer is one too.
    private static async Task<bool> HasTubesAsync(ClusterProcess node)
    {
        try
        {
            return (await node.GetAsync("/v1/tubes?state=connecting")).Body.TryGetProperty("items", out var items)
                && items.EnumerateArray().Any(t => t.GetProperty("node").GetString() == node.Name);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return false;
        }
    }
}
