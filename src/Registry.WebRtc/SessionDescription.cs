namespace Registry.WebRtc;

/// <summary>Which half of the offer/answer exchange a description is.</summary>
public enum SdpType
{
    /// <summary>A proposal.</summary>
    Offer,
    /// <summary>The reply to an offer.</summary>
    Answer,
}

/// <summary>An SDP session description (RFC 8866) and its role.</summary>
/// <param name="Type">Offer or answer.</param>
/// <param name="Sdp">The text, with CRLF or LF line ends.</param>
public sealed record SessionDescription(SdpType Type, string Sdp);
