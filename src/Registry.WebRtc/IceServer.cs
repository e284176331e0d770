using System.Text;

namespace Registry.WebRtc;

/// <summary>A STUN or TURN server and what it asks for (W3C RTCIceServer).</summary>
/// <param name="Urls">Addresses as <c>stun:</c>, <c>turn:</c> or <c>turns:</c> URIs (RFC 7064, RFC 7065); see <see cref="IceServerUrl"/>.</param>
/// <param name="Username">User name, at most 508 bytes of UTF-8 (RFC 8489 §14.3), or null.</param>
/// <param name="Credential">Password, or null.</param>
public sealed record IceServer(IReadOnlyList<string> Urls, string? Username = null, string? Credential = null)
{
    private const int MaxUsernameBytes = 508;

    /// <summary>When the server stops taking the credential, or null for never or not known.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>What is wrong with the server, naming the URL, or null when nothing is.</summary>
    public string? Validate()
    {
        foreach (var text in Urls)
        {
            if (!IceServerUrl.TryParse(text, out var url, out var error))
                return error;
            if (url.IsTurn && (string.IsNullOrEmpty(Username) || Credential is null))
                return $"ICE server URL '{text}' needs a user name and a credential";
        }
        return Username is not null && Encoding.UTF8.GetByteCount(Username) > MaxUsernameBytes
            ? $"ICE server: the user name may have {MaxUsernameBytes} bytes at most"
            : null;
    }

    /// <summary>The addresses only: a server in a log must not show its password.</summary>
    public override string ToString() => $"IceServer {{ {string.Join(' ', Urls)} }}";
}

/// <summary>Gives servers with fresh credentials when those of a connection are about to expire.</summary>
public interface IIceServerProvider
{
    /// <summary>Gets the servers a connection may use from now on. An exception means that there are none now; the old ones are used on.</summary>
    /// <param name="cancellationToken">The connection's end.</param>
    ValueTask<IReadOnlyList<IceServer>> GetServersAsync(CancellationToken cancellationToken = default);
}

/// <summary>Which candidates are used (W3C RTCIceTransportPolicy).</summary>
public enum IceTransportPolicy
{
    /// <summary>All.</summary>
    All,
    /// <summary>Those on TURN servers only: the peer does not see this side's addresses, and nothing is sent to the peer's directly.</summary>
    Relay,
}
