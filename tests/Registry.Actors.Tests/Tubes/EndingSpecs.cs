using Akka.Actor;
using CsCheck;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Tests.Audit;
using Registry.Actors.Tests.Scripted;
using Registry.Actors.Tubes;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>Whatever ends a tube: one word on each of its channels, one on itself, the last; one record of its start and one of its end; and all of them true.</summary>
public sealed class EndingSpecs(ITestOutputHelper output, RecordingAudit audit) : RegistrySpec(output, configure: o => o.Audit = audit), IClassFixture<RecordingAudit>
{
    [Theory]
    [InlineData("call", CloseReason.AIClosed, CloseReason.AIClosed, "tube_closed")]
    [InlineData("peer", CloseReason.Client, CloseReason.Client, "normal")]
    // The channel may be found closed before the connection is.
    [InlineData("peer without a word", CloseReason.Normal, CloseReason.Normal, "tube_closed|normal")]
    [InlineData("target lost", CloseReason.UpstreamClosed, CloseReason.UpstreamClosed, "error: the target is gone")]
    [InlineData("deadline", CloseReason.ConnectionLost, CloseReason.ConnectionLost, "tube_closed")]
    [InlineData("ICE failure", CloseReason.ConnectionLost, CloseReason.ConnectionLost, "tube_closed")]
    [InlineData("DTLS failure", CloseReason.ConnectionFailed, CloseReason.ConnectionFailed, "tube_closed")]
    [InlineData("broken frames", CloseReason.ProtocolError, CloseReason.Timeout, "error")]
    [InlineData("actor exception", CloseReason.Error, CloseReason.Error, "tube_closed")]
    [InlineData("registry stop", CloseReason.NodeStopped, CloseReason.NodeStopped, "tube_closed")]
    public async Task Every_end_has_one_true_reason(string cause, CloseReason ofChannel, CloseReason ofTube, string outcome)
    {
        var (created, near, far) = await ReadyAsync(Create("c", Listen));
        var watched = Registry.Signals(created.TubeId)!;

        switch (cause)
        {
            case "call":
                await Registry.CloseTubeAsync(new(created.TubeId, CloseReason.AIClosed));
                break;
            case "peer":
                await SayCloseAsync(far, CloseReason.Client, "enough");
                await far.DisposeAsync();
                break;
            case "peer without a word":
                await far.DisposeAsync();
                break;
            case "target lost":
                await SayCloseAsync(far, CloseReason.UpstreamClosed, "the target is gone");
                await AwaitAssertAsync(() => Registry.Directory.ConversationsOf(created.TubeId).ShouldBeEmpty());
                await far.DisposeAsync();
                break;
            case "deadline":
                near.Become(PeerConnectionState.Disconnected);
                await StateAsync(created.TubeId, TubeState.Disconnected);
                Clock.Advance(TimeSpan.FromSeconds(30));
                break;
            case "ICE failure":
                near.Fail(PeerConnectionFailureKind.ConsentExpired, "consent expired");
                break;
            case "DTLS failure":
                near.Fail(PeerConnectionFailureKind.DtlsFailed, "alert");
                break;
            case "broken frames":
                await far.Channels.Single().SendAsync("nonsense, and enough of it for a header ..............."u8.ToArray());
                await StateAsync(created.TubeId, TubeState.Active);
                Clock.Advance(TimeSpan.FromSeconds(30));
                break;
            case "actor exception":
                Sys.ActorSelection(Actor.Path / created.TubeId.ToString()).Tell(new PeerOpenedChannel(null!));
                break;
            case "registry stop":
                await StopAsync();
                break;
        }

        var signals = await CollectAsync(watched);
        var channel = signals.OfType<ChannelClosed>().Single();
        channel.Reason.ShouldBe(ofChannel);
        outcome.Split('|').ShouldContain(start => channel.Outcome.StartsWith(start, StringComparison.Ordinal), channel.Outcome);
        signals.OfType<TubeClosed>().Single().Reason.ShouldBe(ofTube);
        signals[^1].ShouldBeOfType<TubeClosed>().Text.ShouldNotBeEmpty();
        Registry.Directory.TryGetClosed(created.TubeId, out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(ofTube);
        var recorded = await RecordedAsync(created.TubeId);
        (recorded.Reason, recorded.Text).ShouldBe((ofTube, closed.CloseText));
        await far.DisposeAsync();
        if (cause != "registry stop")
            await NothingLeftAsync();
    }

    [Fact]
    public async Task An_exception_in_any_handler_ends_that_tube_with_one_reason_and_no_other()
    {
        var other = await CreatedAsync(Create("other"));
        foreach (var state in new[] { TubeState.Initializing, TubeState.Connecting, TubeState.Ready, TubeState.Disconnected, TubeState.Closing })
        {
            foreach (var poison in Poison)
            {
                var id = TubeId.NewId();
                var held = state == TubeState.Initializing ? Peers.Hold("CreateOffer") : null;
                var creating = Registry.CreateAsync(Create(id.ToString(), Listen) with { TubeId = id });
                await AwaitAssertAsync(() => Peers.Connections.Count(c => !c.IsDisposed).ShouldBe(2));
                var near = Peers.Connections[^1];
                if (held is null)
                    (await creating).ShouldBeOfType<TubeCreated>();
                ScriptedPeerConnection? far = null;
                if (state > TubeState.Connecting)
                {
                    near.Connect(far = (ScriptedPeerConnection)Peers.CreatePeerConnection());
                    await StateAsync(id, TubeState.Ready);
                }

                if (state == TubeState.Disconnected)
                    near.Become(PeerConnectionState.Disconnected);
                if (state == TubeState.Closing)
                {
                    near.Channels.Single().KeepOpen = true;
                    _ = Registry.CloseTubeAsync(new(id));
                }

                await StateAsync(id, state);
                var watched = Registry.Signals(id)!;
                Sys.ActorSelection(Actor.Path / id.ToString()).Tell(poison);

                var signals = await CollectAsync(watched);
                signals.OfType<TubeClosed>().Single().Reason.ShouldBe(state == TubeState.Closing ? CloseReason.AdminClosed : CloseReason.Error, $"{poison} in {state}");
                signals.OfType<ChannelClosed>().Count().ShouldBe(1);
                (await RecordedAsync(id)).Reason.ShouldBe(signals.OfType<TubeClosed>().Single().Reason);
                Peers.Mend("CreateOffer");
                far?.HangUp();
                if (held is not null)
                    (await creating).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.CreateFailed);
                await AwaitAssertAsync(() => (Registry.Directory.Count, Peers.OpenConnections, Node.Holdings.All.Count(), Registry.Capacity.Tubes).ShouldBe((1, 1, 3, 1)));
            }
        }

        (await Registry.CloseTubeAsync(new(other.TubeId))).ShouldBeOfType<Done>();
        await NothingLeftAsync();
    }

