namespace Registry.Actors;

/// <summary>The WebRTC stacks that a gateway can run on.</summary>
public enum WebRtcStackKind
{
    /// <summary>The one of Registry.WebRtc.</summary>
    Managed,
    /// <summary>The SIPSorcery package, through Registry.WebRtc.SipSorcery.</summary>
    SipSorcery,
}
