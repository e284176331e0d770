using System.Net;
using Registry.WebRtc.Ice;

namespace Registry.WebRtc.Tests.Ice;

/// <summary>Candidates of TCP (RFC 6544). The network carries datagrams; that they have connections of their own is the matter of what is around the agent.</summary>
public sealed class IceTcpTests
{
    private readonly IceNetwork network = new(1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_active_side_reaches_a_passive_one(bool activeControls)
    {
        var (active, passive) = AddBoth(activeControls);

        network.Run(TimeSpan.FromSeconds(1), () => active.Agent.State == IceConnectionState.Completed && passive.Agent.State == IceConnectionState.Completed).ShouldBeTrue();

        var (here, there) = (active.Agent.SelectedPair!, passive.Agent.SelectedPair!);
        (here.Local.Protocol, here.Local.TcpType, here.Local.Type, here.Local.Port).ShouldBe(("tcp", "active", IceCandidateType.PeerReflexive, 5000));
        (here.Remote.Protocol, here.Remote.TcpType, here.Remote.Type).ShouldBe(("tcp", "passive", IceCandidateType.Host));
        (there.Local.Protocol, there.Local.TcpType, there.Local.Type).ShouldBe(("tcp", "passive", IceCandidateType.Host));
        (there.Remote.Protocol, there.Remote.TcpType, there.Remote.Type).ShouldBe(("tcp", "active", IceCandidateType.PeerReflexive));
    }

    [Fact]
    public void A_check_over_TCP_is_sent_once_and_given_ten_seconds()
    {
        network.Carries = (_, _) => false;
        var (active, passive) = AddBoth(activeControls: true);

        network.Run(TimeSpan.FromSeconds(9));
        (active.Sent, passive.Sent).ShouldBe((1, 0));
        active.Agent.Report.Pairs.Single().Pair.State.ShouldBe(IcePairState.InProgress);

        network.Run(TimeSpan.FromSeconds(2));
        active.Agent.Report.Pairs.Single().Pair.State.ShouldBe(IcePairState.Failed);
    }

    [Fact]
    public void Priorities_prefer_UDP_then_the_active_direction_then_the_first_address()
    {
        var address = IPAddress.Parse("192.0.2.1");
        var udp = IceCandidatePriority.CreateHost(address, 1, 0);
        var active = IceCandidatePriority.CreateTcpHost(address, 9, IceCandidatePriority.Active, IceCandidatePriority.MaxTcpPreference);
        var passive = IceCandidatePriority.CreateTcpHost(address, 1, IceCandidatePriority.Passive, IceCandidatePriority.MaxTcpPreference);
        var second = IceCandidatePriority.CreateTcpHost(address, 2, IceCandidatePriority.Passive, IceCandidatePriority.MaxTcpPreference - 1);

        new[] { udp, active, passive, second }.Select(candidate => candidate.Priority).ShouldBeInOrder(SortDirection.Descending);
        new[] { udp, active, passive }.Select(candidate => candidate.Foundation).ShouldBeUnique();
        // 2^24 × type preference + 2^8 × (2^13 × direction preference + other preference) + 2^0 × (256 − component): RFC 6544 §4.2.
        passive.Priority.ShouldBe((90u << 24) + (((4u << 13) + 8191) << 8) + 255);
        passive.ToString().ShouldBe($"candidate:{passive.Foundation} 1 tcp {passive.Priority} 192.0.2.1 1 typ host tcptype passive");
    }

    private (IceNode Active, IceNode Passive) AddBoth(bool activeControls)
    {
        var active = network.Add("192.0.2.1:5000", activeControls ? IceRole.Controlling : IceRole.Controlled, IceOptions.Default with { ConnectsOverTcp = true });
        var passive = network.Add("192.0.2.2:6000", activeControls ? IceRole.Controlled : IceRole.Controlling);
        var here = IceCandidatePriority.CreateTcpHost(active.Address.Address, 9, IceCandidatePriority.Active, IceCandidatePriority.MaxTcpPreference);
        var there = IceCandidatePriority.CreateTcpHost(passive.Address.Address, 6000, IceCandidatePriority.Passive, IceCandidatePriority.MaxTcpPreference);
        (active.Address, passive.Address) = (active.Address with { IsTcp = true }, passive.Address with { IsTcp = true });
        active.Agent.AddLocalCandidate(here);
        passive.Agent.AddLocalCandidate(there);
        active.KnowsCredentialsOf(passive).Learns(there).Ended();
        passive.KnowsCredentialsOf(active).Learns(here).Ended();
        return (active, passive);
    }
}