    // Each of these breaks the handler it comes to, in every state that handles it.
    private static readonly object[] Poison = [new WorkFailed(new InvalidOperationException("scripted")), new PeerOpenedChannel(null!), new CloseChannel(null!)];

    /// <summary>Anything that can happen to a tube, in any order.</summary>
    [Fact]
    public async Task In_any_life_the_signals_tell_the_states_and_the_table_holds() =>
        await Gen.Int[0, 11].Array[0, 12].SampleAsync(async events =>
        {
            var name = TubeId.NewId().ToString();
            var offerer = await CreatedAsync(Create(name));
            var near = Peers.Connections[^1];
            var far = (ScriptedPeerConnection)Peers.CreatePeerConnection();
            var further = 0;
            foreach (var what in events)
            {
                switch (what)
                {
                    case 0 or 1 when near.ConnectionState == PeerConnectionState.New:
                        near.Connect(far);
                        break;
                    case 2:
                        near.Become(PeerConnectionState.Disconnected);
                        break;
                    case 3:
                        near.Become(PeerConnectionState.Connected);
                        break;
                    case 4 when near.ConnectionState == PeerConnectionState.Connected:
                        far.CreateDataChannel($"{name}-{further++}");
                        break;
                    case 5:
                        near.Channels.FirstOrDefault(c => c.State == DataChannelState.Open)?.Close();
                        break;
                    case 6:
                        _ = Registry.AssociateAsync(new(offerer.TubeId, new($"{name}-{further++}")));
                        break;
                    case 7:
                        _ = Registry.CloseConversationAsync(new(new(name)));
                        break;
                    case 8:
                        Clock.Advance(TimeSpan.FromSeconds(7));
                        break;
                    case 9 when events.Length % 3 == 0:
                        near.Fail(PeerConnectionFailureKind.ConsentExpired, "scripted");
                        break;
                    case 10 when events.Length % 3 == 1:
                        await far.DisposeAsync();
                        break;
                    case 11 when events.Length % 3 == 2:
                        _ = Registry.CloseTubeAsync(new(offerer.TubeId));
                        break;
                }
            }

            _ = await Registry.CloseTubeAsync(new(offerer.TubeId));
            await far.DisposeAsync();
            var signals = await SignalsAsync(offerer.TubeId);

            signals.Select(s => s.Sequence).ShouldBe(Enumerable.Range(1, signals.Count).Select(i => (long)i));
            signals.OfType<TubeClosed>().ShouldHaveSingleItem().ShouldBe(signals[^1]);
            var opened = signals.OfType<ChannelOpened>().Select(c => c.ChannelId).ToList();
            var closed = signals.OfType<ChannelClosed>().Select(c => c.ChannelId).ToList();
            closed.ShouldBeUnique();
            opened.ShouldBeSubsetOf(closed);
            closed.ShouldContain(name);
            (await RecordedAsync(offerer.TubeId)).Reason.ShouldBe(((TubeClosed)signals[^1]).Reason);
            Registry.Directory.TryGetClosed(offerer.TubeId, out var tube).ShouldBeTrue();
            var states = tube.History.Select(h => h.State).ToList();
            states.Skip(1).SkipLast(1).ShouldBe(signals.OfType<ConnectionStateChanged>().Select(s => s.State));
            for (var i = 1; i < states.Count; i++)
                TubeStates.RuleOf(states[i - 1]).Next.ShouldContain(states[i]);
            await NothingLeftAsync();
        }, iter: 150, threads: 1);

    // The end of a tube's two records; it comes a moment after the last signal.
    private async Task<AuditRecord> RecordedAsync(TubeId tube)
    {
        AuditRecord? end = null;
        await AwaitAssertAsync(() => end = audit.OfTube(tube).End);
        return end!;
    }

    private static async Task SayCloseAsync(ScriptedPeerConnection from, CloseReason reason, string text) =>
        await from.Channels.Single().SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeClose(0, reason, text)));
}
