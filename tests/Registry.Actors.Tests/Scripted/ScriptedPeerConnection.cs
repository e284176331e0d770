using Registry.WebRtc;

namespace Registry.Actors.Tests.Scripted;

/// <summary>
/// A peer connection without a network: two of one factory connect when their descriptions have been exchanged, and their data
/// channels carry messages. Tests break it where they like.
/// </summary>
internal sealed class ScriptedPeerConnection : IPeerConnection
{
    private static readonly IceCandidate Host = new("1", 1, 2130706431, "192.0.2.1", 50000, IceCandidateType.Host);

    private readonly ScriptedPeerConnectionFactory factory;
    private readonly List<ScriptedDataChannel> channels = [];
    private ScriptedPeerConnection? other;

    public ScriptedPeerConnection(ScriptedPeerConnectionFactory factory, int number, PeerConnectionConfiguration? configuration)
    {
        this.factory = factory;
        Number = number;
        Configuration = configuration;
    }

    public event Action<PeerConnectionState>? ConnectionStateChanged;
    public event Action<IceConnectionState>? IceConnectionStateChanged;
    public event Action<IceGatheringState>? IceGatheringStateChanged;
    public event Action<IceCandidate?>? IceCandidateFound;
    public event Action<IDataChannel>? DataChannelReceived;
    public event Action? LocalAddressesChanged;

    public int Number { get; }
    public PeerConnectionConfiguration? Configuration { get; }
    public bool IsDisposed { get; private set; }
    public List<IceCandidate?> RemoteCandidates { get; } = [];
    public IReadOnlyList<ScriptedDataChannel> Channels => channels;

    public PeerConnectionState ConnectionState { get; private set; }
    public IceConnectionState IceConnectionState { get; private set; }
    public IceGatheringState IceGatheringState { get; private set; }
    public SignalingState SignalingState { get; private set; }
    public SessionDescription? LocalDescription { get; private set; }
    public SessionDescription? RemoteDescription { get; private set; }
    public CandidatePair? SelectedCandidatePair { get; private set; }
    public PeerConnectionFailure? Failure { get; private set; }

    /// <summary>Whether anyone still listens to this connection's events.</summary>
    public bool HasListeners => ConnectionStateChanged is not null || IceConnectionStateChanged is not null || IceCandidateFound is not null || DataChannelReceived is not null || LocalAddressesChanged is not null;

    public IDataChannel CreateDataChannel(string label, DataChannelOptions? options = null)
    {
        factory.Fault("CreateDataChannel");
        var channel = new ScriptedDataChannel(label, options ?? DataChannelOptions.Default, factory.Window);
        channels.Add(channel);
        if (other is { } peer)
            Announce(channel, peer);
        return channel;
    }

    /// <summary>How often ICE was restarted.</summary>
    public int Restarts { get; private set; }

    public void RestartIce() => Restarts++;

    public void ChangeAddresses() => LocalAddressesChanged?.Invoke();

    public async ValueTask<SessionDescription> CreateOfferAsync(CancellationToken cancellationToken = default)
    {
        await factory.StepAsync("CreateOffer", cancellationToken);
        return new(SdpType.Offer, $"scripted offer {Number}");
    }

    public async ValueTask<SessionDescription> CreateAnswerAsync(CancellationToken cancellationToken = default)
    {
        await factory.StepAsync("CreateAnswer", cancellationToken);
        return new(SdpType.Answer, $"scripted answer {Number}");
    }

