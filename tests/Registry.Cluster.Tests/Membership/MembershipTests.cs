using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Registry.Cluster.Tests.Scenarios;
using Registry.Host.Cli;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Membership;

public sealed class MembershipTests(ITestOutputHelper log)
{
    [Fact]
    public async Task Three_gateways_become_one_cluster_and_are_named_by_where_they_are_reached()
    {
        var time = Stopwatch.StartNew();
        await using var cluster = await GatewayCluster.StartAsync(3);
        log.WriteLine($"3 nodes up and ready after {time.ElapsedMilliseconds} ms");

        await cluster.KnowEachOtherAsync();
        var names = cluster.Nodes.Select(node => node.Name).ToArray();
        foreach (var node in cluster.Nodes)
            (await node.CreateAsync($"asked-of-{node.Name}")).Node.ShouldBeOneOf(names);

        // One node leaves in order: the others do not have to decide that it is gone.
        var leaving = cluster.Nodes[0];
        time.Restart();
        leaving.Terminate();
        (await leaving.ExitAsync()).ShouldBe((int)ExitCode.Ok, leaving.Errors);
        log.WriteLine($"left after {time.ElapsedMilliseconds} ms");
        time.Restart();
        await cluster.AddAsync();
        log.WriteLine($"another one joined after {time.ElapsedMilliseconds} ms");
        foreach (var node in cluster.Nodes.Skip(1))
        {
            await node.ReadyAsync();
            node.Errors.ShouldNotContain("is lost");
        }
    }

    [Fact]
    public async Task A_node_that_finds_nobody_is_not_ready_and_ends_with_a_code_and_the_addresses_it_tried()
    {
        var nobody = $"127.0.0.1:{GatewayCluster.FreePort()}";
        await using var node = await ClusterProcess.StartAsync("--seed", nobody, "--set", "akka.cluster.shutdown-after-unsuccessful-join-seed-nodes=3s");

        using var answer = await node.Http.GetAsync("/readyz");
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString().ShouldBe("joining");

        using var made = await node.Http.PostAsJsonAsync("/v1/tubes", new { conversationId = "early", settings = new { conversationType = "echo" }, timeoutMs = 200 });
        var refused = await made.Content.ReadFromJsonAsync<JsonElement>();
        refused.GetProperty("code").GetString().ShouldBe("node_unreachable", refused.ToString());
        refused.GetProperty("detail").GetString().ShouldStartWith($"{node.Name} is not in its cluster");

        (await node.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, node.Errors);
        LastLine(node).ShouldStartWith($"registry: node {node.Name} could not join a cluster within 3 s at {nobody}.");
        LastLine(node).ShouldContain("refused");
    }

    [Fact]
    public async Task A_node_that_is_told_to_terminate_while_it_joins_ends_in_order()
    {
        await using var node = await ClusterProcess.StartAsync("--seed", $"127.0.0.1:{GatewayCluster.FreePort()}");
        node.Terminate();
        (await node.ExitAsync()).ShouldBe((int)ExitCode.Ok, node.Errors);
    }

    [Fact]
    public async Task A_gateway_that_is_in_no_cluster_listens_for_http_only()
    {
        await using var gateway = await ClusterProcess.ServeAsync("--set", "registry.telemetry.log.levels=[\"remoting = information\"]");
        await gateway.ReadyAsync();
        ListeningPorts.Of(gateway.Id).ShouldBe([gateway.Url.Port], gateway.Errors);
        gateway.Errors.ShouldNotContain("remoting");
    }

    /// <summary>The last line for people; Akka's log may go on for a moment after it.</summary>
    internal static string LastLine(ClusterProcess node) =>
        node.Errors.Split('\n').LastOrDefault(line => line.StartsWith("registry: ", StringComparison.Ordinal)) ?? node.Errors;
}
