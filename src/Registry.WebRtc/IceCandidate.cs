using System.Net;

namespace Registry.WebRtc;

/// <summary>How a candidate's address was found (RFC 8445 §5.1.1).</summary>
public enum IceCandidateType
{
    /// <summary>An address of the machine itself.</summary>
    Host,
    /// <summary>The address a STUN server saw.</summary>
    ServerReflexive,
    /// <summary>The address the peer saw.</summary>
    PeerReflexive,
    /// <summary>An address on a TURN server.</summary>
    Relay,
}

/// <summary>An ICE candidate (RFC 8445 §5.1, line format RFC 8839 §5.1).</summary>
/// <param name="Foundation">1 to 32 characters, equal for candidates of the same kind, base and server.</param>
/// <param name="Component">1; data channels use one component.</param>
/// <param name="Priority">1 to 2³¹−1.</param>
/// <param name="Address">An IP address, or an mDNS name ending in <c>.local</c>.</param>
/// <param name="Port">UDP or TCP port; 9 for a TCP candidate that connects.</param>
/// <param name="Type">How the address was found.</param>
public sealed partial record IceCandidate(string Foundation, int Component, uint Priority, string Address, int Port, IceCandidateType Type)
{
    /// <summary><c>udp</c> or <c>tcp</c>.</summary>
    public string Protocol { get; init; } = "udp";

    /// <summary>Base address of a reflexive or relayed candidate, or null.</summary>
    public IPEndPoint? RelatedAddress { get; init; }

    /// <summary>User fragment the candidate belongs to, or null when the line does not say.</summary>
    public string? UsernameFragment { get; init; }
}
