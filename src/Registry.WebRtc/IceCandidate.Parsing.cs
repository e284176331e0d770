using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text;
using Registry.WebRtc.Ice;

namespace Registry.WebRtc;

public sealed partial record IceCandidate
{
    private const string AttributePrefix = "a=";
    private const string CandidatePrefix = "candidate:";
    private const int MaxLineLength = 1024;
    private const uint MaxPriority = int.MaxValue;

    /// <summary>How a <c>tcp</c> candidate connects: <c>active</c>, <c>passive</c> or <c>so</c> (RFC 6544 §4.5); null for <c>udp</c>.</summary>
    public string? TcpType { get; init; }

    /// <summary>Reads a candidate line (RFC 8839 §5.1), with or without <c>a=</c> and <c>candidate:</c>. Unknown extensions are skipped.</summary>
    /// <param name="line">For example <c>candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host</c>.</param>
    /// <exception cref="FormatException">The line is not a candidate; the message names the part.</exception>
    public static IceCandidate Parse(string line) =>
        TryParse(line, out var candidate, out var error) ? candidate : throw new FormatException(error);

    /// <summary>Reads a candidate line as <see cref="Parse"/> does, without throwing.</summary>
    /// <param name="line">The line.</param>
    /// <param name="candidate">The candidate, or null.</param>
    /// <param name="error">What is wrong, naming the part; null when nothing is.</param>
    public static bool TryParse(string line, [NotNullWhen(true)] out IceCandidate? candidate, [NotNullWhen(false)] out string? error)
    {
        candidate = null;
        error = Read(line ?? "", ref candidate);
        return error is null;
    }

    /// <summary>The line as it stands in SDP behind <c>a=</c>: <c>candidate:…</c> (RFC 8839 §5.1).</summary>
    public override string ToString()
    {
        var text = new StringBuilder(96).Append(CultureInfo.InvariantCulture,
            $"{CandidatePrefix}{Foundation} {Component} {Protocol} {Priority} {Address} {Port} typ {TypeName(Type)}");
        if (RelatedAddress is { } related)
            text.Append(CultureInfo.InvariantCulture, $" raddr {related.Address} rport {related.Port}");
        if (TcpType is not null)
            text.Append(" tcptype ").Append(TcpType);
        if (UsernameFragment is not null)
            text.Append(" ufrag ").Append(UsernameFragment);
        return text.ToString();
    }

    private static string? Read(string line, ref IceCandidate? candidate)
    {
        if (line.Length > MaxLineLength)
            return $"candidate: the line has {line.Length} characters, at most {MaxLineLength} are taken";
        var text = line.AsSpan().Trim();
        if (text.ContainsAnyInRange('\0', '\u001F'))
            return "candidate: the line contains a control character";
        if (text.StartsWith(AttributePrefix, StringComparison.Ordinal))
            text = text[AttributePrefix.Length..];
        if (text.StartsWith(CandidatePrefix, StringComparison.OrdinalIgnoreCase))
            text = text[CandidatePrefix.Length..];

        var parts = text.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 8)
            return "candidate: expected 'candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>'";
        if (parts[0].Length > 32 || !parts[0].All(IsIceChar))
            return $"candidate: foundation '{Shown(parts[0])}' must be 1 to 32 letters, digits, '+' or '/'";
        if (!TryNumber(parts[1], 1, 256, out var component))
            return $"candidate: component '{Shown(parts[1])}' must be 1 to 256";
        var protocol = parts[2].ToLowerInvariant();
        if (protocol is not ("udp" or "tcp"))
            return $"candidate: transport '{Shown(parts[2])}' must be udp or tcp";
        if (!TryNumber(parts[3], 1, MaxPriority, out var priority))
            return $"candidate: priority '{Shown(parts[3])}' must be 1 to {MaxPriority}";
        if (!IsAddress(parts[4]))
            return $"candidate: address '{Shown(parts[4])}' must be an IP address or a host name";
        if (!TryNumber(parts[5], 0, ushort.MaxValue, out var port))
            return $"candidate: port '{Shown(parts[5])}' must be 0 to 65535";
        if (parts[6] != "typ" || !TryType(parts[7], out var type))
            return $"candidate: '{Shown(parts[6])} {Shown(parts[7])}' must be typ host, srflx, prflx or relay";

        var read = new IceCandidate(parts[0], (int)component, priority, parts[4], (int)port, type) { Protocol = protocol };
        return ReadExtensions(parts.AsSpan(8), read, ref candidate);
    }

    private static string? ReadExtensions(ReadOnlySpan<string> parts, IceCandidate read, ref IceCandidate? candidate)
    {
        IPAddress? relatedAddress = null;
        uint relatedPort = 0;
        for (; !parts.IsEmpty; parts = parts[2..])
        {
            if (parts.Length == 1)
                return $"candidate: attribute '{Shown(parts[0])}' has no value";
            var value = parts[1];
            switch (parts[0])
            {
                case "raddr":
                    // A name instead of an address hides it; the candidate works without.
                    _ = IPAddress.TryParse(value, out relatedAddress);
                    break;
                case "rport" when !TryNumber(value, 0, ushort.MaxValue, out relatedPort):
                    return $"candidate: rport '{Shown(value)}' must be 0 to 65535";
                case "tcptype":
                    if (value is not ("active" or "passive" or "so"))
                        return $"candidate: tcptype '{Shown(value)}' must be active, passive or so";
                    read = read with { TcpType = value };
                    break;
                case "ufrag":
                    if (!IceCredentials.IsUsernameFragment(value))
                        return $"candidate: ufrag '{Shown(value)}' must be 4 to 256 letters, digits, '+' or '/'";
                    read = read with { UsernameFragment = value };
                    break;
            }
        }
        candidate = relatedAddress is null ? read : read with { RelatedAddress = new IPEndPoint(relatedAddress, (int)relatedPort) };
        return null;
    }

    private static bool TryNumber(string text, uint least, uint most, out uint value) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;

    /// <summary>IP literals, and host names. Literals with a zone or port, and the octal, hexadecimal and short spellings of IPv4, are refused.</summary>
    private static bool IsAddress(string text)
    {
        if (text.Contains(':', StringComparison.Ordinal))
            return text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.') && IPAddress.TryParse(text, out _);
        if (IPAddress.TryParse(text, out var address))
            return text == address.ToString();
        return !text.All(c => char.IsAsciiDigit(c) || c == '.') && text.Length <= 253 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
    }

    private static bool IsIceChar(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/';

    /// <summary>Hostile text shortened for an error message.</summary>
    private static string Shown(string text) => text.Length <= 40 ? text : string.Concat(text.AsSpan(0, 40), "…");

    private static bool TryType(string name, out IceCandidateType type)
    {
        (type, var known) = name switch
        {
            "host" => (IceCandidateType.Host, true),
            "srflx" => (IceCandidateType.ServerReflexive, true),
            "prflx" => (IceCandidateType.PeerReflexive, true),
            "relay" => (IceCandidateType.Relay, true),
            _ => (IceCandidateType.Host, false),
        };
        return known;
    }

    private static string TypeName(IceCandidateType type) => type switch
    {
        IceCandidateType.Host => "host",
        IceCandidateType.ServerReflexive => "srflx",
        IceCandidateType.PeerReflexive => "prflx",
        _ => "relay",
    };
}
