using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class CreateSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Fact]
    public async Task A_create_without_an_offer_is_answered_with_one()
    {
        var created = await CreatedAsync(Create("c") with { Owner = "alice" });

        created.Node.ShouldBe("here");
        created.State.ShouldBe(TubeState.Connecting);
        created.Answer.ShouldBeNull();
        SdpText.TryDecode(created.Offer!, "offer", out var sdp, out _).ShouldBeTrue();
        sdp.ShouldStartWith("scripted offer");
        Registry.Directory.TryGet(new ConversationId("c"), out var tube).ShouldBeTrue();
        tube.TubeId.ShouldBe(created.TubeId);
        tube.Owner.ShouldBe("alice");
        tube.IsOfferer.ShouldBeTrue();
        tube.History.Select(h => h.State).ShouldBe([TubeState.New, TubeState.Initializing, TubeState.Connecting]);
        Registry.Directory.ConversationsOf(created.TubeId).ShouldBe([new ConversationId("c")]);
    }

    [Fact]
    public async Task Two_tubes_connect_and_become_ready()
    {
        var (offerer, answerer) = await PairAsync();

        answerer.Offer.ShouldBeNull();
        Registry.Directory.Count.ShouldBe(2);
        Registry.Directory.List().Select(t => t.TubeId).ShouldBe([offerer.TubeId, answerer.TubeId], ignoreOrder: true);
        Registry.Directory.TryGet(offerer.TubeId, out var tube).ShouldBeTrue();
        tube.SelectedPair.ShouldBe("host/prflx");
        tube.Conversations.Single().IsOpen.ShouldBeTrue();
        Registry.Directory.TryGetTraffic(offerer.TubeId, out var traffic).ShouldBeTrue();
        traffic.BytesReceived.ShouldBe(8);
    }

    [Fact]
    public async Task Without_trickle_the_description_holds_the_candidates_and_none_is_signalled()
    {
        var gathering = Peers.Hold("Gather");
        var creating = Registry.CreateAsync(Create("c") with { TrickleIce = false });
        await AwaitAssertAsync(() => Peers.Connections.Single().LocalDescription.ShouldNotBeNull());
        creating.IsCompleted.ShouldBeFalse();

        gathering.SetResult();
        var created = (await creating).ShouldBeOfType<TubeCreated>();

        SdpText.TryDecode(created.Offer!, "offer", out var sdp, out _).ShouldBeTrue();
        sdp.ShouldContain("192.0.2.1");
        await Registry.CloseTubeAsync(new(created.TubeId));
        (await SignalsAsync(created.TubeId)).OfType<IceCandidateFound>().ShouldBeEmpty();
    }

    [Fact]
    public async Task With_trickle_candidates_are_signals_and_the_last_is_empty()
    {
        var created = await CreatedAsync(Create("c"));
        await Registry.CloseTubeAsync(new(created.TubeId));

        (await SignalsAsync(created.TubeId)).OfType<IceCandidateFound>().Select(c => c.Candidate)
            .ShouldBe(["candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host", ""]);
    }

    [Fact]
    public async Task A_listening_conversation_says_its_real_address()
    {
        var created = await CreatedAsync(Create("c", Listen));

        created.LocalListenAddress.ShouldNotBeNull();
        System.Net.IPEndPoint.Parse(created.LocalListenAddress).Port.ShouldBeGreaterThan(0);
        await Registry.CloseTubeAsync(new(created.TubeId));
        await NothingLeftAsync();
    }

    [Theory]
    [InlineData("CreatePeerConnection", RefusalCode.CreateFailed)]
    [InlineData("CreateDataChannel", RefusalCode.CreateFailed)]
    [InlineData("CreateOffer", RefusalCode.CreateFailed)]
    [InlineData("SetLocalDescription", RefusalCode.CreateFailed)]
    [InlineData("Gather", RefusalCode.CreateFailed)]
    public async Task A_create_that_fails_at_any_step_leaves_nothing(string step, RefusalCode code)
    {
        Peers.Break(step, new InvalidOperationException("scripted"));

        var refused = await RefusedAsync(Create("c", Listen) with { TrickleIce = false });

        refused.Code.ShouldBe(code);
        refused.Message.ShouldContain("scripted");
        await NothingLeftAsync();
        Registry.Capacity.TotalFailures.ShouldBe(1);
        Registry.Capacity.TotalCreates.ShouldBe(1);
    }

    [Theory]
    [InlineData("SetRemoteDescription", RefusalCode.InvalidSdp)]
    [InlineData("CreateAnswer", RefusalCode.CreateFailed)]
    [InlineData("SetLocalDescription", RefusalCode.CreateFailed)]
    public async Task An_answer_that_fails_at_any_step_leaves_nothing(string step, RefusalCode code)
    {
        Peers.Break(step, new InvalidOperationException("scripted"));

        var refused = await RefusedAsync(Create("c", Listen) with { Offer = SdpText.Encode("scripted offer 1") });

        refused.Code.ShouldBe(code);
        refused.Message.ShouldContain("scripted");
        await NothingLeftAsync();
    }

    [Theory]
    [InlineData("not base64!", "offer is not base64")]
    [InlineData("gYGB", "not of UTF-8")]
    [InlineData("dj0wDQo=", "offer: a=fingerprint is missing")]
    public async Task A_bad_offer_is_refused_by_name_and_leaves_nothing(string offer, string message)
    {
        var refused = await RefusedAsync(Create("c") with { Offer = offer });

        refused.Code.ShouldBe(RefusalCode.InvalidSdp);
        refused.Key.ShouldBe("offer");
        refused.Message.ShouldContain(message);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_port_in_use_is_refused_with_the_address_and_leaves_nothing()
    {
        var first = await CreatedAsync(Create("a", Listen));
        var taken = System.Net.IPEndPoint.Parse(first.LocalListenAddress!);

        var refused = await RefusedAsync(Create("b", TunnelSettings.Listen(taken)));

        refused.Code.ShouldBe(RefusalCode.ListenFailed);
        refused.Key.ShouldBe("local_listen_addr");
        refused.Message.ShouldContain(taken.ToString());
        await Registry.CloseTubeAsync(new(first.TubeId));
        await NothingLeftAsync();
    }

    [Fact]
    public async Task Listening_beyond_loopback_is_refused_unless_allowed()
    {
        var refused = await RefusedAsync(Create("a", TunnelSettings.Listen(new(System.Net.IPAddress.Any, 0))));

        refused.Code.ShouldBe(RefusalCode.InvalidSettings);
        refused.Message.ShouldContain("registry.channels.listen = any");
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_slow_create_does_not_hold_up_others_or_reads()
    {
        var held = Peers.Hold("CreateOffer");
        var slow = Registry.CreateAsync(Create("slow"));
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));

        var other = await CreatedAsync(Create("other") with { Offer = SdpText.Encode("scripted offer 1") });

        other.Answer.ShouldNotBeNull();
        slow.IsCompleted.ShouldBeFalse();
        held.SetResult();
        (await slow).ShouldBeOfType<TubeCreated>();
        Registry.Capacity.ActiveCreates.ShouldBe(0);
    }

    [Fact]
    public async Task A_create_that_is_cancelled_is_closed_again()
    {
        Peers.Hold("CreateOffer");
        using var cancel = new CancellationTokenSource();
        var creating = Registry.CreateAsync(Create("c"), cancel.Token);
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(creating);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_repeated_request_key_gets_the_same_tube()
    {
        var held = Peers.Hold("CreateOffer");
        var first = Registry.CreateAsync(Create("c") with { RequestKey = "k" });
        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(1));
        var during = Registry.CreateAsync(Create("c") with { RequestKey = "k" });
        held.SetResult();
        var after = await CreatedAsync(Create("c") with { RequestKey = "k" });

        (await first).ShouldBe(after);
        (await during).ShouldBe(after);
        Registry.Directory.Count.ShouldBe(1);
        (await RefusedAsync(Create("other") with { RequestKey = "k" })).Key.ShouldBe("requestKey");
        await Registry.CloseTubeAsync(new(after.TubeId));
        await NothingLeftAsync();
        (await CreatedAsync(Create("c") with { RequestKey = "k" })).TubeId.ShouldNotBe(after.TubeId);
    }

    [Fact]
    public async Task Candidates_are_checked_all_before_one_is_added()
    {
        var created = await CreatedAsync(Create("c"));
        const string good = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host";

        var refused = (await Registry.AddCandidatesAsync(new(created.TubeId, [good, "nonsense"]))).ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.InvalidCandidate);
        refused.Message.ShouldStartWith("candidates[1]");
        Peers.Connections.Single().RemoteCandidates.ShouldBeEmpty();

        (await Registry.AddCandidatesAsync(new(created.TubeId, [good, ""]))).ShouldBeOfType<Done>();
        Peers.Connections.Single().RemoteCandidates.Select(c => c?.Address).ShouldBe(["192.0.2.7", null]);

        var many = Enumerable.Repeat(good, AddCandidates.MaxCandidates + 1).ToList();
        (await Registry.AddCandidatesAsync(new(created.TubeId, many))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.InvalidCandidate);
    }

    [Fact]
    public async Task A_wrong_answer_is_refused_and_a_right_one_still_works()
    {
        var created = await CreatedAsync(Create("c"));

        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Answer, "%%%"))).ShouldBeOfType<Refused>().Key.ShouldBe("sdp");
        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Answer, SdpText.Encode("v=0")))).ShouldBeOfType<Refused>()
            .Message.ShouldContain("fingerprint");
        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Offer, SdpText.Encode("scripted offer 1")))).ShouldBeOfType<Refused>()
            .Key.ShouldBe("type");

        var answerer = await CreatedAsync(Create("far") with { Offer = created.Offer });
        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();
        await StateAsync(created.TubeId, TubeState.Ready);
        (await Registry.SetRemoteDescriptionAsync(new(created.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Refused>()
            .Code.ShouldBe(RefusalCode.InvalidSdp);
    }

    [Fact]
    public async Task Commands_to_a_tube_that_does_not_exist_are_refused()
    {
        var nobody = new TubeId("nobody");

        (await Registry.CloseTubeAsync(new(nobody))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
        (await Registry.AddCandidatesAsync(new(nobody, [""]))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
        (await Registry.AssociateAsync(new(nobody, new("c")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
        (await Registry.CloseConversationAsync(new(new("c")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.ConversationNotFound);
        (await SignalsAsync(nobody)).ShouldBeEmpty();
        Node.Directory.ConversationCount.ShouldBe(0);
    }

    [Fact]
    public async Task One_hundred_creates_at_once_are_all_answered()
    {
        var created = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => CreatedAsync(Create($"c{i}"))));

        Registry.Directory.Count.ShouldBe(100);
        foreach (var tube in created)
        {
            Registry.Directory.TryGet(tube.ConversationId, out var found).ShouldBeTrue();
            found.TubeId.ShouldBe(tube.TubeId);
        }

        await Task.WhenAll(created.Select(t => Registry.CloseTubeAsync(new(t.TubeId))));
        await NothingLeftAsync();
    }
}
