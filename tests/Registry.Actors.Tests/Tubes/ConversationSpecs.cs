using System.Net;
using System.Net.Sockets;
using Registry.Actors.Tests.Channels;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class ConversationSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o => o.AllowTargets.Add("127.0.0.0/8:*"))
{
    [Fact]
    public async Task A_live_conversation_is_refused_and_its_tube_named()
    {
        var first = await CreatedAsync(Create("c"));

        var refused = await RefusedAsync(Create("c"));

        refused.Code.ShouldBe(RefusalCode.ConversationExists);
        refused.TubeId.ShouldBe(first.TubeId);
        Registry.Directory.TryGet(new ConversationId("c"), out var tube).ShouldBeTrue();
        tube.TubeId.ShouldBe(first.TubeId);
        Registry.Directory.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Of_many_creates_for_one_conversation_one_succeeds()
    {
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Registry.CreateAsync(Create("c"))));

        replies.OfType<TubeCreated>().Count().ShouldBe(1);
        replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.ConversationExists);
        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(1));
    }

    [Fact]
    public async Task A_closed_conversation_is_free_again()
    {
        var (near, _) = await PairAsync();
        var id = new ConversationId("c-near");

        (await Registry.CloseConversationAsync(new(id))).ShouldBeOfType<Done>();

        Registry.Directory.TryGet(id, out _).ShouldBeFalse();
        Registry.Directory.TryGet(near.TubeId, out var tube).ShouldBeTrue();
        tube.State.ShouldBe(TubeState.Active);
        (await CreatedAsync(Create("c-near"))).TubeId.ShouldNotBe(near.TubeId);
        (await Registry.CloseTubeAsync(new(near.TubeId))).ShouldBeOfType<Done>();
        (await SignalsAsync(near.TubeId)).OfType<ChannelClosed>().Single().Outcome.ShouldBe("normal");
    }

    [Fact]
    public async Task A_create_that_names_a_live_tube_opens_one_more_channel()
    {
        var (near, far) = await PairAsync();

        var more = await CreatedAsync(Create("second") with { TubeId = near.TubeId });

        more.TubeId.ShouldBe(near.TubeId);
        more.Offer.ShouldBeNull();
        Registry.Directory.ConversationsOf(near.TubeId).ShouldBe([new("c-near"), new("second")]);
        Registry.Directory.Count.ShouldBe(2);
        // The peer serves it by its own settings, but does not claim the name.
        await AwaitAssertAsync(() => Registry.Directory.ConversationsOf(far.TubeId).ShouldContain(new ConversationId("second")));
        Registry.Directory.TryGet(new ConversationId("second"), out var holder).ShouldBeTrue();
        holder.TubeId.ShouldBe(near.TubeId);
    }

    [Fact]
    public async Task A_further_channel_is_for_the_tube_s_owner_or_for_who_says_none()
    {
        var held = Peers.Hold("CreateOffer");
        var id = new TubeId("t");
        var making = Registry.CreateAsync(Create("c") with { TubeId = id, Owner = "alice" });
        await AwaitAssertAsync(() => Registry.Directory.TryGet(id, out _).ShouldBeTrue());
        (await RefusedAsync(Create("theirs") with { TubeId = id, Owner = "bob" })).Code.ShouldBe(RefusalCode.TubeNotFound);
        held.SetResult();
        (await making).ShouldBeOfType<TubeCreated>();
        var far = (ScriptedPeerConnection)Peers.CreatePeerConnection();
        Peers.Connections[0].Connect(far);
        await StateAsync(id, TubeState.Ready);

        (await RefusedAsync(Create("theirs") with { TubeId = id, Owner = "bob" })).Code.ShouldBe(RefusalCode.TubeNotFound);
        (await CreatedAsync(Create("hers") with { TubeId = id, Owner = "alice" })).TubeId.ShouldBe(id);
        (await CreatedAsync(Create("operators") with { TubeId = id })).TubeId.ShouldBe(id);
        Registry.Directory.ConversationsOf(id).ShouldBe([new("c"), new("hers"), new("operators")]);
        (Registry.Capacity.ActiveCreates, Registry.Capacity.Tubes).ShouldBe((0, 1));

        // Once it has ended, its id is anybody's.
        (await Registry.CloseTubeAsync(new(id))).ShouldBeOfType<Done>();
        (await CreatedAsync(Create("theirs") with { TubeId = id, Owner = "bob" })).TubeId.ShouldBe(id);
    }

    [Fact]
    public async Task A_further_channel_that_fails_fails_the_create_and_frees_the_conversation()
    {
        var (near, _) = await PairAsync();
        Peers.Break("CreateDataChannel", new InvalidOperationException("scripted"));

        var refused = await RefusedAsync(Create("second", Listen) with { TubeId = near.TubeId });

        refused.Code.ShouldBe(RefusalCode.CreateFailed);
        Registry.Directory.TryGet(new ConversationId("second"), out _).ShouldBeFalse();
        Registry.Directory.TryGet(near.TubeId, out var tube).ShouldBeTrue();
        tube.State.ShouldBe(TubeState.Ready);
        Node.Gauges.Listeners.ShouldBe(0);
        Registry.Capacity.ActiveCreates.ShouldBe(0);
    }

    [Fact]
    public async Task A_tube_that_is_being_made_takes_no_further_channel_yet()
    {
        var held = Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c") with { TubeId = new("t") });
        await AwaitAssertAsync(() => Registry.Directory.Count.ShouldBe(1));

        (await RefusedAsync(Create("second") with { TubeId = new("t") })).Code.ShouldBe(RefusalCode.TubeNotReady);

        held.SetResult();
        await creating;
        Registry.Capacity.ActiveCreates.ShouldBe(0);
    }

    [Fact]
    public async Task A_further_channel_that_never_opens_times_out()
    {
        var (near, _) = await PairAsync();
        Peers.OpenChannels = false;
        var creating = Registry.CreateAsync(Create("second") with { TubeId = near.TubeId });
        await AwaitAssertAsync(() => Peers.Connections[0].Channels.Count.ShouldBe(2)); // made after its deadline was set

        Clock.Advance(TimeSpan.FromSeconds(15));

        (await creating).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.CreateTimeout);
        Registry.Directory.ConversationsOf(near.TubeId).ShouldBe([new ConversationId("c-near")]);
    }

    [Fact]
    public async Task A_conversation_can_be_associated_and_goes_with_its_tube()
    {
        var created = await CreatedAsync(Create("c"));
        var further = new ConversationId("further");

        (await Registry.AssociateAsync(new(created.TubeId, further))).ShouldBeOfType<Done>();
        (await Registry.AssociateAsync(new(created.TubeId, further))).ShouldBeOfType<Done>();
        Registry.Directory.TryGet(further, out var tube).ShouldBeTrue();
        tube.TubeId.ShouldBe(created.TubeId);
        var other = await CreatedAsync(Create("other"));
        (await Registry.AssociateAsync(new(other.TubeId, further))).ShouldBeOfType<Refused>().TubeId.ShouldBe(created.TubeId);

        await Registry.CloseTubeAsync(new(created.TubeId));
        Registry.Directory.TryGet(further, out _).ShouldBeFalse();
        await Registry.CloseTubeAsync(new(other.TubeId));
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_channel_the_peer_labels_control_belongs_to_the_tube_s_conversation()
    {
        var offer = (ScriptedPeerConnection)Peers.CreatePeerConnection();
        offer.CreateDataChannel("control");
        var created = await CreatedAsync(Create("c") with { Offer = SdpText.Encode($"scripted offer {offer.Number}") });

        offer.Connect(Peers.Connections[1]);

        await StateAsync(created.TubeId, TubeState.Ready);
        Registry.Directory.TryGet(created.TubeId, out var tube).ShouldBeTrue();
        tube.Conversations.Single().ShouldBe(new ConversationSnapshot(new("c"), "echo", true));
    }

    [Fact]
    public async Task A_peer_cannot_open_channels_without_end()
    {
        var (near, far) = await PairAsync();
        var peer = Peers.Connections[0];

        for (var i = 0; i < Node.Settings.MaxChannels + 20; i++)
            peer.CreateDataChannel($"more-{i}");

        await AwaitAssertAsync(() => peer.Channels.Count(c => c.State == DataChannelState.Closed).ShouldBe(22));
        Registry.Directory.ConversationsOf(far.TubeId).Count.ShouldBe(Node.Settings.MaxChannels);
    }

    [Fact]
    public async Task A_tunnel_between_two_registries_tubes_carries_tcp_and_leaves_nothing()
    {
        await using var server = LoopbackServer.Echo();
        var (near, far) = await PairAsync("t", Listen, TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port));

        for (var i = 0; i < 20; i++)
        {
            using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(IPEndPoint.Parse(near.LocalListenAddress!));
            await client.SendAsync(new byte[] { 1, 2, 3 });
            client.Shutdown(SocketShutdown.Send);
            (await TunnelFixture.ReadToEndAsync(client)).ShouldBe([1, 2, 3]);
        }

        await AwaitAssertAsync(() => Node.Gauges.Sockets.ShouldBe(0));
        Registry.Directory.Count.ShouldBe(2);
        await Registry.CloseTubeAsync(new(near.TubeId, CloseReason.Client));
        await NothingLeftAsync();
        Registry.Directory.TryGetClosed(far.TubeId, out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(CloseReason.Client);
        (await SignalsAsync(far.TubeId)).OfType<ChannelClosed>().First(c => c.ChannelId == "t-near").Reason.ShouldBe(CloseReason.Client);
    }

    [Fact]
    public async Task A_create_for_an_associated_conversation_that_names_its_tube_gives_it_a_channel()
    {
        var (near, _) = await PairAsync();
        await Registry.AssociateAsync(new(near.TubeId, new("x")));
        var refused = await RefusedAsync(Create("x"));
        refused.Message.ShouldContain("name that tube to use it");

        await CreatedAsync(Create("x") with { TubeId = refused.TubeId });

        Registry.Directory.TryGet(new ConversationId("x"), out var tube).ShouldBeTrue();
        tube.Conversations.Single(c => c.ConversationId == new ConversationId("x")).ShouldBe(new ConversationSnapshot(new("x"), "echo", true));
        (await RefusedAsync(Create("x") with { TubeId = refused.TubeId })).Code.ShouldBe(RefusalCode.ConversationExists);
    }

    [Fact]
    public async Task The_peer_may_open_the_channel_of_an_associated_conversation()
    {
        var (tube, _, far) = await ReadyAsync(Create("c"));
        await Registry.AssociateAsync(new(tube.TubeId, new("x")));

        var channel = far.CreateDataChannel("x");

        await AwaitAssertAsync(() =>
        {
            Registry.Directory.TryGet(new ConversationId("x"), out var holder).ShouldBeTrue();
            holder.Conversations.Single(c => c.ConversationId == new ConversationId("x")).IsOpen.ShouldBeTrue();
        });
        channel.State.ShouldBe(DataChannelState.Open);
        (await Registry.CloseConversationAsync(new(new("x")))).ShouldBeOfType<Done>();
        await AwaitAssertAsync(() => channel.State.ShouldBe(DataChannelState.Closed));
    }
}
