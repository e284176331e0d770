using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Registry.WebRtc;

/// <summary>What an ICE server is asked for, and over what it is reached.</summary>
public enum IceServerKind
{
    /// <summary>A STUN server, over UDP: tells this side's address as it sees it.</summary>
    Stun,
    /// <summary>A TURN server over UDP.</summary>
    TurnUdp,
    /// <summary>A TURN server over TCP.</summary>
    TurnTcp,
    /// <summary>A TURN server over TLS on TCP.</summary>
    TurnTls,
}

/// <summary>The address of a STUN or TURN server (RFC 7064, RFC 7065).</summary>
/// <param name="Kind">What it is and how it is reached.</param>
/// <param name="Host">A host name or an IP address, without brackets.</param>
/// <param name="Port">1 to 65535; 3478 and, for TLS, 5349 where the URL names none.</param>
public sealed record IceServerUrl(IceServerKind Kind, string Host, int Port)
{
    private const int DefaultPort = 3478;
    private const int DefaultTlsPort = 5349;
    private const int MaxLength = 512;

    /// <summary>Whether the server is a relay.</summary>
    public bool IsTurn => Kind != IceServerKind.Stun;

    /// <summary>Reads <c>stun:host[:port]</c>, <c>turn:host[:port][?transport=udp|tcp]</c> or <c>turns:host[:port][?transport=tcp]</c>.</summary>
    /// <exception cref="FormatException">It is none of these; the message says what is wrong.</exception>
    public static IceServerUrl Parse(string text) => TryParse(text, out var url, out var error) ? url : throw new FormatException(error);

    /// <summary>Reads a URL as <see cref="Parse"/> does, without throwing.</summary>
    /// <param name="text">The URL.</param>
    /// <param name="url">The address, or null.</param>
    /// <param name="error">What is wrong, naming the URL; null when nothing is.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out IceServerUrl? url, [NotNullWhen(false)] out string? error)
    {
        (url, error) = Read(text ?? "");
        return url is not null;
    }

    /// <summary>The URL with its port and transport spelt out.</summary>
    public override string ToString()
    {
        var host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return Kind switch
        {
            IceServerKind.Stun => $"stun:{host}:{Port}",
            IceServerKind.TurnUdp => $"turn:{host}:{Port}?transport=udp",
            IceServerKind.TurnTcp => $"turn:{host}:{Port}?transport=tcp",
            _ => $"turns:{host}:{Port}?transport=tcp",
        };
    }

    private static (IceServerUrl? Url, string? Error) Read(string text)
    {
        if (text.Length > MaxLength)
            return (null, $"ICE server URL: {text.Length} characters, at most {MaxLength} are taken");
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var scheme = colon < 0 ? "" : text[..colon].ToLowerInvariant();
        if (scheme is not ("stun" or "turn" or "turns"))
            return (null, $"ICE server URL '{text}' must begin with stun:, turn: or turns:");
        var rest = text[(colon + 1)..];
        string? transport = null;
        if (rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var question)
        {
            const string Transport = "transport=";
            var query = rest[(question + 1)..];
            if (scheme == "stun" || !query.StartsWith(Transport, StringComparison.Ordinal) || query[Transport.Length..] is not ("udp" or "tcp"))
                return (null, $"ICE server URL '{text}': only turn: and turns: have a query, ?transport=udp or ?transport=tcp");
            transport = query[Transport.Length..];
            rest = rest[..question];
        }
        if (scheme == "turns" && transport == "udp")
            return (null, $"ICE server URL '{text}': TURN over DTLS is not supported; use ?transport=tcp");
        if (!TrySplit(rest, scheme == "turns" ? DefaultTlsPort : DefaultPort, out var host, out var port))
            return (null, $"ICE server URL '{text}' must name a host, and a port from 1 to 65535 or none");
        return (new((scheme, transport) switch
        {
            ("stun", _) => IceServerKind.Stun,
            ("turns", _) => IceServerKind.TurnTls,
            (_, "tcp") => IceServerKind.TurnTcp,
            _ => IceServerKind.TurnUdp,
        }, host, port), null);
    }

    private static bool TrySplit(string text, int defaultPort, out string host, out int port)
    {
        (host, port) = (text, defaultPort);
        var bracket = text.LastIndexOf(']');
        if (text.LastIndexOf(':') is var colon && colon > bracket)
        {
            host = text[..colon];
            if (!int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > ushort.MaxValue)
                return false;
        }
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
            return Uri.CheckHostName(host) == UriHostNameType.IPv6;
        }
        return Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4;
    }
}
