using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Tests.Turn;

namespace Registry.WebRtc.Tests.Ice;

public sealed class IceGathererTests
{
    private const string A = "192.0.2.1:5000";
    private const string B = "192.0.2.2:6000";
    private const string Stun = "stun:198.51.100.1";
    private const string Turn = "turn:198.51.100.1";

    private readonly SimulatedNetwork network = new(1, NetworkConditions.Perfect);
    private readonly TurnServerEndpoint server;

    public IceGathererTests() => server = new(network, "198.51.100.1:3478");

    [Fact]
    public void Host_reflexive_and_relayed_candidates_are_found_as_they_come()
    {
        server.SeesAs = TransportAddress.From(IPEndPoint.Parse("203.0.113.1:7777"));
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Stun, Turn]);
        agent.Gather();

        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(5)).ShouldBeTrue();

        agent.GatheredAt.ShouldBe(TimeSpan.FromMilliseconds(40));
        agent.Candidates.Select(c => (c.Type, $"{c.Address}:{c.Port}", c.RelatedAddress?.ToString())).ShouldBe(
        [
            (IceCandidateType.Host, A, null),
            (IceCandidateType.ServerReflexive, "203.0.113.1:7777", A),
            (IceCandidateType.Relay, "198.51.100.1:50000", "192.0.2.1:5001"),
        ]);
        agent.Candidates.Select(c => c.Priority).ShouldBeInOrder(SortDirection.Descending);
        agent.Candidates.Select(c => c.Foundation).ShouldBeUnique();
        agent.Gatherer.Errors.ShouldBeEmpty();
    }

    [Fact]
    public void A_reflexive_candidate_that_is_the_host_s_own_address_is_redundant()
    {
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Stun, Stun]);
        agent.Gather();

        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(5)).ShouldBeTrue();

        agent.Candidates.Single().Type.ShouldBe(IceCandidateType.Host);
    }

    [Fact]
    public void Without_servers_gathering_ends_where_it_starts()
    {
        var agent = new RelayedAgent(network, A, IceRole.Controlling, []);
        agent.Gather();

        (agent.IsGathered, agent.Candidates.Count).ShouldBe((true, 1));
        agent.Gatherer.NextTimeout.ShouldBe(TimeSpan.MaxValue);
    }

    [Theory]
    [InlineData(Stun)]
    [InlineData(Turn)]
    public void A_silent_server_holds_gathering_up_for_its_time_and_no_longer(string url)
    {
        network.Drop = (_, source, _) => source == server.Address;
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [url]);
        agent.Gather();

        network.RunUntil(() => agent.IsGathered, TimeSpan.FromMinutes(1)).ShouldBeTrue();

        agent.GatheredAt.ShouldBe(TimeSpan.FromSeconds(5));
        agent.Candidates.Count.ShouldBe(1);
        agent.Gatherer.Errors.Single().ShouldContain("did not answer within 5 s");
        agent.Gatherer.OpenRelays.ShouldBe(0);
        network.Drop = null;
        network.RunFor(TimeSpan.FromMinutes(1));
        agent.Candidates.Count.ShouldBe(1);
    }

    [Fact]
    public void A_refusal_is_named_with_its_server_and_ends_the_wait()
    {
        server.Refuses = StunErrorCode.AllocationQuotaReached;
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Turn], relayOnly: true);
        agent.Gather();

        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();

        agent.Candidates.ShouldBeEmpty();
        agent.Gatherer.Errors.Single().ShouldBe("turn:198.51.100.1:3478?transport=udp failed: the user has as many allocations as the server permits (486)");
        agent.Others.Single().Kind.ShouldBe(IceGatheringEventKind.RelayClosed);
    }

    [Fact]
    public void An_alternate_server_is_asked_instead_and_a_circle_of_them_ends()
    {
        var second = new TurnServerEndpoint(network, "198.51.100.2:3479");
        (server.Refuses, server.Alternate) = (StunErrorCode.TryAlternate, second.Address);
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Turn], relayOnly: true);
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        agent.Candidates.Single().Address.ShouldBe("198.51.100.2");

        (second.Refuses, second.Alternate) = (StunErrorCode.TryAlternate, server.Address);
        var lost = new RelayedAgent(network, B, IceRole.Controlling, [Turn], relayOnly: true);
        lost.Gather();
        network.RunUntil(() => lost.IsGathered, TimeSpan.FromSeconds(2)).ShouldBeTrue();
        lost.Candidates.ShouldBeEmpty();
        lost.Gatherer.Errors.Single().ShouldContain("from one server to the next");
    }

    [Fact]
    public void A_restart_offers_a_relay_again_that_its_server_still_has_and_replaces_one_that_it_lost()
    {
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Turn], relayOnly: true);
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        var first = agent.Candidates.Single();

        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        agent.Candidates.ShouldBe([first, first]);
        server.Allocations.ShouldBe(1);

        server.Forget();
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        agent.Candidates.Count.ShouldBe(3);
        agent.Candidates[^1].Port.ShouldNotBe(first.Port);
        server.Allocations.ShouldBe(1);
        agent.Gatherer.OpenRelays.ShouldBe(1);
        agent.Others.Select(other => other.Kind).ShouldBe([IceGatheringEventKind.RelayClosed]);
        agent.Gatherer.Errors.Single().ShouldContain("437");

        server.Forget();
        network.RunFor(TimeSpan.FromMinutes(10));
        agent.Others.Skip(1).Select(other => other.Kind).ShouldBe([IceGatheringEventKind.RelayLost, IceGatheringEventKind.RelayClosed]);
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        agent.Candidates.Count.ShouldBe(4);
    }

    [Fact]
    public void A_relay_whose_server_is_silent_is_not_offered_again()
    {
        var agent = new RelayedAgent(network, A, IceRole.Controlling, [Turn], relayOnly: true);
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(1)).ShouldBeTrue();

        network.Drop = (_, source, _) => source == server.Address;
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(6)).ShouldBeTrue();
        agent.Candidates.Count.ShouldBe(1);

        network.Drop = null;
        agent.Gather();
        network.RunUntil(() => agent.IsGathered, TimeSpan.FromSeconds(6)).ShouldBeTrue();
        agent.Candidates.Count.ShouldBe(2);
    }

    [Fact]
    public void A_direct_path_wins_over_relays()
    {
        var (a, b) = Pair(network, 1, relayOnly: false);

        network.RunUntil(() => a.IsConnected && b.IsConnected && a.IsGathered && b.IsGathered, TimeSpan.FromSeconds(5)).ShouldBeTrue();
        network.RunFor(TimeSpan.FromSeconds(2));

        a.Agent.SelectedPair!.Local.Type.ShouldBe(IceCandidateType.Host);
        b.Agent.SelectedPair!.Remote.Type.ShouldBe(IceCandidateType.Host);
    }

    [Fact]
    public void Where_no_direct_path_works_the_relays_do()
    {
        var addresses = new[] { A, B }.Select(text => TransportAddress.From(IPEndPoint.Parse(text))).ToArray();
        network.Drop = (_, source, _) => addresses.Contains(source);
        var (a, b) = Pair(network, 1, relayOnly: false);

        network.RunUntil(() => a.IsConnected && b.IsConnected, TimeSpan.FromSeconds(5)).ShouldBeTrue();

        a.Agent.SelectedRemote!.Value.Relay.ShouldNotBe((ushort)0);
        b.Agent.SelectedRemote!.Value.Relay.ShouldNotBe((ushort)0);
    }

    [Fact]
    public void Relay_only_ends_neither_send_to_nor_hear_each_other_directly()
    {
        var direct = 0;
        var addresses = new[] { A, B }.Select(text => TransportAddress.From(IPEndPoint.Parse(text))).ToArray();
        network.Drop = (_, source, _) =>
        {
            direct += addresses.Contains(source) ? 1 : 0;
            return false;
        };
        var (a, b) = Pair(network, 1, relayOnly: true);
        // The peer may know the address all the same, and check it.
        a.Agent.AddRemoteCandidate(network.Now, IceCandidatePriority.CreateHost(b.EndPoint.Address, b.EndPoint.Port, 1));
        network.RunUntil(() => a.IsConnected && b.IsConnected, TimeSpan.FromSeconds(5)).ShouldBeTrue();
        network.RunFor(TimeSpan.FromMinutes(1));

        direct.ShouldBe(0);
        a.Candidates.Concat(b.Candidates).ShouldAllBe(c => c.Type == IceCandidateType.Relay && c.RelatedAddress!.ToString() == "0.0.0.0:0");
        a.Agent.SelectedPair.ShouldNotBeNull().Local.ShouldBe(a.Candidates.Single());
        server.ChannelMessages.ShouldBeGreaterThan(0, "the selected pair has a channel");
    }

    [Fact]
    public void Two_relayed_ends_meet_over_lossy_networks_of_every_seed_and_stay_connected()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var lossy = new SimulatedNetwork(seed, new() { Loss = 0.1, Duplication = 0.05, Reordering = 0.2 });
            _ = new TurnServerEndpoint(lossy, "198.51.100.1:3478");
            var (a, b) = Pair(lossy, seed, relayOnly: true);

            lossy.RunUntil(() => a.IsConnected && b.IsConnected, TimeSpan.FromSeconds(15)).ShouldBeTrue($"seed {seed}: {a.Agent.State} {b.Agent.State}");
            lossy.RunFor(TimeSpan.FromMinutes(12));

            a.IsConnected.ShouldBeTrue($"seed {seed}: {a.Agent.State} {a.Agent.Failure}");
            b.IsConnected.ShouldBeTrue($"seed {seed}: {b.Agent.State} {b.Agent.Failure}");
        }
    }

    private static (RelayedAgent A, RelayedAgent B) Pair(SimulatedNetwork network, int seed, bool relayOnly)
    {
        var a = new RelayedAgent(network, A, IceRole.Controlling, [Turn], relayOnly, seed);
        var b = new RelayedAgent(network, B, IceRole.Controlled, [Turn], relayOnly, seed + 1000);
        a.Knows(b);
        b.Knows(a);
        a.Gather();
        b.Gather();
        return (a, b);
    }
}
