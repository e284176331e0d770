using System.Diagnostics;
using Registry.Cluster.Tests.Scenarios;
using Registry.Host.Cli;
using Xunit.Abstractions;
using static Registry.Cluster.Tests.Membership.MembershipTests;

namespace Registry.Cluster.Tests.Membership;

/// <summary>A node that the others are without ends, and says so.</summary>
public sealed class MinorityTests(ITestOutputHelper log)
{
    [Fact]
    public async Task A_node_that_lost_the_majority_closes_its_tubes_and_ends_with_a_code_of_its_own()
    {
        await using var cluster = await GatewayCluster.StartAsync(3, "--set", "akka.cluster.split-brain-resolver.stable-after=2s");
        var left = cluster.Nodes[2];
        await cluster.KnowEachOtherAsync();
        // Where a tube goes is the cluster's choice; of so many one goes to each node.
        var tubes = await GatewayApi.CreateAllAsync(cluster.Nodes, Enumerable.Range(0, 12).Select(i => $"c-{i}"));
        var tube = tubes.First(t => t.Node == left.Name).TubeId;
        var signals = left.Http.GetStringAsync($"/v1/tubes/{tube}/signals");

        var time = Stopwatch.StartNew();
        cluster.Nodes[0].Kill();
        cluster.Nodes[1].Kill();

        (await signals.WaitAsync(ClusterProcess.Patience)).ShouldContain("NodeStopped");
        (await left.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, left.Errors);
        log.WriteLine($"ended {time.ElapsedMilliseconds} ms after the others were killed");
        LastLine(left).ShouldStartWith($"registry: node {left.Name} was removed from its cluster");
    }

    [Fact]
    public async Task A_node_that_was_taken_for_dead_ends_when_it_runs_again_and_the_others_go_on()
    {
        await using var cluster = await GatewayCluster.StartAsync(
            3, "--set", "akka.cluster.failure-detector.acceptable-heartbeat-pause=2s", "--set", "akka.cluster.split-brain-resolver.stable-after=2s");
        var hung = cluster.Nodes[1];
        hung.Pause();
        await cluster.Nodes[0].SaysAsync("does not answer");
        // Nobody becomes up while a member neither answers nor is removed.
        await cluster.AddAsync();

        hung.Resume();

        (await hung.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, hung.Errors);
        LastLine(hung).ShouldStartWith($"registry: node {hung.Name} was removed from its cluster");
        await cluster.Nodes[0].ReadyAsync();
        await cluster.Nodes[2].ReadyAsync();
    }
}
