using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Ice;

public sealed class IceAgentConsentTests
{
    private static (IceNetwork Network, IceNode A, IceNode B) Connect(int seed, IceOptions? options = null)
    {
        var network = new IceNetwork(seed);
        var (a, b) = (network.Add("192.0.2.1:5000", IceRole.Controlling, options), network.Add("192.0.2.2:6000", IceRole.Controlled, options));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);
        network.Run(TimeSpan.FromMilliseconds(20)).ShouldBeTrue();
        a.Agent.State.ShouldBe(IceConnectionState.Completed);
        b.Agent.State.ShouldBe(IceConnectionState.Completed);
        return (network, a, b);
    }

    [Fact]
    public void An_idle_path_is_checked_once_per_interval()
    {
        var (network, a, b) = Connect(1);
        var before = a.Sent + b.Sent;

        network.Run(TimeSpan.FromSeconds(1000)).ShouldBeTrue();

        // A request and an answer per side each five seconds.
        (a.Sent + b.Sent - before).ShouldBeInRange(740, 860);
        a.States.Last().ShouldBe(IceConnectionState.Completed);
    }

    [Fact]
    public void Checks_of_a_long_interval_do_not_look_like_silence()
    {
        var (network, a, _) = Connect(1, new IceOptions { ConsentInterval = TimeSpan.FromSeconds(60) });

        network.Run(TimeSpan.FromMinutes(30)).ShouldBeTrue();

        a.States.ShouldNotContain(IceConnectionState.Disconnected);
    }

    [Fact]
    public void Loss_of_a_fifth_never_disconnects()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (network, a, b) = Connect(seed);
            network.Loss = 0.2;
            network.Run(TimeSpan.FromMinutes(10)).ShouldBeTrue();
            a.States.Concat(b.States).ShouldNotContain(IceConnectionState.Disconnected, $"seed {seed}");
        }
    }

    [Fact]
    public void A_silent_path_disconnects_and_comes_back()
    {
        var (network, a, b) = Connect(2);
        var cut = network.Now;
        network.Carries = (_, _) => false;

        network.Run(TimeSpan.FromSeconds(15), () => a.Agent.State == IceConnectionState.Disconnected).ShouldBeTrue();
        (network.Now - cut).ShouldBeLessThanOrEqualTo(IceOptions.Default.DisconnectedTimeout);
        a.Agent.SelectedRemote.ShouldBe(b.Address, "data may still be tried");

        network.Carries = (_, _) => true;
        network.Run(TimeSpan.FromSeconds(7), () => a.Agent.State == IceConnectionState.Completed && b.Agent.State == IceConnectionState.Completed).ShouldBeTrue();
    }

    [Fact]
    public void A_path_silent_for_too_long_fails_and_nothing_more_is_sent()
    {
        var (network, a, b) = Connect(3);
        var cut = network.Now;
        network.Carries = (_, _) => false;

        network.Run(TimeSpan.FromSeconds(40), () => a.Agent.State == IceConnectionState.Failed && b.Agent.State == IceConnectionState.Failed).ShouldBeTrue();

        (network.Now - cut).ShouldBeInRange(TimeSpan.FromSeconds(23), IceOptions.Default.FailedTimeout);
        a.States.TakeLast(2).ShouldBe([IceConnectionState.Disconnected, IceConnectionState.Failed]);
        a.Agent.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
        a.Agent.Failure.Message.ShouldContain("192.0.2.2:6000");
        a.Agent.SelectedRemote.ShouldBeNull();
        var sent = a.Sent;
        network.Carries = (_, _) => true;
        network.Run(TimeSpan.FromMinutes(1)).ShouldBeTrue();
        a.Sent.ShouldBe(sent);
    }

    [Fact]
    public void A_silent_path_is_checked_twice_a_second_and_no_more()
    {
        var (network, a, _) = Connect(4);
        network.Carries = (_, _) => false;
        var before = a.Sent;

        network.Run(TimeSpan.FromSeconds(40)).ShouldBeTrue();

        (a.Sent - before).ShouldBeInRange(40, 60); // for the 24 to 26 seconds until consent has expired
    }

    [Fact]
    public void Standing_still_for_longer_than_the_timeout_is_not_the_peers_silence()
    {
        var (network, a, b) = Connect(7);
        network.Carries = (_, _) => false;
        var sent = a.Sent;
        network.Run(TimeSpan.FromSeconds(10), () => a.Sent > sent).ShouldBeTrue();

        network.StandStill(TimeSpan.FromSeconds(45));
        network.Carries = (_, _) => true;

        network.Run(TimeSpan.FromMinutes(1)).ShouldBeTrue();
        a.States.Concat(b.States).ShouldNotContain(IceConnectionState.Failed);
        a.IsConnected.ShouldBeTrue();
    }

    [Fact]
    public void Where_hundreds_of_others_go_unanswered_checks_are_repeated_less_often()
    {
        var (network, a, b) = Connect(8, IceOptions.Default with { Repeats = Waiting(500) });
        network.Carries = (_, _) => false;
        var before = a.Sent;

        network.Run(TimeSpan.FromSeconds(50), () => a.Agent.State == IceConnectionState.Failed).ShouldBeTrue();

        (a.Sent - before).ShouldBeInRange(10, 16); // every 2 s instead of twice a second
    }

    [Fact]
    public void A_path_that_comes_back_is_noticed_by_the_peers_check_where_own_ones_are_far_apart()
    {
        var network = new IceNetwork(9);
        var (a, b) = (network.Add("192.0.2.1:5000", IceRole.Controlling, IceOptions.Default with { Repeats = Waiting(1000) }), network.Add("192.0.2.2:6000", IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);
        network.Run(TimeSpan.FromSeconds(1)).ShouldBeTrue();
        network.Carries = (_, _) => false;
        network.Run(TimeSpan.FromSeconds(40), () => a.Agent.State == IceConnectionState.Disconnected).ShouldBeTrue();

        network.Carries = (_, _) => true;

        network.Run(TimeSpan.FromSeconds(0.6), () => a.IsConnected && b.IsConnected).ShouldBeTrue();
    }

    [Fact]
    public void Who_waits_for_no_answer_any_more_is_not_counted()
    {
        var repeats = new ConsentRepeats();
        var (network, a, b) = Connect(10, IceOptions.Default with { Repeats = repeats });
        network.Carries = (_, _) => false;
        network.Run(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        repeats.Waiting.ShouldBe(2);

        a.Agent.Close();
        network.Carries = (_, _) => true;
        repeats.Waiting.ShouldBe(1);
        network.Run(TimeSpan.FromSeconds(60)).ShouldBeTrue();

        b.Agent.State.ShouldBe(IceConnectionState.Failed);
        repeats.Waiting.ShouldBe(0);
    }

    private static ConsentRepeats Waiting(int others)
    {
        var repeats = new ConsentRepeats();
        for (var i = 0; i < others; i++)
            repeats.Enter();
        return repeats;
    }

    [Fact]
    public void An_hour_of_idleness_passes_a_NAT_that_forgets_its_mapping_after_30_s()
    {
        var (network, a, b) = Connect(6);
        var inside = b.Address;
        var lastOut = network.Now;
        network.Carries = (from, _) =>
        {
            if (from == inside)
                lastOut = network.Now;
            return from == inside || network.Now - lastOut <= TimeSpan.FromSeconds(30);
        };

        network.Run(TimeSpan.FromHours(1)).ShouldBeTrue();

        a.States.Concat(b.States).ShouldNotContain(IceConnectionState.Disconnected);
    }

    [Fact]
    public void A_peer_whose_address_changes_is_followed()
    {
        // As when a NAT forgets its binding and makes another.
        var (network, a, b) = Connect(5);
        var (old, moved) = (b.Address, TransportAddress.From(IPEndPoint.Parse("198.51.100.9:7777")));
        network.Translate = (from, to) => (from == old ? moved : from, to == moved ? old : to);
        network.Carries = (_, to) => to != old;

        network.Run(TimeSpan.FromSeconds(12), () => a.Agent.SelectedRemote == moved).ShouldBeTrue();

        network.Run(TimeSpan.FromMinutes(5)).ShouldBeTrue();
        a.IsConnected.ShouldBeTrue();
        b.IsConnected.ShouldBeTrue();
        a.States.ShouldNotContain(IceConnectionState.Disconnected);
        a.Events.ShouldContain(e => e.Event.Kind == IceEventKind.RemoteAddressLearned && e.Event.Remote == moved);
        a.Agent.SelectedPair!.Remote.Type.ShouldBe(IceCandidateType.PeerReflexive);
    }

    [Fact]
    public void Another_pair_takes_over_when_the_selected_one_stops()
    {
        var network = new IceNetwork(6);
        var (a, b) = (network.Add("192.0.2.1:5000", IceRole.Controlling), network.Add("192.0.2.2:6000", IceRole.Controlled));
        var (outside, inside) = (TransportAddress.From(IPEndPoint.Parse("198.51.100.7:6000")), TransportAddress.From(IPEndPoint.Parse("198.51.100.8:5000")));
        network.Translate = (from, to) => to == outside ? (inside, b.Address) : to == inside ? (outside, a.Address) : (from, to);
        a.KnowsCredentialsOf(b).Learns(b.Candidate)
            .Learns(b.Candidate with { Type = IceCandidateType.ServerReflexive, Address = "198.51.100.7", Priority = b.Candidate.Priority - (20u << 24) });
        b.KnowsCredentialsOf(a).Learns(a.Candidate);
        network.Run(TimeSpan.FromSeconds(1)).ShouldBeTrue();
        a.Agent.SelectedRemote.ShouldBe(b.Address);

        network.Carries = (from, to) => to == outside || to == inside;

        network.Run(TimeSpan.FromSeconds(15), () => a.Agent.SelectedRemote == outside && b.Agent.SelectedRemote == inside).ShouldBeTrue();
        network.Run(TimeSpan.FromMinutes(2)).ShouldBeTrue();
        a.IsConnected.ShouldBeTrue();
        b.IsConnected.ShouldBeTrue();
    }
}
