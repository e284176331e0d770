using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Ice;

public sealed class IceAgentConnectTests
{
    private const string A = "192.0.2.1:5000";
    private const string B = "192.0.2.2:6000";

    private static TransportAddress Address(string text) => TransportAddress.From(IPEndPoint.Parse(text));

    private static bool Completed(IceNode a, IceNode b) =>
        a.Agent.State == IceConnectionState.Completed && b.Agent.State == IceConnectionState.Completed;

    [Theory]
    [InlineData(A, B)]
    [InlineData("[2001:db8::1]:5000", "[2001:db8::2]:6000")]
    public void Two_agents_complete_in_two_round_trips(string first, string second)
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(first, IceRole.Controlling), network.Add(second, IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromSeconds(1), () => Completed(a, b)).ShouldBeTrue();

        network.Now.ShouldBeLessThanOrEqualTo(4 * network.Delay);
        a.Agent.SelectedRemote.ShouldBe(b.Address);
        b.Agent.SelectedRemote.ShouldBe(a.Address);
        a.Agent.SelectedPair.ShouldBe(new CandidatePair(a.Candidate, b.Candidate));
        b.Agent.SelectedPair.ShouldBe(new CandidatePair(b.Candidate, a.Candidate));
        a.States.ShouldBe([IceConnectionState.Checking, IceConnectionState.Connected, IceConnectionState.Completed]);
        a.Sent.ShouldBeLessThanOrEqualTo(4);
        b.Sent.ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public void Data_may_flow_after_one_round_trip()
    {
        var network = new IceNetwork(1) { Delay = TimeSpan.FromMilliseconds(20) };
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromSeconds(1), () => a.Agent.SelectedRemote is not null && b.Agent.SelectedRemote is not null).ShouldBeTrue();

