using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>What a tube needs and its WebRTC stack cannot do is refused, and the tube goes on.</summary>
public sealed class StackCapabilitySpecs : RegistrySpec
{
    public StackCapabilitySpecs(ITestOutputHelper output) : base(output) => Peers.Capabilities = PeerConnectionCapabilities.None;

    [Fact]
    public async Task Without_ICE_restarts_a_restart_from_either_side_is_refused()
    {
        var (near, far) = await PairAsync();

        NotSupported(await Registry.RestartIceAsync(new(near.TubeId)), near.TubeId, "cannot restart ICE");
        NotSupported(await Registry.SetRemoteDescriptionAsync(new(far.TubeId, DescriptionType.Offer, near.Offer!)), far.TubeId, "cannot restart ICE");

        Peers.Connections.ShouldAllBe(connection => connection.Restarts == 0);
        await StateAsync(near.TubeId, TubeState.Ready);
        await StateAsync(far.TubeId, TubeState.Ready);
    }

    [Fact]
    public async Task Without_ICE_restarts_a_tube_whose_path_is_silent_waits_for_its_deadline_only()
    {
        var (near, _) = await PairAsync();
        Peers.Connections[0].ChangeAddresses();
        Peers.Connections[0].Become(PeerConnectionState.Disconnected);
        await StateAsync(near.TubeId, TubeState.Disconnected);

        Clock.Advance(TimeSpan.FromSeconds(29));
        await StateAsync(near.TubeId, TubeState.Disconnected);
        Clock.Advance(TimeSpan.FromSeconds(1));

        (await SignalsAsync(near.TubeId)).ShouldNotContain(signal => signal is IceRestartOffered);
        Peers.Connections[0].Restarts.ShouldBe(0);
    }

    [Fact]
    public async Task Where_a_channel_cannot_be_closed_alone_a_tube_carries_one_conversation()
    {
        var (near, _) = await PairAsync();

        NotSupported(await Registry.CreateAsync(Create("second") with { TubeId = near.TubeId }), near.TubeId, "one conversation only");

        Registry.Directory.ConversationsOf(near.TubeId).ShouldBe([new("c-near")]);
        Registry.Directory.TryGet(new ConversationId("second"), out _).ShouldBeFalse();
        Registry.Capacity.ActiveCreates.ShouldBe(0);
    }

    private static void NotSupported(RegistryReply reply, TubeId tube, string what)
    {
        var refused = reply.ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.NotSupported);
        refused.Retryable.ShouldBeFalse();
        refused.TubeId.ShouldBe(tube);
        refused.Message.ShouldContain(what);
        refused.Message.ShouldContain("registry.webrtc.stack = managed");
    }
}
