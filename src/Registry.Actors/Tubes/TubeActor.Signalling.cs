using Akka.Actor;
using Registry.Actors.Tracing;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>What the peer's side tells a tube: descriptions, candidates, and the state of the connection.</summary>
internal sealed partial class TubeActor
{
    private void Apply(SetRemoteDescription command)
    {
        if (!SdpText.TryDecode(command.Sdp, "sdp", out var sdp, out var wrong))
        {
            Sender.Tell(wrong);
            return;
        }

        if (command.Type == DescriptionType.Offer)
            AnswerRestart(sdp);
        else if (connection is null)
            Sender.Tell(new Refused(RefusalCode.InvalidSdp, "The tube has not made its offer yet.") { Key = "type" });
        else
            Reply(ApplyAnswerAsync(connection, sdp, isFirst: trace.Described()));
    }

    private async Task<Refused?> ApplyAnswerAsync(IPeerConnection peer, string sdp, bool isFirst)
    {
        var refused = await TubeNegotiation.ApplyAsync(peer, new(SdpType.Answer, sdp), "sdp", stop.Token);
        if (refused is not null && isFirst)
            self.Tell(new AnswerRefused(refused.Code));
        self.Tell(RestartDue.Instance); // the pause for the answer is over
        return refused;
    }

    private void Add(AddCandidates command)
    {
        if (!TubeNegotiation.TryRead(command.Candidates, out var candidates, out var wrong))
            Sender.Tell(wrong);
        else if (connection is null)
            Sender.Tell(new Refused(RefusalCode.InvalidCandidate, "The tube is not ready for candidates yet.") { Key = "candidates" });
        else
            Reply(TubeNegotiation.AddAsync(connection, candidates, stop.Token));
    }

    // The work runs outside; its outcome goes to who asked, and a cancelled one means that the tube ended meanwhile.
    private void Reply<T>(Task<T?> work) where T : RegistryReply => work.PipeTo(
        Sender,
        self,
        success: reply => reply is null ? Done.Instance : reply,
        failure: e => e is OperationCanceledException or ObjectDisposedException
            ? Ending()
            : new Refused(RefusalCode.InvalidRequest, $"The peer connection refused it: {e.Message}") { TubeId = id });

    private void Follow(PeerConnectionState peer)
    {
        ReadPath();
        switch (peer)
        {
            case PeerConnectionState.Connected when state is TubeState.Connecting or TubeState.Disconnected:
                trace.Reached(ConnectPhase.Sctp);
                restarts.OnConnected(Age);
                Enter(TubeState.Active);
                if (AnyOpen)
                    Enter(TubeState.Ready);
                break;
            case PeerConnectionState.Disconnected when state is TubeState.Active or TubeState.Ready:
                Enter(TubeState.Disconnected);
                restarts.OnDisconnected();
                RestartWhenAllowed();
                break;
            case PeerConnectionState.Failed or PeerConnectionState.Closed:
                FailByConnection();
                break;
        }
    }

    private void ReadPath()
    {
        if (connection?.SelectedCandidatePair is not { } pair || pair == path)
            return;
        path = pair;
        Publish();
    }

    internal static string AddressOf(IceCandidate candidate) =>
        candidate.Address.Contains(':', StringComparison.Ordinal) ? $"[{candidate.Address}]:{candidate.Port}" : $"{candidate.Address}:{candidate.Port}";

    // RFC 8839 §5.1.
    internal static string Name(IceCandidateType type) => type switch
    {
        IceCandidateType.ServerReflexive => "srflx",
        IceCandidateType.PeerReflexive => "prflx",
        IceCandidateType.Relay => "relay",
        _ => "host",
    };
}
