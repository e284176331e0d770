using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Sdp;

namespace Registry.WebRtc;

/// <summary>Offer and answer (JSEP, RFC 9429 §4.1), candidates, and what they set going.</summary>
internal sealed partial class PeerConnection
{
    private const int MaxEarlyCandidates = 64;

    private readonly List<IceCandidate?> earlyCandidates = [];
    private SignalingState signalingState;
    private SdpDescription? created;
    private SdpDescription? local;
    private SdpDescription? agreedLocal;
    private SdpDescription? remote;
    private SessionDescription? remoteAsSet;
    private DtlsRole? dtlsRole;
    private IReadOnlyList<CertificateFingerprint> remoteFingerprints = [];

    public SignalingState SignalingState
    {
        get { lock (gate) return signalingState; }
    }

    public IceGatheringState IceGatheringState
    {
        get { lock (gate) return gatheringState; }
    }

    public SessionDescription? RemoteDescription
    {
        get { lock (gate) return remoteAsSet; }
    }

    public SessionDescription? LocalDescription
    {
        get { lock (gate) return local?.With(ice.LocalCandidates, gatheringState); }
    }

    public ValueTask<SessionDescription> CreateOfferAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            Require(signalingState is SignalingState.Stable or SignalingState.HaveLocalOffer, "create an offer");
            if (waitingChannels.Count == 0 && association is null)
                throw new InvalidOperationException("Create a data channel before the offer: an offer without one has nothing to negotiate.");
            var credentials = restartRequested ? IceCredentials.Create() : ice.LocalCredentials;
            created = local?.CreateFurtherOffer(credentials)
                ?? SdpDescription.CreateOffer(credentials, certificate.Fingerprint, configuration.MaxMessageSize);
            return ValueTask.FromResult(new SessionDescription(SdpType.Offer, created.ToString()));
        }
    }

    public ValueTask<SessionDescription> CreateAnswerAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            Require(signalingState == SignalingState.HaveRemoteOffer, "create an answer");
            var credentials = peerRestarts ? IceCredentials.Create() : ice.LocalCredentials;
            created = remote!.CreateAnswer(credentials, certificate.Fingerprint, configuration.MaxMessageSize);
            if (local is { } previous)
                created = created with { SessionId = previous.SessionId, SessionVersion = previous.SessionVersion + 1 };
            if (dtlsRole is { } role)
                created = created with { Setup = role == DtlsRole.Client ? DtlsSetup.Active : DtlsSetup.Passive };
            return ValueTask.FromResult(new SessionDescription(SdpType.Answer, created.ToString()));
        }
    }

    public ValueTask SetLocalDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        lock (gate)
        {
            if (created is null || created.Type != description.Type)
                throw new InvalidOperationException($"Set as local description what Create{description.Type}Async returned.");
            Require(
                description.Type == SdpType.Offer ? signalingState is SignalingState.Stable or SignalingState.HaveLocalOffer : signalingState == SignalingState.HaveRemoteOffer,
                $"set a local {description.Type}");
            if (created.Credentials != ice.LocalCredentials)
                ReplaceIce(created.Credentials);
            local = created;
            created = null;
            signalingState = description.Type == SdpType.Offer ? SignalingState.HaveLocalOffer : SignalingState.Stable;
            Gather();
            if (description.Type == SdpType.Answer && !released)
                Agree();
            Advance(Now);
        }
        Schedule();
        return ValueTask.CompletedTask;
    }

    public ValueTask SetRemoteDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        var parsed = SdpDescription.Parse(description.Type, description.Sdp);
        lock (gate)
        {
            Require(
                description.Type == SdpType.Offer || signalingState == SignalingState.HaveLocalOffer,
                $"set a remote {description.Type}");
            RequireFitting(parsed);
            if (description.Type == SdpType.Offer && signalingState == SignalingState.HaveLocalOffer)
                RollBack();
            peerRestarts = parsed.Type == SdpType.Offer && agreed is not null && parsed.Credentials != agreed.RemoteCredentials;
            remote = parsed;
            remoteAsSet = description;
            remoteMaxMessageSize = parsed.MaxMessageSize;
            remoteFingerprints = parsed.Fingerprints;
            signalingState = description.Type == SdpType.Offer ? SignalingState.HaveRemoteOffer : SignalingState.Stable;
            if (description.Type == SdpType.Answer)
                Agree();
            Advance(Now);
        }
        Schedule();
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes an unanswered offer back for the peer's (W3C WebRTC §4.4.1.5, implicit rollback).</summary>
    private void RollBack()
    {
        local = agreedLocal;
        if (replacedIce is { } present && agreed?.Agent != ice)
        {
            var unanswered = ice;
            (ice, replacedIce) = (present, null);
            Retire(unanswered);
            UpdateIceState();
        }
    }

    public ValueTask AddIceCandidateAsync(IceCandidate? candidate, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            if (released)
                throw new InvalidOperationException("The peer connection is closed.");
            if (agreed?.Agent == ice && !peerRestarts)
            {
                AddRemoteCandidate(candidate);
                Advance(Now);
            }
            else if (earlyCandidates.Count < MaxEarlyCandidates)
            {
                earlyCandidates.Add(candidate);
            }
            else
            {
                throw new InvalidOperationException($"More than {MaxEarlyCandidates} candidates came before the remote description.");
            }
        }
        Schedule();
        return ValueTask.CompletedTask;
    }

    /// <summary>Both descriptions are there: roles are settled and checks may start.</summary>
    private void Agree()
    {
        var now = Now;
        agreedLocal = local;
        if (agreed?.Agent != ice)
        {
            if (agreed is not null)
                iceRestarts++;
            agreed = new(ice, remote!.Credentials);
            peerRestarts = false;
            var offering = local!.Type == SdpType.Offer;
            // The full agent controls a lite one, otherwise the offerer controls (RFC 8445 §6.1.1).
            ice.Role = offering || remote.IsIceLite ? IceRole.Controlling : IceRole.Controlled;
            // A restart of ICE leaves the DTLS connection as it is (RFC 8842 §5.5).
            dtlsRole ??= (offering ? remote.Setup != DtlsSetup.Active : local.Setup == DtlsSetup.Active) ? DtlsRole.Client : DtlsRole.Server;
            ice.SetRemoteCredentials(now, remote.Credentials.UsernameFragment, remote.Credentials.Password, remote.IsIceLite);
        }
        foreach (var candidate in remote!.Candidates)
            AddRemoteCandidate(candidate);
        if (remote.EndOfCandidates)
            AddRemoteCandidate(null);
        foreach (var candidate in earlyCandidates)
            AddRemoteCandidate(candidate);
        earlyCandidates.Clear();
        StartDtls(now);
    }

    private void AddRemoteCandidate(IceCandidate? candidate)
    {
        if (names.Agent != ice)
            names = new() { Agent = ice };
        if (candidate is null && names.Pending > 0)
            names.EndAfterThem = true;
        else if (candidate is null)
            ice.EndOfRemoteCandidates(Now);
        else if ((candidate.UsernameFragment is null || candidate.UsernameFragment == remote!.Credentials.UsernameFragment) && !TryResolve(candidate))
            ice.AddRemoteCandidate(Now, candidate);
    }

    private void Require(bool allowed, string action)
    {
        if (released)
            throw new InvalidOperationException("The peer connection is closed.");
        if (!allowed)
            throw new InvalidOperationException($"Cannot {action} in signaling state {signalingState}.");
    }
}
