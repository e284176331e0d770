using Akka.Actor;
using Akka.Event;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>
/// ICE restarts. Who made the tube's first offer restarts by itself, so that not both ends do at once; when both do all the same, that one's offer stands.
/// </summary>
internal sealed partial class TubeActor
{
    private const string RestartTimer = "restart";

    // A change of the network comes as several changes of addresses.
    private static readonly TimeSpan AddressesSettle = TimeSpan.FromMilliseconds(500);

    private bool addressesChanged;

    private bool IsFirstOfferer => first.Command.Offer is null;

    private bool CanRestart => state is TubeState.Active or TubeState.Ready or TubeState.Disconnected;

    private TimeSpan? RestartWait => restarts.WaitAt(Age, isPending: connection!.SignalingState == SignalingState.HaveLocalOffer);

    private Refused? LackOfRestarts => Lack(PeerConnectionCapabilities.IceRestart, "restart ICE; make a new tube instead");

    /// <param name="asker">Who asked for it; null when the tube itself sees the need.</param>
    private void Restart(IActorRef? asker)
    {
        if (RefuseRestart() is { } refused)
        {
            asker?.Tell(refused);
            return;
        }

        restarts.OnAttempt(Age);
        addressesChanged = false;
        log.Info("Tube {TubeId} of conversation {ConversationId} restarts ICE", id, first.Command.ConversationId);
        TubeNegotiation.RestartAsync(connection!, first.Command.TrickleIce, stop.Token)
            .PipeTo(self, success: sdp => new RestartOffer(sdp, asker), failure: e => e is InvalidOperationException or OperationCanceledException
                ? new RestartOffer(null, asker) // The connection ended meanwhile, which is told elsewhere.
                : WorkFailed.From(e));
    }

    private Refused? RefuseRestart()
    {
        if (LackOfRestarts is { } lacking)
            return lacking;
        if (!CanRestart)
            return new(RefusalCode.TubeNotReady, $"Tube {id} is {state.Text}: ICE can be restarted once it was connected.") { TubeId = id };
        return RestartWait switch
        {
            null => new(RefusalCode.IceRestartLimit, $"ICE was restarted {node.Settings.IceRestartAttempts} times and the path was not whole for {node.Settings.IceRestartMaxBackoff.TotalSeconds:0.###} s since.")
            { TubeId = id, Limit = node.Settings.IceRestartAttempts, RetryAfter = node.Settings.IceRestartMaxBackoff },
            { Ticks: > 0 } wait => new(RefusalCode.IceRestartLimit, "ICE was restarted a moment ago.") { TubeId = id, RetryAfter = wait },
            _ => null,
        };
    }

    private void Offer(RestartOffer offered)
    {
        if (offered.Sdp is null)
        {
            offered.Asker?.Tell(Ending());
            return;
        }

        var sdp = SdpText.Encode(offered.Sdp);
        Signal((t, n) => new IceRestartOffered(t, n, Now, sdp));
        offered.Asker?.Tell(new DescriptionMade(id, DescriptionType.Offer, sdp));
        RestartWhenAllowed();
    }

    private void RestartWhenAllowed()
    {
        if (!IsRestartWanted || RestartWait is not { } wait)
            return;
        if (wait > TimeSpan.Zero)
            Timers.StartSingleTimer(RestartTimer, RestartDue.Instance, wait);
        else
            Restart(asker: null);
    }

    private void RestartForAddresses()
    {
        addressesChanged = true;
        if (IsRestartWanted)
            Timers.StartSingleTimer(RestartTimer, RestartDue.Instance, AddressesSettle);
    }

    private bool IsRestartWanted => LackOfRestarts is null && IsFirstOfferer && first.Command.TrickleIce && CanRestart && (addressesChanged || state == TubeState.Disconnected);

    private void AnswerRestart(string offer)
    {
        if (!CanRestart)
            Sender.Tell(new Refused(RefusalCode.InvalidSdp, IsFirstOfferer
                ? "This tube made the offer; it takes an answer, and an offer that restarts ICE once it was connected."
                : $"This tube is {state.Text}; it takes an offer that restarts ICE once it was connected.")
            { Key = "type" });
        else if (LackOfRestarts is { } lacking)
            Sender.Tell(lacking);
        else if (IsFirstOfferer && connection!.SignalingState == SignalingState.HaveLocalOffer)
            Sender.Tell(new Refused(RefusalCode.InvalidSdp, "The tube restarts ICE itself: answer its offer, which its signal ice_restart_offer carries.") { Key = "type" });
        else
            Reply<RegistryReply>(TubeNegotiation.AnswerAsync(connection!, id, offer, first.Command.TrickleIce, stop.Token)!);
    }
}
