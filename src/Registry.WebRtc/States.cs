namespace Registry.WebRtc;

/// <summary>Aggregate state of a peer connection (W3C RTCPeerConnectionState).</summary>
public enum PeerConnectionState
{
    /// <summary>Nothing was started.</summary>
    New,
    /// <summary>ICE or DTLS is being established.</summary>
    Connecting,
    /// <summary>ICE has a working pair and DTLS is established.</summary>
    Connected,
    /// <summary>The path does not answer; it may come back.</summary>
    Disconnected,
    /// <summary>The connection could not be established or was lost for good.</summary>
    Failed,
    /// <summary>Closed by this side or by the peer.</summary>
    Closed,
}

/// <summary>State of the ICE agent (W3C RTCIceConnectionState).</summary>
public enum IceConnectionState
{
    /// <summary>No remote candidates yet.</summary>
    New,
    /// <summary>Pairs are being checked.</summary>
    Checking,
    /// <summary>A pair works; better ones may still be checked.</summary>
    Connected,
    /// <summary>A pair is selected and checking has ended.</summary>
    Completed,
    /// <summary>The selected pair stopped answering consent checks.</summary>
    Disconnected,
    /// <summary>No pair works, or consent expired (RFC 7675).</summary>
    Failed,
    /// <summary>The agent was shut down.</summary>
    Closed,
}

/// <summary>State of candidate gathering (W3C RTCIceGatheringState).</summary>
public enum IceGatheringState
{
    /// <summary>Not started.</summary>
    New,
    /// <summary>Candidates are being found.</summary>
    Gathering,
    /// <summary>All candidates were found.</summary>
    Complete,
}

/// <summary>State of the offer/answer exchange (W3C RTCSignalingState).</summary>
public enum SignalingState
{
    /// <summary>No exchange is going on.</summary>
    Stable,
    /// <summary>A local offer waits for its answer.</summary>
    HaveLocalOffer,
    /// <summary>A remote offer waits for its answer.</summary>
    HaveRemoteOffer,
    /// <summary>The connection is closed.</summary>
    Closed,
}

/// <summary>State of a data channel (W3C RTCDataChannelState).</summary>
public enum DataChannelState
{
    /// <summary>Waits for the connection.</summary>
    Connecting,
    /// <summary>Messages can be sent.</summary>
    Open,
    /// <summary>Being closed; nothing more can be sent.</summary>
    Closing,
    /// <summary>Closed in both directions.</summary>
    Closed,
}

/// <summary>State of DTLS (W3C RTCDtlsTransportState).</summary>
public enum DtlsTransportState
{
    /// <summary>The handshake has not started.</summary>
    New,
    /// <summary>The handshake is running.</summary>
    Connecting,
    /// <summary>The handshake is over and the peer's certificate is the one it promised.</summary>
    Connected,
    /// <summary>Closed by either side.</summary>
    Closed,
    /// <summary>The handshake failed, or the peer reported an error.</summary>
    Failed,
}

/// <summary>Which end of the handshake a side is; from <c>a=setup</c> (RFC 8842 §5): active is the client.</summary>
public enum DtlsRole
{
    /// <summary>Sends the ClientHello.</summary>
    Client,
    /// <summary>Waits for the ClientHello.</summary>
    Server,
}

/// <summary>Which agent nominates the pair (RFC 8445 §6.1.1).</summary>
public enum IceRole
{
    /// <summary>Nominates.</summary>
    Controlling,
    /// <summary>Follows the nomination.</summary>
    Controlled,
}

/// <summary>State of a pair in the check list (RFC 8445 §6.1.2.6).</summary>
public enum IcePairState
{
    /// <summary>No check is planned.</summary>
    Frozen,
    /// <summary>A check will be sent when its turn comes.</summary>
    Waiting,
    /// <summary>A check was sent and may be sent again.</summary>
    InProgress,
    /// <summary>The last check was answered.</summary>
    Succeeded,
    /// <summary>The last check was not answered, or refused.</summary>
    Failed,
}
