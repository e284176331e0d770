using System.Collections.Frozen;
using System.Globalization;
using System.Net;

namespace Registry.Actors.Channels;

/// <summary>One rule: <c>host-or-cidr:port[,port]</c>, where <c>*</c> is any host or any port and <c>*.suffix</c> the names below one, or <c>*</c> alone.</summary>
internal sealed class TargetRule
{
    private const string Form = "Write host-or-cidr:port[,port], such as 10.0.0.0/8:22, *.example.com:* or *:443, or * alone.";

    private string? name;            // exact name, lower case
    private string? suffix;          // ".example.com" of "*.example.com"
    private IPNetwork? network;
    private FrozenSet<int>? ports;   // null: any

    private bool IsAnyHost => name is null && suffix is null && network is null;

    /// <summary>Reads a rule.</summary>
    /// <exception cref="FormatException">The rule is malformed; the message quotes it.</exception>
    public static TargetRule Parse(string text)
    {
        var rule = text.Trim();
        if (rule == "*")
            return new();
        if (rule.IndexOf("://", StringComparison.Ordinal) is >= 0 and var scheme)
            throw Malformed(text, $"a rule is host:port, without {SettingReader.Quoted(rule[..(scheme + 3)])}");
        var colon = rule.LastIndexOf(':');
        if (colon <= 0 || colon == rule.Length - 1)
            throw Malformed(text, "a port is missing");
        var parsed = ReadHost(text, rule[..colon]);
        parsed.ports = ReadPorts(text, rule[(colon + 1)..]);
        return parsed;
    }

    /// <summary>Whether the rule could match once the name is resolved.</summary>
    public bool MayMatch(string host, int port) =>
        (ports is null || ports.Contains(port)) && (IsAnyHost || network is not null || MatchesName(host));

    /// <summary>Whether the rule allows this address, reached under this name. Loopback needs a rule that names loopback.</summary>
    public bool Matches(string host, IPAddress address, int port)
    {
        if (ports is not null && !ports.Contains(port))
            return false;
        if (network is { } net)
            return net.Contains(address) && (!IPAddress.IsLoopback(address) || IPAddress.IsLoopback(net.BaseAddress));
        if (IPAddress.IsLoopback(address))
            return name == "localhost" && MatchesName(host);
        return IsAnyHost || MatchesName(host);
    }

    private bool MatchesName(string host)
    {
        var asked = host.TrimEnd('.');
        return name is not null && asked.Equals(name, StringComparison.OrdinalIgnoreCase)
            || suffix is not null && asked.Length > suffix.Length && asked.EndsWith(suffix, StringComparison.OrdinalIgnoreCase);
    }

    private static TargetRule ReadHost(string text, string host)
    {
        if (host == "*")
            return new();
        var literal = host is ['[', .., ']'] ? host[1..^1] : host;
        if (literal.Contains('%', StringComparison.Ordinal))
            throw Malformed(text, $"{SettingReader.Quoted(literal)} has a zone, and what needs one is never dialled");
        if (literal.Contains('/', StringComparison.Ordinal))
            return CidrNetwork.TryParse(literal, out var network) ? new() { network = Plain(network) } : throw Malformed(text, $"{SettingReader.Quoted(literal)} {CidrNetwork.HostBits(literal) ?? "is not a network in CIDR form"}");
        if (IPAddress.TryParse(literal, out var address))
        {
            var plain = TargetPolicy.Plain(address);
            return new() { network = new(plain, plain.GetAddressBytes().Length * 8) };
        }

        if (host.StartsWith("*.", StringComparison.Ordinal) && Uri.CheckHostName(host[2..]) == UriHostNameType.Dns)
            return new() { suffix = host[1..] };
        return Uri.CheckHostName(host) == UriHostNameType.Dns ? new() { name = host } : throw Malformed(text, $"{SettingReader.Quoted(host)} is not a name, an address or a network");
    }

    private static IPNetwork Plain(IPNetwork network) =>
        network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= 96
            ? new(network.BaseAddress.MapToIPv4(), network.PrefixLength - 96)
            : network;

    private static FrozenSet<int>? ReadPorts(string text, string list)
    {
        if (list == "*")
            return null;
        var ports = new HashSet<int>();
        foreach (var part in list.Split(','))
            ports.Add(int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= IPEndPoint.MaxPort
                ? port
                : throw Malformed(text, $"{SettingReader.Quoted(part)} is not a port from 1 to 65535"));
        return ports.ToFrozenSet();
    }

    private static FormatException Malformed(string rule, string why) =>
        new($"The target rule {SettingReader.Quoted(rule)} is malformed: {why}. {Form}");
}
