namespace Registry.WebRtc;

/// <summary>Which part of a peer connection failed.</summary>
public enum PeerConnectionFailureKind
{
    /// <summary>No candidate pair answered in time.</summary>
    IceFailed,
    /// <summary>The selected pair stopped answering and consent expired (RFC 7675).</summary>
    ConsentExpired,
    /// <summary>The DTLS handshake failed or timed out.</summary>
    DtlsFailed,
    /// <summary>The peer's certificate does not have the fingerprint that its description promised.</summary>
    FingerprintMismatch,
    /// <summary>The SCTP association failed or was aborted by the peer.</summary>
    SctpFailed,
}

/// <summary>Why a peer connection failed.</summary>
/// <param name="Kind">The part that failed.</param>
/// <param name="Message">What happened, for people.</param>
public sealed record PeerConnectionFailure(PeerConnectionFailureKind Kind, string Message);
