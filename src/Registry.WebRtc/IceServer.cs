namespace Registry.WebRtc;

/// <summary>A STUN or TURN server and what it asks for (W3C RTCIceServer).</summary>
/// <param name="Urls">Addresses as <c>stun:</c>, <c>turn:</c> or <c>turns:</c> URIs (RFC 7064, RFC 7065).</param>
/// <param name="Username">User name, or null.</param>
/// <param name="Credential">Password, or null.</param>
public sealed record IceServer(IReadOnlyList<string> Urls, string? Username = null, string? Credential = null)
{
    /// <summary>The addresses only: a server in a log must not show its password.</summary>
    public override string ToString() => $"IceServer {{ {string.Join(' ', Urls)} }}";
}
