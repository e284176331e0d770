using System.Net;

namespace Registry.Messages;

/// <summary>What a conversation's channel does on this side. Read from a map by <see cref="ConversationSettingsReader"/> or made in code.</summary>
public abstract record ConversationSettings
{
    /// <summary>The conversation type as text.</summary>
    public abstract string Type { get; }
}

/// <summary>A TCP port forward. One end listens, the other dials.</summary>
public sealed record TunnelSettings : ConversationSettings
{
    private TunnelSettings() { }

    /// <inheritdoc/>
    public override string Type => "tunnel";

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
        if (!IsHost(host))
            throw new ArgumentException($"'{host}' is not a host name or IP address.", nameof(host));
        ArgumentOutOfRangeException.ThrowIfLessThan(port, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort);
        return new() { TargetHost = host, TargetPort = port };
    }

    // 253: the longest name that DNS can carry (RFC 1035 §2.3.4).
    internal static bool IsHost(string? host) =>
        host is { Length: > 0 and <= 253 } && Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6;
}

/// <summary>Sends every message back as it came, for pages and programs that want to see whether a tube works.</summary>
public sealed record EchoSettings : ConversationSettings
{
    /// <inheritdoc/>
    public override string Type => "echo";
}
