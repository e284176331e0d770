using Registry.WebRtc;

namespace Registry.Interop.Tests;

public sealed class ChromiumFixture() : PeerFixture(PeerProfile.Chromium);

[RequiresPeer("chromium")]
public sealed class ChromiumTests(ChromiumFixture fixture) : PeerContract(fixture), IClassFixture<ChromiumFixture>
{
    private readonly PeerFixture fixture = fixture;

    /// <summary>A page without permission for a camera hides its addresses. It is told none of ours, so that only checks to the resolved name can connect.</summary>
    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task A_name_in_place_of_the_address_is_resolved(Offerer offerer)
    {
        await using var session = await fixture.ConnectAsync(offerer, filter: new(_ => false, candidate => candidate.Address.EndsWith(".local", StringComparison.Ordinal)));

        await CheckThatMessagesPassAsync(session, session.First);
        var remote = session.Ours.SelectedCandidatePair!.Remote;
        remote.Type.ShouldBe(IceCandidateType.Host);
        remote.Address.ShouldEndWith(".local");
    }
}
