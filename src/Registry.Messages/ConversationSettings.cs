using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Registry.Messages;

/// <summary>What a conversation's channel does on this side. Read from a map by <see cref="ConversationSettingsReader"/> or made in code.</summary>
public abstract record ConversationSettings
{
    /// <summary>The conversation type as text.</summary>
    public abstract string Type { get; }

    /// <summary>The one target that this side dials, as <c>host:port</c>; null when it dials none, or what the other side asks for.</summary>
    public virtual string? Target => null;

    internal static string TargetText(string host, int port) => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{port}" : $"{host}:{port}";
}

/// <summary>A TCP port forward. One end listens, the other dials.</summary>
public sealed record TunnelSettings : ConversationSettings
{
    private TunnelSettings() { }

    /// <inheritdoc/>
    public override string Type => "tunnel";

    /// <inheritdoc/>
    public override string? Target => TargetHost is null ? null : TargetText(TargetHost, TargetPort);

    /// <summary>Where this end listens; null when it dials.</summary>
    public IPEndPoint? ListenEndPoint { get; private init; }

    /// <summary>Host name or IP address this end dials; null when it listens.</summary>
    public string? TargetHost { get; private init; }

    /// <summary>Port this end dials, 1 to 65535; 0 when it listens.</summary>
    public int TargetPort { get; private init; }

    /// <summary>An end that accepts TCP connections.</summary>
    /// <param name="endPoint">Address to bind; port 0 for any free one.</param>
    public static TunnelSettings Listen(IPEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        return new() { ListenEndPoint = endPoint };
    }

    /// <summary>An end that opens a TCP connection to the target for each one the other end accepts.</summary>
    /// <param name="host">Host name of at most 253 characters, or IP address.</param>
    /// <param name="port">1 to 65535.</param>
    /// <exception cref="ArgumentException">The host is not a name or address, or the port is out of range.</exception>
    public static TunnelSettings Dial(string host, int port)
    {
        ThrowIfNoTarget(host, port);
        return new() { TargetHost = host, TargetPort = port };
    }

    internal static void ThrowIfNoTarget(string host, int port)
    {
        if (!IsHost(host))
            throw new ArgumentException($"'{host}' is not a host name or IP address.", nameof(host));
        ArgumentOutOfRangeException.ThrowIfLessThan(port, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort);
    }

    // 253: the longest name that DNS can carry (RFC 1035 §2.3.4). An address with a zone is a link-local one, or another spelling of one that has none.
    internal static bool IsHost(string? host) =>
        host is { Length: > 0 and <= 253 } && !host.Contains('%', StringComparison.Ordinal) && Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6;
}

/// <summary>A SOCKS5 proxy (RFC 1928). One end listens and speaks SOCKS with the clients, the other dials what they ask for.</summary>
public sealed record SocksSettings : ConversationSettings
{
    private SocksSettings() { }

    /// <inheritdoc/>
    public override string Type => "socks5";

    /// <summary>Where this end listens; null when it dials.</summary>
    public IPEndPoint? ListenEndPoint { get; private init; }

    /// <summary>Which of the targets that the node allows this conversation may dial; null for all of them.</summary>
    public AllowedTargets? Allowed { get; private init; }

    /// <summary>An end that serves SOCKS clients.</summary>
    /// <param name="endPoint">Address to bind; port 0 for any free one.</param>
    public static SocksSettings Listen(IPEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        return new() { ListenEndPoint = endPoint };
    }

    /// <summary>An end that dials.</summary>
    /// <param name="allowed">Narrows what the node's rules allow; null leaves them as they are.</param>
    public static SocksSettings Dial(AllowedTargets? allowed = null) => new() { Allowed = allowed };
}

/// <summary>Hosts and ports that a conversation may dial, besides what the node's rules demand. Narrows, never widens.</summary>
public sealed record AllowedTargets
{
    private AllowedTargets(string? hosts, string? ports)
    {
        Hosts = hosts;
        Ports = ports;
    }

    /// <summary>Host names, <c>*.suffix</c>, IP addresses and CIDR networks, separated by commas; null for any.</summary>
    public string? Hosts { get; }

    /// <summary>TCP ports from 1 to 65535, separated by commas; null for any.</summary>
    public string? Ports { get; }

