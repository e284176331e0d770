namespace Registry.WebRtc;

/// <summary>
/// One WebRTC peer connection that carries data channels only (W3C RTCPeerConnection, JSEP RFC 9429).
/// </summary>
/// <remarks>
/// Members may be called from any thread. Events of one connection are raised one at a time, in order, on a pool thread;
/// a handler must not block. Attach handlers before the first description is set: nothing is raised earlier.
/// Disposing is closing: it is immediate, tells the peer where that can be done without waiting, and may be repeated.
/// </remarks>
public interface IPeerConnection : IAsyncDisposable
{
    /// <summary>The aggregate of ICE and DTLS state.</summary>
    PeerConnectionState ConnectionState { get; }

    /// <summary>The state of the ICE agent.</summary>
    IceConnectionState IceConnectionState { get; }

    /// <summary>Whether local candidates are still being found.</summary>
    IceGatheringState IceGatheringState { get; }

    /// <summary>Where the offer/answer exchange stands.</summary>
    SignalingState SignalingState { get; }

    /// <summary>The local description with every candidate gathered so far, or null before one was set.</summary>
    SessionDescription? LocalDescription { get; }

    /// <summary>The remote description as it was set, or null.</summary>
    SessionDescription? RemoteDescription { get; }

    /// <summary>The candidate pair that carries data now, or null while none does.</summary>
    CandidatePair? SelectedCandidatePair { get; }

    /// <summary>Why the connection became <see cref="PeerConnectionState.Failed"/>, or null.</summary>
    PeerConnectionFailure? Failure { get; }

    /// <summary>Raised after <see cref="ConnectionState"/> changed.</summary>
    event Action<PeerConnectionState>? ConnectionStateChanged;

    /// <summary>Raised after <see cref="IceConnectionState"/> changed.</summary>
    event Action<IceConnectionState>? IceConnectionStateChanged;

    /// <summary>Raised after <see cref="IceGatheringState"/> changed.</summary>
    event Action<IceGatheringState>? IceGatheringStateChanged;

    /// <summary>Raised for each local candidate, and with null when there are no more (end of candidates, RFC 8838 §8.2).</summary>
    event Action<IceCandidate?>? IceCandidateFound;

    /// <summary>Raised when the peer opened a data channel. Messages wait until <see cref="IDataChannel.ReceiveAsync"/> is called.</summary>
    event Action<IDataChannel>? DataChannelReceived;

    /// <summary>
    /// Raised after this machine got or lost an address, also the one on a relay that is in use, so that the candidates gathered are not those it has now: an ICE
    /// restart may find a better path, or the only one left.
    /// </summary>
    event Action? LocalAddressesChanged;

    /// <summary>
    /// Creates a data channel. Before the connection is established it waits in <see cref="DataChannelState.Connecting"/>; it closes
    /// when it then turns out that its id is taken. The first channel must be created before the offer.
    /// </summary>
    /// <param name="label">Name of at most 65,535 bytes of UTF-8 (RFC 8832 §5.1).</param>
    /// <param name="options">Order, reliability and protocol; null for ordered and reliable.</param>
    /// <exception cref="ArgumentException">The label or protocol is too long, or both reliability limits are set.</exception>
    /// <exception cref="InvalidOperationException">The connection is closed, or no stream id is left or the one asked for is taken.</exception>
    /// <exception cref="NotSupportedException">The channel would be unordered or partially reliable and the stack lacks <see cref="PeerConnectionCapabilities.PartialReliability"/>.</exception>
    IDataChannel CreateDataChannel(string label, DataChannelOptions? options = null);

    /// <summary>
    /// Makes the next offer restart ICE (RFC 8445 §9): new credentials, candidates gathered afresh, and a new path. The data channels go on, over
    /// the present path as long as it works. Without effect before the first description.
    /// </summary>
    /// <exception cref="InvalidOperationException">The connection is closed.</exception>
    /// <exception cref="NotSupportedException">The stack lacks <see cref="PeerConnectionCapabilities.IceRestart"/>.</exception>
    void RestartIce();

    /// <summary>Creates an offer for <c>m=application</c> without applying it.</summary>
    /// <exception cref="InvalidOperationException">An offer is not allowed in the present <see cref="SignalingState"/>.</exception>
    ValueTask<SessionDescription> CreateOfferAsync(CancellationToken cancellationToken = default);

    /// <summary>Creates the answer to the remote offer without applying it.</summary>
    /// <exception cref="InvalidOperationException">There is no remote offer to answer.</exception>
    ValueTask<SessionDescription> CreateAnswerAsync(CancellationToken cancellationToken = default);

    /// <summary>Applies a local description and starts gathering candidates.</summary>
    /// <exception cref="InvalidOperationException">The description does not fit the present <see cref="SignalingState"/>.</exception>
    ValueTask SetLocalDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default);

    /// <summary>
    /// Applies the peer's description: its credentials, fingerprint, SCTP port, and candidates if it lists any. A later offer with new
    /// credentials is an ICE restart by the peer; its answer carries new ones too. An offer takes back a local offer that waits for its answer.
    /// </summary>
    /// <exception cref="FormatException">The SDP lacks something needed; the message names the line.</exception>
    /// <exception cref="InvalidOperationException">The description does not fit the present <see cref="SignalingState"/>.</exception>
    ValueTask SetRemoteDescriptionAsync(SessionDescription description, CancellationToken cancellationToken = default);

    /// <summary>Adds a candidate of the peer, or, with null, says that there are no more. Candidates that come before the remote description are kept (at most 64).</summary>
    /// <exception cref="InvalidOperationException">The connection is closed, or too many candidates came before the remote description.</exception>
    ValueTask AddIceCandidateAsync(IceCandidate? candidate, CancellationToken cancellationToken = default);

    /// <summary>Counters of this connection at this moment; cheap, never waits for the data path.</summary>
    PeerConnectionStatistics GetStatistics();

    /// <summary>Everything that can be told of this connection, its channels and its path (W3C getStats); never waits for the data path.</summary>
    StatsReport GetStatsReport();
}
