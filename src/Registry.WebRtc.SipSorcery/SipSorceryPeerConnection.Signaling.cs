using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Sdp;
using SIPSorcery.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>Descriptions and candidates. Texts of the peer are read by this product's parsers, and SIPSorcery is given what those made of them.</summary>
internal sealed partial class SipSorceryPeerConnection
{
    private const int MaxEarlyCandidates = 64;

    // What SIPSorcery takes and announces, whatever it is asked.
    private const int InnerMaxMessageSize = 262_144;

    private readonly List<IceCandidate> localCandidates = [];
    private readonly List<IceCandidate?> earlyCandidates = [];
    private SignalingState signalingState;
    private IceGatheringState gatheringState;
    private SdpDescription? created;
    private RTCSessionDescriptionInit? createdInner;
    private SdpDescription? local;
    private SdpDescription? remote;
    private SessionDescription? remoteAsSet;
    private bool gathered;

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
        get { lock (gate) return local?.With([.. localCandidates], gatheringState); }
    }

    internal int RemoteMaxMessageSize => Math.Min(remote?.MaxMessageSize ?? 0, InnerMaxMessageSize);

    public void RestartIce() => throw new NotSupportedException("SIPSorcery cannot restart ICE.");

    private Task<SessionDescription> CreateAsync(SdpType type, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            // Waits for the list of addresses, which is why it is called here.
            var made = type == SdpType.Offer
                ? inner.createOffer(new() { X_ExcludeIceCandidates = true })
                : inner.createAnswer(new() { X_ExcludeIceCandidates = true });
            var description = SdpDescription.Parse(type, made.sdp) with { MaxMessageSize = Math.Min(configuration.MaxMessageSize, InnerMaxMessageSize) };
            lock (gate)
                (created, createdInner) = (description, made);
            return new SessionDescription(type, description.ToString());
        },
        cancellationToken);

    public async ValueTask<SessionDescription> CreateOfferAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            Require(signalingState is SignalingState.Stable or SignalingState.HaveLocalOffer, "create an offer");
            if (channels.Count == 0)
                throw new InvalidOperationException("Create a data channel before the offer: an offer without one has nothing to negotiate.");
            if (remote is not null)
                throw new InvalidOperationException("SIPSorcery cannot restart ICE, and there is nothing else that a further offer could change.");
        }

        return await CreateAsync(SdpType.Offer, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<SessionDescription> CreateAnswerAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
            Require(signalingState == SignalingState.HaveRemoteOffer, "create an answer");
        return await CreateAsync(SdpType.Answer, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask SetLocalDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        RTCSessionDescriptionInit applied;
        lock (gate)
        {
            if (created is null || created.Type != description.Type)
                throw new InvalidOperationException($"Set as local description what Create{description.Type}Async returned.");
            Require(
                description.Type == SdpType.Offer ? signalingState is SignalingState.Stable or SignalingState.HaveLocalOffer : signalingState == SignalingState.HaveRemoteOffer,
                $"set a local {description.Type}");
            applied = createdInner!;
            (local, created, createdInner) = (created, null, null);
            signalingState = description.Type == SdpType.Offer ? SignalingState.HaveLocalOffer : SignalingState.Stable;
        }

        await inner.setLocalDescription(applied).ConfigureAwait(false);
        events.Start();
        lock (gate)
            Gather();
        if (description.Type == SdpType.Answer)
            Agree();
    }

    public ValueTask SetRemoteDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        var parsed = SdpDescription.Parse(description.Type, description.Sdp);
        SignalingState before;
        lock (gate)
        {
            before = signalingState;
            Require(
                description.Type == SdpType.Offer ? signalingState == SignalingState.Stable : signalingState == SignalingState.HaveLocalOffer,
                $"set a remote {description.Type}");
            if (remote is not null)
                throw new InvalidOperationException("SIPSorcery cannot restart ICE, and there is nothing else that a further description could change.");
            (remote, remoteAsSet) = (parsed, description);
            signalingState = description.Type == SdpType.Offer ? SignalingState.HaveRemoteOffer : SignalingState.Stable;
        }

        // The candidates follow once this side may send.
        var withoutCandidates = parsed with { Candidates = [], EndOfCandidates = false };
        var result = inner.setRemoteDescription(new() { type = description.Type == SdpType.Offer ? RTCSdpType.offer : RTCSdpType.answer, sdp = withoutCandidates.ToString() });
        if (result != SetDescriptionResultEnum.OK)
        {
            lock (gate)
                (remote, remoteAsSet, signalingState) = (null, null, released ? SignalingState.Closed : before);
            throw new FormatException($"SIPSorcery refuses the description: {result}.");
        }

        events.Start();
        if (description.Type == SdpType.Answer)
            Agree();
        return ValueTask.CompletedTask;
    }

    public ValueTask AddIceCandidateAsync(IceCandidate? candidate, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            if (released)
                throw new InvalidOperationException("The peer connection is closed.");
            if (local is null || remote is null)
            {
                if (earlyCandidates.Count == MaxEarlyCandidates)
                    throw new InvalidOperationException($"More than {MaxEarlyCandidates} candidates came before the remote description.");
                earlyCandidates.Add(candidate);
                return ValueTask.CompletedTask;
            }
        }

        AddToInner(candidate);
        return ValueTask.CompletedTask;
    }

    private void Agree()
    {
        List<IceCandidate?> candidates;
        lock (gate)
        {
            candidates = [.. remote!.Candidates, .. earlyCandidates];
            earlyCandidates.Clear();
        }

        candidates.ForEach(AddToInner);
    }

    // SIPSorcery reads a TCP candidate as one of UDP, would look up any name, and has no use for the end of candidates.
    private void AddToInner(IceCandidate? candidate)
    {
        if (candidate is not { Protocol: "udp", Component: IceCandidatePriority.Component } || candidate.UsernameFragment is { } fragment && fragment != remote!.Credentials.UsernameFragment)
            return;
        var resolvesNames = factory.Options.ResolveLocalNames && configuration.IceTransportPolicy == IceTransportPolicy.All;
        if (IPAddress.TryParse(candidate.Address, out _) || resolvesNames && candidate.Address.EndsWith(".local", StringComparison.OrdinalIgnoreCase))
            inner.addIceCandidate(new() { candidate = candidate.ToString(), sdpMid = "0", sdpMLineIndex = 0 });
    }

    private void FollowGathering()
    {
        // An added handler is told the candidates that there are; a host's are made here, from the addresses that are to be offered.
        inner.onicecandidate += candidate =>
        {
            if (candidate.type != RTCIceCandidateType.host && IceCandidate.TryParse($"candidate:{candidate}", out var found, out _))
                OnCandidate(found);
        };
        inner.onicegatheringstatechange += state =>
        {
            if (state == RTCIceGatheringState.complete)
                OnGathered();
        };
        if (inner.iceGatheringState == RTCIceGatheringState.complete)
            OnGathered();
    }

    /// <summary>SIPSorcery gathers from the beginning; the application is told from its first description on.</summary>
    private void Gather()
    {
        if (released || gatheringState != IceGatheringState.New)
            return;
        ChangeGatheringState(IceGatheringState.Gathering);
        foreach (var candidate in localCandidates.ToArray())
            events.Raise(() => IceCandidateFound?.Invoke(candidate));
        if (configuration.IceTransportPolicy == IceTransportPolicy.All)
        {
            var preference = IceCandidatePriority.MaxLocalPreference;
            foreach (var host in factory.Addresses.LeadingTo(inner.GetRtpChannel().RTPLocalEndPoint))
                OnCandidate(IceCandidatePriority.CreateHost(host.Address, host.Port, preference--));
        }

        if (gathered)
            EndGathering();
        else
            _ = EndGatheringInTimeAsync();
    }

    private void OnCandidate(IceCandidate candidate)
    {
        lock (gate)
        {
            if (released || gatheringState == IceGatheringState.Complete || localCandidates.Contains(candidate))
                return;
            localCandidates.Add(candidate);
            if (gatheringState == IceGatheringState.Gathering)
                events.Raise(() => IceCandidateFound?.Invoke(candidate));
        }
    }

    private void OnGathered()
    {
        lock (gate)
        {
            gathered = true;
            if (gatheringState == IceGatheringState.Gathering)
                EndGathering();
        }
    }

    private async Task EndGatheringInTimeAsync()
    {
        await Task.Delay(configuration.GatheringTimeout, Time, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        OnGathered();
    }

    private void EndGathering()
    {
        if (released)
            return;
        events.Raise(() => IceCandidateFound?.Invoke(null));
        ChangeGatheringState(IceGatheringState.Complete);
    }

    private void ChangeGatheringState(IceGatheringState next)
    {
        gatheringState = next;
        events.Raise(() => IceGatheringStateChanged?.Invoke(next));
    }

    private static RTCIceServer ToInner(IceServer server, string url) => new() { urls = IceServerUrl.Parse(url).ToString(), username = server.Username, credential = server.Credential };

    private void Require(bool allowed, string action)
    {
        if (released)
            throw new InvalidOperationException("The peer connection is closed.");
        if (!allowed)
            throw new InvalidOperationException($"Cannot {action} in signaling state {signalingState}.");
    }
}