    // A rule for every host is none for loopback, which has to be named.
    private const string AnyHost = "*,127.0.0.0/8,::1";

    /// <summary>The same as rules of the form that <c>registry.targets.allow</c> takes.</summary>
    public IEnumerable<string> Rules =>
        (Hosts ?? AnyHost).Split(',').Select(host => $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{Ports ?? "*"}");

    /// <summary>Reads both lists.</summary>
    /// <param name="hosts">The hosts, or null.</param>
    /// <param name="ports">The ports, or null.</param>
    /// <param name="allowed">What was read, or null.</param>
    /// <returns>False when an entry is not what it should be, or a list is empty.</returns>
    public static bool TryParse(string? hosts, string? ports, [NotNullWhen(true)] out AllowedTargets? allowed)
    {
        string[]? hostList = hosts?.Split(',', StringSplitOptions.TrimEntries), portList = ports?.Split(',', StringSplitOptions.TrimEntries);
        var isValid = (hostList is null || hostList.All(IsHost)) && (portList is null || portList.All(IsPort));
        allowed = isValid ? new(hostList is null ? null : string.Join(',', hostList), portList is null ? null : string.Join(',', portList)) : null;
        return isValid;
    }

    /// <summary>What is wrong with the first network of a list whose host bits are set; null for none.</summary>
    internal static string? HostBits(string hosts) => hosts.Split(',', StringSplitOptions.TrimEntries)
        .Select(host => CidrNetwork.HostBits(host) is { } why ? $"{host} {why}" : null).FirstOrDefault(why => why is not null);

    private static bool IsHost(string host) =>
        !host.Contains('%', StringComparison.Ordinal) && CidrNetwork.TryParse(host, out _)
        || TunnelSettings.IsHost(host) && !host.Contains('[', StringComparison.Ordinal)
        || host.StartsWith("*.", StringComparison.Ordinal) && Uri.CheckHostName(host[2..]) == UriHostNameType.Dns;

    private static bool IsPort(string port) =>
        int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= IPEndPoint.MaxPort;
}

/// <summary>One TCP connection whose bytes are those of the data channel's messages, without framing: for pages and simple clients. The end of either side ends it.</summary>
public sealed record RawSettings : ConversationSettings
{
    private RawSettings(string host, int port) => (TargetHost, TargetPort) = (host, port);

    /// <inheritdoc/>
    public override string Type => "raw";

    /// <inheritdoc/>
    public override string? Target => TargetText(TargetHost, TargetPort);

    /// <summary>Host name or IP address this end dials.</summary>
    public string TargetHost { get; }

    /// <summary>Port this end dials, 1 to 65535.</summary>
    public int TargetPort { get; }

    /// <summary>An end that opens a TCP connection to the target when its channel opens.</summary>
    /// <param name="host">Host name of at most 253 characters, or IP address.</param>
    /// <param name="port">1 to 65535.</param>
    /// <exception cref="ArgumentException">The host is not a name or address, or the port is out of range.</exception>
    public static RawSettings Dial(string host, int port)
    {
        TunnelSettings.ThrowIfNoTarget(host, port);
        return new(host, port);
    }
}

/// <summary>A channel that code of the application serves, by the name it was registered under.</summary>
public sealed record HandlerSettings : ConversationSettings
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 64;

    /// <summary>Takes a valid name.</summary>
    /// <param name="name">1 to <see cref="MaxLength"/> characters of <c>A-Z a-z 0-9 . _ -</c>.</param>
    /// <exception cref="ArgumentException">The name is not valid.</exception>
    public HandlerSettings(string name)
    {
        if (!IsName(name))
            throw new ArgumentException($"'{name}' is not a handler's name: 1 to {MaxLength} characters of A-Z a-z 0-9 . _ - are allowed.", nameof(name));
        Name = name;
    }

    /// <inheritdoc/>
    public override string Type => "handler";

    /// <summary>The handler's name.</summary>
    public string Name { get; }

    internal static bool IsName(string? name) => name is { Length: > 0 and <= MaxLength } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}

/// <summary>Sends every message back as it came, for pages and programs that want to see whether a tube works.</summary>
public sealed record EchoSettings : ConversationSettings
{
    /// <inheritdoc/>
    public override string Type => "echo";
}
