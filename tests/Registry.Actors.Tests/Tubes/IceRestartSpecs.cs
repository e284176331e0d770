using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class IceRestartSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Fact]
    public async Task A_restart_that_is_asked_for_is_offered_to_asker_and_subscribers_and_takes_its_answer()
    {
        var (near, far) = await PairAsync();

        var offer = (await Registry.RestartIceAsync(new(near.TubeId))).ShouldBeOfType<DescriptionMade>();

        offer.Type.ShouldBe(DescriptionType.Offer);
        Peers.Connections[0].Restarts.ShouldBe(1);
        (await OffersAsync(near.TubeId)).ShouldBe([offer.Sdp]);
        var answer = (await Registry.SetRemoteDescriptionAsync(new(far.TubeId, DescriptionType.Offer, offer.Sdp))).ShouldBeOfType<DescriptionMade>();
        answer.Type.ShouldBe(DescriptionType.Answer);
        (await Registry.SetRemoteDescriptionAsync(new(near.TubeId, DescriptionType.Answer, answer.Sdp))).ShouldBe(Done.Instance);
        await StateAsync(near.TubeId, TubeState.Ready);
    }

    [Fact]
    public async Task The_first_offerer_restarts_by_itself_when_the_path_does_not_answer_with_growing_pauses()
    {
        var (near, far) = await PairAsync();
        Peers.Connections[1].Become(PeerConnectionState.Disconnected);
        await StateAsync(far.TubeId, TubeState.Disconnected);
        Peers.Connections[0].Become(PeerConnectionState.Disconnected);

        var first = await OfferAsync(near.TubeId, 1);
        await ExchangeAsync(near.TubeId, far.TubeId, first);
        Clock.Advance(TimeSpan.FromSeconds(4.9));
        await RestartsAsync(near.TubeId, 1);
        Clock.Advance(TimeSpan.FromSeconds(0.1));
        await ExchangeAsync(near.TubeId, far.TubeId, await OfferAsync(near.TubeId, 2));
        Clock.Advance(TimeSpan.FromSeconds(9.9));
        await RestartsAsync(near.TubeId, 2);
        Clock.Advance(TimeSpan.FromSeconds(0.1));
        await ExchangeAsync(near.TubeId, far.TubeId, await OfferAsync(near.TubeId, 3));

        Peers.Connections[0].Become(PeerConnectionState.Connected);
        Peers.Connections[1].Become(PeerConnectionState.Connected);
        await StateAsync(near.TubeId, TubeState.Ready);
        await StateAsync(far.TubeId, TubeState.Ready);
        Clock.Advance(TimeSpan.FromHours(1));
        await RestartsAsync(near.TubeId, 3);
        Peers.Connections[1].Restarts.ShouldBe(0);
    }

    [Fact]
    public async Task No_further_offer_is_made_while_one_waits_for_its_answer()
    {
        var (near, _) = await PairAsync();
        Peers.Connections[0].Become(PeerConnectionState.Disconnected);
        await OfferAsync(near.TubeId, 1);
        await RestartsAsync(near.TubeId, 1); // The offer is told before the timer of the next one is set.

        Clock.Advance(TimeSpan.FromSeconds(19));
        await RestartsAsync(near.TubeId, 1);
        Clock.Advance(TimeSpan.FromSeconds(1));
        await OfferAsync(near.TubeId, 2);
    }

    [Fact]
    public async Task Changed_addresses_are_one_reason_however_often_they_change_at_once()
    {
        var (near, far) = await PairAsync();
        for (var i = 0; i < 5; i++)
        {
            Peers.Connections[0].ChangeAddresses();
            Peers.Connections[1].ChangeAddresses();
        }
        await RestartsAsync(near.TubeId, 0);

        Clock.Advance(TimeSpan.FromMilliseconds(500));

        await ExchangeAsync(near.TubeId, far.TubeId, await OfferAsync(near.TubeId, 1));
        Clock.Advance(TimeSpan.FromMinutes(5));
        await RestartsAsync(near.TubeId, 1);
        Peers.Connections[1].Restarts.ShouldBe(0);
    }

    [Fact]
    public async Task A_second_restart_is_refused_until_the_pause_is_over_and_after_five_until_the_path_was_whole_for_a_minute()
    {
        var (near, far) = await PairAsync();
        foreach (var pause in (int[])[5, 10, 20, 40])
        {
            await RestartAsync(near.TubeId, far.TubeId);
            var refused = (await Registry.RestartIceAsync(new(near.TubeId))).ShouldBeOfType<Refused>();
            refused.Code.ShouldBe(RefusalCode.IceRestartLimit);
            refused.Retryable.ShouldBeTrue();
            refused.RetryAfter.ShouldBe(TimeSpan.FromSeconds(pause));
            Clock.Advance(TimeSpan.FromSeconds(pause));
        }
        await RestartAsync(near.TubeId, far.TubeId);

        Clock.Advance(TimeSpan.FromSeconds(59));
        var limit = (await Registry.RestartIceAsync(new(near.TubeId))).ShouldBeOfType<Refused>();
        limit.Code.ShouldBe(RefusalCode.IceRestartLimit);
        limit.Limit.ShouldBe(5);
        limit.Message.ShouldEndWith("the path was not whole for 60 s since.");
        Clock.Advance(TimeSpan.FromSeconds(1));
        await RestartAsync(near.TubeId, far.TubeId);
    }

    [Fact]
    public async Task A_tube_that_was_never_connected_refuses()
    {
        var created = await CreatedAsync(Create("c", Listen));

        (await Registry.RestartIceAsync(new(created.TubeId))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotReady);
        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Offer, SdpText.Encode("scripted offer 1"))))
            .ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.InvalidSdp);
        (await Registry.RestartIceAsync(new(new("nobody")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
    }

    [Fact]
    public async Task When_both_restart_the_first_offerers_offer_stands()
    {
        var (near, far) = await PairAsync();
        var nears = (await Registry.RestartIceAsync(new(near.TubeId))).ShouldBeOfType<DescriptionMade>();
        var fars = (await Registry.RestartIceAsync(new(far.TubeId))).ShouldBeOfType<DescriptionMade>();

        (await Registry.SetRemoteDescriptionAsync(new(near.TubeId, DescriptionType.Offer, fars.Sdp))).ShouldBeOfType<Refused>().Message.ShouldContain("ice_restart_offer");
        await ExchangeAsync(near.TubeId, far.TubeId, nears.Sdp);
    }

    private async Task RestartAsync(TubeId near, TubeId far)
    {
        var offer = (await Registry.RestartIceAsync(new(near))).ShouldBeOfType<DescriptionMade>();
        await ExchangeAsync(near, far, offer.Sdp);
    }

    private async Task ExchangeAsync(TubeId near, TubeId far, string offer)
    {
        var answer = (await Registry.SetRemoteDescriptionAsync(new(far, DescriptionType.Offer, offer))).ShouldBeOfType<DescriptionMade>();
        (await Registry.SetRemoteDescriptionAsync(new(near, DescriptionType.Answer, answer.Sdp))).ShouldBe(Done.Instance);
        (await Registry.AddCandidatesAsync(new(near, []))).ShouldBe(Done.Instance); // the tube has read what the answer brought about
    }

    /// <summary>The offer of the tube's n-th restart, once it is made.</summary>
    private async Task<string> OfferAsync(TubeId tube, int n)
    {
        await AwaitAssertAsync(async () => (await OffersAsync(tube)).Count.ShouldBe(n));
        return (await OffersAsync(tube))[^1];
    }

    private async Task<List<string>> OffersAsync(TubeId tube)
    {
        var read = (await Node.Reads.ReadAsync(new ReadSignals(tube, 0, TimeSpan.Zero), CancellationToken.None)).ShouldBeOfType<SignalsRead>();
        return [.. read.Signals.OfType<IceRestartOffered>().Select(s => s.Offer)];
    }

    /// <summary>How often the first tube restarted, after it has read all messages it had.</summary>
    private async Task RestartsAsync(TubeId near, int expected)
    {
        (await Registry.AddCandidatesAsync(new(near, []))).ShouldBe(Done.Instance);
        Peers.Connections[0].Restarts.ShouldBe(expected);
    }
}
