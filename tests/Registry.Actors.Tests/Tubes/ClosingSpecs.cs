using Akka.Actor;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class ClosingSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Fact]
    public async Task Closes_run_side_by_side_and_hold_nobody_up()
    {
        var tubes = new List<TubeId>();
        for (var i = 0; i < 10; i++)
        {
            var (tube, near, _) = await ReadyAsync(Create($"c{i}"));
            near.Channels.Single().KeepOpen = true; // its peer never confirms
            tubes.Add(tube.TubeId);
        }

        var closes = tubes.Select(t => Registry.CloseTubeAsync(new(t))).ToArray();
        foreach (var tube in tubes)
            await StateAsync(tube, TubeState.Closing);

        await CreatedAsync(Create("meanwhile"));
        (await Actor.Ask<CapacityRead>(GetCapacity.Instance, TimeSpan.FromSeconds(10))).Capacity.Tubes.ShouldBe(11);
        (await Registry.AssociateAsync(new(tubes[0], new("late")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        (await Registry.AddCandidatesAsync(new(tubes[0], [""]))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        (await Registry.SetRemoteDescriptionAsync(new(tubes[0], DescriptionType.Answer, SdpText.Encode("v=0")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        closes.ShouldAllBe(c => !c.IsCompleted);
        Clock.Advance(TimeSpan.FromSeconds(5));

        (await Task.WhenAll(closes)).ShouldAllBe(r => r is Done);
        Registry.Capacity.CloseTimeouts.ShouldBe(10);
        (await Registry.AddCandidatesAsync(new(tubes[0], [""]))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
    }

    [Fact]
    public async Task Closes_of_one_conversation_all_succeed_and_do_it_once()
    {
        var (tube, near, _) = await ReadyAsync(Create("c"));
        near.Channels.Single().KeepOpen = true;
        await Registry.AssociateAsync(new(tube.TubeId, new("keeps the tube busy")));

        var closes = Enumerable.Range(0, 3).Select(_ => Registry.CloseConversationAsync(new(new("c"), CloseReason.AIClosed))).ToArray();
        await Registry.AssociateAsync(new(tube.TubeId, new("asked after them"))); // the tube has taken them all
        closes.ShouldAllBe(c => !c.IsCompleted);
        Clock.Advance(TimeSpan.FromSeconds(5));

        (await Task.WhenAll(closes)).ShouldAllBe(r => r is Done);
        (await Registry.CloseConversationAsync(new(new("c")))).ShouldBeOfType<Done>();
        (await Registry.CloseConversationAsync(new(new("never was")))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.ConversationNotFound);
        await Registry.CloseTubeAsync(new(tube.TubeId));
        var closed = (await SignalsAsync(tube.TubeId)).OfType<ChannelClosed>().Single();
        (closed.Reason.Code, closed.Reason.Name).ShouldBe(((byte)15, "AIClosed"));
    }

    [Fact]
    public async Task A_conversation_that_lives_again_is_closed_again()
    {
        var (tube, _) = await PairAsync();
        await Registry.CloseConversationAsync(new(new("c-near")));
        var again = await CreatedAsync(Create("c-near"));

        (await Registry.CloseConversationAsync(new(new("c-near")))).ShouldBeOfType<Done>();

        Registry.Directory.TryGet(new ConversationId("c-near"), out _).ShouldBeFalse();
        again.TubeId.ShouldNotBe(tube.TubeId);
    }

    [Theory]
    [InlineData(CloseReason.AIClosed)]
    [InlineData(CloseReason.Timeout)]
    [InlineData(CloseReason.SecurityThreat)]
    [InlineData(null)]
    public async Task A_channel_s_reason_reaches_the_peer_and_both_tubes_stay(CloseReason? reason)
    {
        var (near, far) = await PairAsync("t", Listen, TunnelSettings.Dial("127.0.0.1", 9));
        await Registry.AssociateAsync(new(near.TubeId, new("near stays")));

        var close = reason is { } given ? new CloseConversation(new("t-near"), given) : new CloseConversation(new("t-near"));
        (await Registry.CloseConversationAsync(close)).ShouldBeOfType<Done>();

        var expected = reason ?? CloseReason.AdminClosed;
        await StateAsync(far.TubeId, TubeState.Active);
        await StateAsync(near.TubeId, TubeState.Active);
        foreach (var tube in new[] { near.TubeId, far.TubeId })
        {
            await Registry.CloseTubeAsync(new(tube));
            (await SignalsAsync(tube)).OfType<ChannelClosed>().Single(c => c.ChannelId == "t-near").Reason.ShouldBe(expected);
            (await SignalsAsync(tube))[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBeOneOf(CloseReason.AdminClosed, CloseReason.Normal, expected);
        }
    }

    [Fact]
    public async Task One_of_two_channels_goes_and_the_other_still_carries_data()
    {
        var (near, far) = await PairAsync();
        await CreatedAsync(Create("second") with { TubeId = near.TubeId });

        await Registry.CloseConversationAsync(new(new("c-near")));

        await AwaitAssertAsync(() => Registry.Directory.ConversationsOf(far.TubeId).ShouldBe([new("c-far"), new("second")]));
        await StateAsync(near.TubeId, TubeState.Ready);
        await StateAsync(far.TubeId, TubeState.Ready);
        Peers.Connections[0].Channels.Count(c => c.State == WebRtc.DataChannelState.Open).ShouldBe(1);
    }

    [Fact]
    public async Task A_tube_takes_all_its_conversations_with_it()
    {
        var (near, _) = await PairAsync();
        string[] more = ["one", "two", "three"];
        foreach (var name in more)
            await Registry.AssociateAsync(new(near.TubeId, new(name)));
        Registry.Directory.ConversationsOf(near.TubeId).Select(c => c.ToString()).ShouldBe(["c-near", .. more]);

        (await Registry.CloseTubeAsync(new(near.TubeId))).ShouldBeOfType<Done>();

        foreach (var name in more.Append("c-near"))
        {
            Registry.Directory.TryGet(new ConversationId(name), out _).ShouldBeFalse();
            (await Registry.CloseConversationAsync(new(new(name)))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.ConversationNotFound);
        }
    }

    [Fact]
    public async Task What_the_peer_said_of_one_channel_is_not_the_reason_of_the_tube_hours_later()
    {
        var (near, far) = await PairAsync(near: Listen, far: TunnelSettings.Dial("127.0.0.1", 9));
        await CreatedAsync(Create("second", Listen) with { TubeId = near.TubeId });
        await AwaitAssertAsync(() => Registry.Directory.List().Single(t => t.TubeId == far.TubeId).Conversations.Count(c => c.IsOpen).ShouldBe(2));
        var signals = SignalsAsync(far.TubeId);
        await Registry.CloseConversationAsync(new(new("second"), CloseReason.SecurityThreat));
        await AwaitAssertAsync(() => Registry.Directory.ConversationsOf(far.TubeId).ShouldNotContain(new ConversationId("second")));
        Clock.Advance(TimeSpan.FromHours(3));

        Peers.Connections[0].HangUp();

        (await signals)[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.Normal);
    }
}