        network.Now.ShouldBe(2 * network.Delay);
        a.Agent.RoundTripTime.ShouldBe(2 * network.Delay);
        b.Agent.RoundTripTime.ShouldBe(2 * network.Delay);
    }

    [Theory]
    [InlineData(true, 5, 9)]
    [InlineData(true, 9, 5)]
    [InlineData(false, 5, 9)]
    [InlineData(false, 9, 5)]
    public void A_role_conflict_is_settled_by_the_tie_breakers(bool bothControl, ulong tieBreakerA, ulong tieBreakerB)
    {
        var role = bothControl ? IceRole.Controlling : IceRole.Controlled;
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, role, tieBreaker: tieBreakerA), network.Add(B, role, tieBreaker: tieBreakerB));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromSeconds(1), () => Completed(a, b)).ShouldBeTrue();

        a.Agent.Role.ShouldBe(tieBreakerA > tieBreakerB ? IceRole.Controlling : IceRole.Controlled);
        b.Agent.Role.ShouldBe(tieBreakerA > tieBreakerB ? IceRole.Controlled : IceRole.Controlling);
        network.Now.ShouldBeLessThan(TimeSpan.FromMilliseconds(60));
    }

    [Fact]
    public void A_role_conflict_seen_by_one_side_only_is_settled_by_487()
    {
        // B learns A from A's check alone; A holds the smaller tie-breaker and must give way.
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling, tieBreaker: 1), network.Add(B, IceRole.Controlling, tieBreaker: 2));
        b.KnowsCredentialsOf(a).Ended();
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);

        network.Run(TimeSpan.FromSeconds(1), () => Completed(a, b)).ShouldBeTrue();

        a.Agent.Role.ShouldBe(IceRole.Controlled);
        b.Agent.Role.ShouldBe(IceRole.Controlling);
    }

    [Fact]
    public void A_late_candidate_connects()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b);
        b.KnowsCredentialsOf(a);
        network.Run(TimeSpan.FromSeconds(9)).ShouldBeTrue();
        a.Agent.State.ShouldBe(IceConnectionState.Checking);

        a.KnowsCandidatesOf(b);

        network.Run(TimeSpan.FromMilliseconds(50), () => a.IsConnected && b.IsConnected).ShouldBeTrue();
        b.Agent.SelectedPair!.Remote.Type.ShouldBe(IceCandidateType.PeerReflexive);
    }

    [Fact]
    public void A_dead_candidate_does_not_delay_a_live_one()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b);
        b.KnowsCredentialsOf(a);
        foreach (var host in Enumerable.Range(1, 20))
            a.Learns(b.Candidate with { Address = $"203.0.113.{host}", Priority = b.Candidate.Priority + 1 });
        b.KnowsCandidatesOf(a, ended: false);
        a.KnowsCandidatesOf(b);
        b.Ended();

        network.Run(TimeSpan.FromSeconds(1), () => Completed(a, b)).ShouldBeTrue();

        network.Now.ShouldBeLessThanOrEqualTo(IceOptions.Default.NominationDelay + 10 * network.Delay);
    }

    [Fact]
    public void The_best_of_several_working_pairs_is_nominated()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        var best = b.Candidate;
        var worse = best with { Type = IceCandidateType.ServerReflexive, Address = "198.51.100.7", Priority = best.Priority - (20u << 24) };
        // The worse address reaches B through a translator, in whose network A has an address of its own.
        var (outside, inside) = (Address("198.51.100.7:6000"), Address("198.51.100.8:5000"));
        network.Translate = (from, to) => to == outside ? (inside, b.Address) : to == inside ? (outside, a.Address) : (from, to);
        a.KnowsCredentialsOf(b).Learns(worse).Learns(best).Ended();
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromSeconds(1), () => Completed(a, b)).ShouldBeTrue();

        a.Agent.SelectedRemote.ShouldBe(b.Address);
        b.Agent.SelectedRemote.ShouldBe(a.Address);
        a.Events.ShouldContain(e => e.Event.Remote == outside, "the worse pair worked too");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Checks_before_the_remote_credentials_are_answered_and_made_up_for(bool earlyIsControlling)
    {
        var network = new IceNetwork(1);
        var early = network.Add(A, earlyIsControlling ? IceRole.Controlling : IceRole.Controlled);
        var late = network.Add(B, earlyIsControlling ? IceRole.Controlled : IceRole.Controlling);
        early.KnowsCredentialsOf(late).KnowsCandidatesOf(late);
        network.Run(TimeSpan.FromMilliseconds(300)).ShouldBeTrue();
        early.IsConnected.ShouldBeTrue();
        late.Agent.State.ShouldBe(IceConnectionState.New);
        late.Events.Select(e => e.Event).ShouldBe([new IceEvent(IceEventKind.RemoteAddressLearned, IceConnectionState.New, early.Address)]);

        late.KnowsCredentialsOf(early).Ended();

        network.Run(TimeSpan.FromMilliseconds(10), () => Completed(early, late)).ShouldBeTrue();
        late.Events.Count(e => e.Event.Kind == IceEventKind.RemoteAddressLearned).ShouldBe(1);
    }

    [Fact]
    public void Early_checks_of_other_credentials_are_forgotten()
    {
        var network = new IceNetwork(1);
        var (stranger, late) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        stranger.KnowsCredentialsOf(late).KnowsCandidatesOf(late);
        network.Run(TimeSpan.FromMilliseconds(20)).ShouldBeTrue();

        late.Agent.SetRemoteCredentials(network.Now, "otherone", new string('p', 24), isLite: false);
        network.Run(TimeSpan.FromSeconds(1)).ShouldBeTrue();

        late.Events.Select(e => e.Event.Kind).ShouldContain(IceEventKind.RemoteAddressForgotten);
        late.Agent.SelectedRemote.ShouldBeNull();
    }

    [Fact]
    public void A_lite_peer_is_controlled()
    {
        var network = new IceNetwork(1);
        var (full, lite) = (network.Add(A, IceRole.Controlled), network.Add(B, IceRole.Controlled));
        // The scripted lite side only answers: it never learns credentials, so it makes no checks.
        full.KnowsCredentialsOf(lite, isLite: true).KnowsCandidatesOf(lite);

        network.Run(TimeSpan.FromSeconds(1), () => full.Agent.State == IceConnectionState.Completed).ShouldBeTrue();

        full.Agent.Role.ShouldBe(IceRole.Controlling);
        network.Now.ShouldBeLessThanOrEqualTo(4 * network.Delay);
    }

    [Fact]
    public void Twenty_percent_loss_costs_little()
    {
        List<TimeSpan> times = [];
        for (var seed = 0; seed < 200; seed++)
        {
            var network = new IceNetwork(seed) { Loss = 0.2, Delay = TimeSpan.FromMilliseconds(5) };
            var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
            a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
            b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

            network.Run(TimeSpan.FromSeconds(4), () => Completed(a, b)).ShouldBeTrue($"seed {seed}");

            times.Add(network.Now);
            (a.Sent + b.Sent).ShouldBeLessThan(60, $"seed {seed}");
        }
        times.Sort();
        times[100].ShouldBeLessThan(TimeSpan.FromMilliseconds(100));
        times[190].ShouldBeLessThan(TimeSpan.FromMilliseconds(500));
    }

    [Fact]
    public void Any_order_of_signalling_over_a_bad_network_ends_with_both_on_one_pair()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var network = new IceNetwork(seed)
            {
                Loss = 0.1,
                Duplication = 0.05,
                Delay = TimeSpan.FromMilliseconds(random.Next(1, 60)),
                Jitter = TimeSpan.FromMilliseconds(random.Next(40)),
            };
            IceRole Any() => (IceRole)random.Next(2);
            var (a, b) = (network.Add(A, Any()), network.Add(B, Any()));
            var dead = b.Candidate with { Address = "203.0.113.1", Priority = b.Candidate.Priority + 5 };
            Action[] signals =
            [
                () => a.KnowsCredentialsOf(b), () => b.KnowsCredentialsOf(a),
                () => a.Learns(b.Candidate), () => b.Learns(a.Candidate), () => a.Learns(dead), () => a.Ended(), () => b.Ended(),
            ];
            random.Shuffle(signals);
            foreach (var signal in signals)
            {
                signal();
                network.Run(TimeSpan.FromMilliseconds(random.Next(300))).ShouldBeTrue();
            }

            network.Run(TimeSpan.FromSeconds(10), () => Completed(a, b)).ShouldBeTrue($"seed {seed}");

            a.Agent.SelectedRemote.ShouldBe(b.Address, $"seed {seed}");
            b.Agent.SelectedRemote.ShouldBe(a.Address, $"seed {seed}");
            a.Agent.Role.ShouldNotBe(b.Agent.Role, $"seed {seed}");
        }
    }

    [Fact]
    public void A_round_trip_longer_than_the_first_retransmission_still_connects()
    {
        var network = new IceNetwork(1) { Delay = TimeSpan.FromMilliseconds(400) };
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromSeconds(5), () => Completed(a, b)).ShouldBeTrue();

        network.Now.ShouldBeLessThanOrEqualTo(4 * network.Delay);
        (a.Sent + b.Sent).ShouldBeLessThanOrEqualTo(48);
    }

    [Fact]
    public void With_every_pair_failed_and_no_candidates_left_the_agent_fails()
    {
        var network = new IceNetwork(1) { Carries = (_, _) => false };
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);

        network.Run(TimeSpan.FromSeconds(20), () => a.Agent.State == IceConnectionState.Failed).ShouldBeTrue();

        network.Now.ShouldBeLessThan(TimeSpan.FromSeconds(12));
        a.Agent.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.IceFailed);
        a.Sent.ShouldBe(IceOptions.Default.MaxTransmissions);
        a.Agent.NextTimeout.ShouldBe(TimeSpan.MaxValue);
    }

    [Fact]
    public void Without_an_end_of_candidates_checking_fails_when_its_time_is_over()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b);

        network.Run(TimeSpan.FromMinutes(1), () => a.Agent.State == IceConnectionState.Failed).ShouldBeTrue();

        network.Now.ShouldBe(IceOptions.Default.ConnectTimeout);
        a.Agent.Failure!.Message.ShouldContain("0 remote candidates");
    }

    [Fact]
    public void A_check_from_an_unknown_address_saves_a_session_whose_pairs_failed()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).Learns(b.Candidate with { Address = "203.0.113.9" }).Ended();
        network.Run(TimeSpan.FromSeconds(6)).ShouldBeTrue();

        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);

        network.Run(TimeSpan.FromMilliseconds(10), () => Completed(a, b)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active")]
    [InlineData("candidate:1 1 tcp 1518280447 192.0.2.2 6000 typ host tcptype passive")]
    [InlineData("candidate:1 2 udp 2130706430 192.0.2.2 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 0a1b2c3d-0000-4000-8000-000000000000.local 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 224.0.0.251 5353 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 255.255.255.255 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 0.0.0.0 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 ff02::fb 5353 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 fe80::1 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 ::ffff:224.0.0.1 6000 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 192.0.2.2 0 typ host")]
    [InlineData("candidate:1 1 udp 2130706431 192.0.2.2 6000 typ host ufrag fromAnotherSession")]
    [InlineData("candidate:1 1 udp 2130706431 2001:db8::2 6000 typ host")]
    public void Nothing_is_sent_to_a_candidate_that_cannot_be_used(string line)
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).Learns(IceCandidate.Parse(line));

        network.Run(TimeSpan.FromSeconds(1)).ShouldBeTrue();

        a.Sent.ShouldBe(0);
    }

    [Fact]
    public void A_local_candidate_added_later_opens_its_address_family()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add("[2001:db8::2]:6000", IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        network.Run(TimeSpan.FromSeconds(1)).ShouldBeTrue();
        a.Sent.ShouldBe(0);

        a.Agent.AddLocalCandidate(b.Candidate with { Address = "2001:db8::1", Port = 5000 });

        network.Run(TimeSpan.FromMilliseconds(10), () => a.IsConnected).ShouldBeTrue();
    }

    [Fact]
    public void Checks_of_many_candidates_are_paced_after_the_first_five()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b);
        foreach (var host in Enumerable.Range(1, 30))
            a.Learns(b.Candidate with { Address = $"203.0.113.{host}" });
        a.Sent.ShouldBe(5);

        network.Run(TimeSpan.FromMilliseconds(49)).ShouldBeTrue();

        a.Sent.ShouldBe(14);
    }

    [Fact]
    public void A_closed_agent_is_silent()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add(A, IceRole.Controlling), network.Add(B, IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);
        network.Run(TimeSpan.FromMilliseconds(20)).ShouldBeTrue();

        a.Agent.Close();
        var sent = a.Sent;
        network.Run(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        a.Sent.ShouldBe(sent);
        a.Agent.SelectedRemote.ShouldBeNull();
        a.Agent.State.ShouldBe(IceConnectionState.Closed);
        a.Agent.NextTimeout.ShouldBe(TimeSpan.MaxValue);
    }
}
