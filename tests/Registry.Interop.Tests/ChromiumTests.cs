using Registry.WebRtc;

namespace Registry.Interop.Tests;

public sealed class ChromiumFixture() : PeerFixture(PeerProfile.Chromium);

[RequiresPeer("chromium")]
public sealed class ChromiumTests(ChromiumFixture fixture) : PeerContract(fixture), IClassFixture<ChromiumFixture>
{
    private readonly PeerFixture fixture = fixture;

    /// <summary>The page is told our TCP port and nothing else, and we no address of it: as where a firewall stops UDP.</summary>
    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Without_UDP_two_megabytes_are_echoed_over_TCP(Offerer offerer)
    {
        const int Count = 128, Size = 16 * 1024;
        await using var factory = PeerConnectionFactory.Create(new() { TcpPort = 0 });
        await using var session = await fixture.ConnectAsync(offerer, filter: new(candidate => candidate.Protocol == "tcp", _ => false), from: factory);
        await session.Theirs.EchoAsync(session.First.Label);

        await Task.WhenAll(SendManyAsync(session.First, Count, Size), CheckManyAsync(session, session.First, Count, Size));

        var selected = session.Ours.SelectedCandidatePair!;
        (selected.Local.Protocol, selected.Local.TcpType, selected.Local.Port).ShouldBe(("tcp", "passive", factory.TcpPort!.Value));
        (selected.Remote.Protocol, selected.Remote.TcpType).ShouldBe(("tcp", "active"));
        session.Ours.LocalDescription!.Sdp.ShouldMatch("a=candidate:[0-9]+ 1 tcp [0-9]+ [0-9.]+ [0-9]+ typ host tcptype passive");
    }
}

/// <summary>Names in place of addresses, in a browser of their own: one in which the other tests had made dozens of names did not answer within seconds.</summary>
[RequiresPeer("chromium")]
public sealed class ChromiumNameTests(ChromiumFixture fixture) : IClassFixture<ChromiumFixture>
{
    /// <summary>A page without permission for a camera hides its addresses. It is told none of ours, so that only checks to the resolved name can connect.</summary>
    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task A_name_in_place_of_the_address_is_resolved(Offerer offerer)
    {
        await using var session = await fixture.ConnectAsync(offerer, filter: new(_ => false, candidate => candidate.Address.EndsWith(".local", StringComparison.Ordinal)));

        await PeerContract.CheckThatMessagesPassAsync(session, session.First);
        var remote = session.Ours.SelectedCandidatePair!.Remote;
        remote.Type.ShouldBe(IceCandidateType.Host);
        remote.Address.ShouldEndWith(".local");
    }
}
