using System.Net;
using Akka.Discovery;
using Registry.Actors.Cluster.Membership;
using Registry.Host.Cli;

namespace Registry.Cluster.Tests.Membership;

public sealed class DiscoveryTests
{
    [Fact]
    public async Task Nodes_that_find_each_other_under_a_name_become_one_cluster()
    {
        string[] ports = [GatewayCluster.FreePort(), GatewayCluster.FreePort()];
        var endpoints = string.Join(", ", ports.Select(port => $"\"127.0.0.1:{port}\""));
        string[] find =
        [
            "--set", "registry.cluster.discovery.method=config", "--set", "registry.cluster.discovery.service-name=gateways",
            "--set", "registry.telemetry.log.levels=[\"Cluster = information\"]",
            "--set", "registry.cluster.discovery.stable-for=500ms", "--set", $"akka.discovery.config.services.gateways.endpoints=[{endpoints}]",
        ];
        var nodes = await Task.WhenAll(ports.Select(port => ClusterProcess.ServeAsync(["--cluster", $"127.0.0.1:{port}", .. find])));
        try
        {
            await Task.WhenAll(nodes.Select(node => node.ReadyAsync()));
            nodes.Count(node => node.Errors.Contains("forming a new cluster", StringComparison.Ordinal)).ShouldBe(1);
        }
        finally
        {
            foreach (var node in nodes)
                await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task The_addresses_of_a_name_are_joined_at()
    {
        var port = GatewayCluster.FreePort();
        string[] find = ["--set", "registry.cluster.discovery.method=dns", "--set", "registry.cluster.discovery.service-name=localhost", "--set", "registry.cluster.discovery.stable-for=500ms"];
        await using var first = await ClusterProcess.ServeAsync(["--cluster", $"127.0.0.1:{port}", .. find]);
        // Not among what the name resolves to, so that it cannot have formed a cluster itself.
        await using var second = await ClusterProcess.StartAsync([.. find, "--set", $"registry.cluster.discovery.port={port}"]);
        await first.ReadyAsync();
        await second.ReadyAsync();
    }

    [Fact]
    public async Task A_node_that_waits_for_more_nodes_than_there_are_ends()
    {
        await using var node = await ClusterProcess.StartAsync(
            "--set", "registry.cluster.discovery.method=dns", "--set", "registry.cluster.discovery.service-name=localhost",
            "--set", "registry.cluster.discovery.required-nodes=2", "--set", "akka.cluster.shutdown-after-unsuccessful-join-seed-nodes=2s");
        (await node.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, node.Errors);
        MembershipTests.LastLine(node).ShouldContain("at what dns finds under localhost");
    }

    [Fact]
    public async Task A_name_resolves_to_its_addresses_and_an_unknown_one_to_none()
    {
        var dns = new DnsServiceDiscovery();
        (await dns.Lookup("localhost", ClusterProcess.Patience)).Addresses.ShouldContain(new ServiceDiscovery.ResolvedTarget("127.0.0.1", address: IPAddress.Loopback));
        (await dns.Lookup("nobody.invalid", ClusterProcess.Patience)).Addresses.ShouldBeEmpty();
    }
}