    public async ValueTask SetLocalDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        await factory.StepAsync("SetLocalDescription", cancellationToken);
        LocalDescription = description;
        SignalingState = description.Type == SdpType.Offer ? SignalingState.HaveLocalOffer : SignalingState.Stable;
        IceCandidateFound?.Invoke(Host);
        await factory.StepAsync("Gather", cancellationToken);
        LocalDescription = description with { Sdp = $"{description.Sdp} {Host}" };
        IceGatheringState = IceGatheringState.Complete;
        IceGatheringStateChanged?.Invoke(IceGatheringState.Complete);
        IceCandidateFound?.Invoke(null);
    }

    public async ValueTask SetRemoteDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default)
    {
        await factory.StepAsync("SetRemoteDescription", cancellationToken);
        var words = description.Sdp.Split(' ');
        if (words is not ["scripted", _, var number, ..])
            throw new FormatException("a=fingerprint is missing.");
        if (description.Type == SdpType.Answer && SignalingState != SignalingState.HaveLocalOffer)
            throw new InvalidOperationException("An answer does not fit the state stable.");
        RemoteDescription = description;
        SignalingState = description.Type == SdpType.Offer ? SignalingState.HaveRemoteOffer : SignalingState.Stable;
        var peer = factory.Connections.Single(c => c.Number == int.Parse(number, System.Globalization.CultureInfo.InvariantCulture));
        if (description.Type == SdpType.Answer && factory.AutoConnect && other is null)
            Connect(peer);
    }

    public ValueTask AddIceCandidateAsync(IceCandidate? candidate, CancellationToken cancellationToken = default)
    {
        factory.Fault("AddIceCandidate");
        RemoteCandidates.Add(candidate);
        return ValueTask.CompletedTask;
    }

    public StatsReport GetStatsReport() => new();

    public PeerConnectionStatistics GetStatistics() => new() { BytesSent = 7, BytesReceived = 8, MessagesSent = 1, MessagesReceived = 2 };

    public ValueTask DisposeAsync()
    {
        if (IsDisposed)
            return ValueTask.CompletedTask;
        HangUp();
        factory.Fault("Dispose");
        return ValueTask.CompletedTask;
    }

    /// <summary>Connects both ends and opens what channels there are.</summary>
    public void Connect(ScriptedPeerConnection peer)
    {
        other = peer;
        peer.other = this;
        Become(PeerConnectionState.Connected);
        peer.Become(PeerConnectionState.Connected);
        foreach (var channel in channels.ToArray())
            Announce(channel, peer);
    }

    public void Become(PeerConnectionState state)
    {
        if (ConnectionState == state || ConnectionState == PeerConnectionState.Closed)
            return;
        ConnectionState = state;
        if (state == PeerConnectionState.Connected)
            SelectedCandidatePair = new(Host, Host with { Type = IceCandidateType.PeerReflexive });
        IceConnectionState = state == PeerConnectionState.Connected ? IceConnectionState.Connected : IceConnectionState;
        IceConnectionStateChanged?.Invoke(IceConnectionState);
        ConnectionStateChanged?.Invoke(state);
    }

    public void Fail(PeerConnectionFailureKind kind, string message)
    {
        Failure = new(kind, message);
        ConnectionState = PeerConnectionState.Failed;
        foreach (var channel in channels)
            channel.Close();
        ConnectionStateChanged?.Invoke(PeerConnectionState.Failed);
    }

    /// <summary>Closes both ends, as a peer does.</summary>
    public void HangUp()
    {
        IsDisposed = true;
        Close();
        other?.Close();
    }

    /// <summary>Fails without a word to its listeners.</summary>
    public void FailSilently()
    {
        Failure = new(PeerConnectionFailureKind.ConsentExpired, "scripted, and not told");
        ConnectionState = PeerConnectionState.Failed;
    }

    private void Announce(ScriptedDataChannel channel, ScriptedPeerConnection peer)
    {
        if (!factory.OpenChannels)
            return;
        var far = new ScriptedDataChannel(channel.Label, channel.Options, factory.Window);
        peer.channels.Add(far);
        channel.Open(far);
        peer.DataChannelReceived?.Invoke(far);
    }

    private void Close()
    {
        SignalingState = SignalingState.Closed;
        foreach (var channel in channels)
            channel.Close();
        if (ConnectionState != PeerConnectionState.Failed)
            Become(PeerConnectionState.Closed);
    }
}
