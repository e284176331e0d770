using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Registry.Actors;
using Registry.Host.Serving;
using Registry.Host.Serving.Settings;
using Registry.Host.Serving.Stacks;
using Registry.WebRtc;

namespace Registry.Host.Cli;

/// <summary>What a firewall must let pass.</summary>
/// <param name="Protocol"><c>tcp</c> or <c>udp</c>.</param>
/// <param name="Port">The port as text, <c>any</c> for one that is chosen at the start.</param>
/// <param name="Direction"><c>in</c> to this machine, <c>out</c> of it, or <c>both</c>.</param>
/// <param name="Peer">Who is at the other end.</param>
/// <param name="Why">What it is for, and what happens without it.</param>
internal sealed record PortNeed(string Protocol, string Port, string Direction, string Peer, string Why);

/// <summary>What must be open for a gateway with these options.</summary>
internal static class GatewayPorts
{
    public static IEnumerable<PortNeed> Of(GatewayOptions options)
    {
        var settings = RegistrySettings.From(options.Registry.Configuration);
        var cluster = TubeRegistryClusterOptions.From(options.Registry.Configuration);
        return [.. Serving(options), .. Peers(options, settings), .. Cluster(cluster), .. Relays(settings), .. Services(options, settings), .. Targets(options, settings)];
    }

    /// <summary>TCP ports that the gateway would listen on for two purposes, of which only one can have it.</summary>
    public static IEnumerable<SettingFault> TakenFromItself(GatewayOptions options)
    {
        const string TcpPortKey = "registry.webrtc.tcp-port";
        const string ClusterPortKey = "registry.cluster.port";
        const string ClusterPort = $"{ClusterPortKey} (--cluster)";
        var tcp = RegistrySettings.From(options.Registry.Configuration).TcpPort ?? 0; // at all addresses
        var cluster = TubeRegistryClusterOptions.From(options.Registry.Configuration);
        var clusterPort = cluster.Enabled ? cluster.Port : 0;
        if (tcp != 0 && tcp == options.Http.Port)
            yield return Same(TcpPortKey, TcpPortKey, "--http", tcp);
        if (clusterPort != 0 && clusterPort == options.Http.Port && MayOverlap(options.Http.Address, cluster.Hostname))
            yield return Same(ClusterPortKey, ClusterPort, "--http", clusterPort);
        if (clusterPort != 0 && clusterPort == tcp)
            yield return Same(ClusterPortKey, ClusterPort, TcpPortKey, clusterPort);

        static SettingFault Same(string key, string one, string other, int port) => new(key, $"{one} and {other} are the same port, {port}: give one of them another.");
    }

    // A name other than localhost is not looked up for this.
    private static bool MayOverlap(IPAddress address, string host)
    {
        var other = host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback : IPAddress.TryParse(host, out var parsed) ? parsed : null;
        return address.Equals(IPAddress.IPv6Any) || address.Equals(other) || address.Equals(IPAddress.Any) && other?.AddressFamily != AddressFamily.InterNetworkV6
            || other is not null && other.AddressFamily == address.AddressFamily && (other.Equals(IPAddress.Any) || other.Equals(IPAddress.IPv6Any));
    }

    private static IEnumerable<PortNeed> Serving(GatewayOptions options)
    {
        var isLocal = IPAddress.IsLoopback(options.Http.Address);
        yield return new("tcp", Text(options.Http.Port), "in", isLocal ? "this machine only" : "clients, operators, probes",
            isLocal ? "HTTP on loopback: nothing to open" : "HTTP interface and page (--http); without it no tubes can be made");
    }

    private static IEnumerable<PortNeed> Peers(GatewayOptions options, RegistrySettings settings)
    {
        var port = options.Registry.PeerConnections.UdpPort;
        yield return new("udp", Text(port), "both", "peers", !WebRtcStacks.HasUdpPort(settings)
            ? $"a port for each tube ({WebRtcStacks.Key}); without it they fail unless a relay carries them"
            : "all tubes (--udp-port); without it they fail unless TCP or a relay carries them" + (port == 0 ? ". Any free port is taken: give --udp-port to have one to open" : ""));
        if (settings.TcpPort is { } tcp)
            yield return new("tcp", Text(tcp), "in", "peers whose network stops UDP", "registry.webrtc.tcp-port");
        if (settings.IceResolveLocalNames && settings.IceTransportPolicy == IceTransportPolicy.All)
            yield return new("udp", "5353", "both", "224.0.0.251 on this machine's links", "multicast DNS for the names that browsers put in place of addresses (registry.ice.resolve-local-names); not needed for peers elsewhere");
        if (settings.Listen != ListenScope.Off)
            yield return new("tcp", "any", "in", settings.Listen == ListenScope.Loopback ? "this machine only" : "whoever is to reach what tubes serve", "ports that tubes ask for (registry.channels.listen)");
    }

    private static IEnumerable<PortNeed> Cluster(TubeRegistryClusterOptions cluster)
    {
        if (!cluster.Enabled)
            yield break;
        yield return new("tcp", Text(cluster.Port), "in", "every other node", "cluster (--cluster); without it the nodes do not join, or the minority ends");
        if (cluster.SeedNodes.Count > 0)
            foreach (var port in cluster.SeedNodes.Select(seed => seed[(seed.LastIndexOf(':') + 1)..]).Distinct())
                yield return new("tcp", port, "out", "every other node", "cluster");
        else
            yield return new("tcp", Text(cluster.Discovery.Port ?? cluster.Port), "out", "every other node", "cluster");
    }

    private static IEnumerable<PortNeed> Relays(RegistrySettings settings)
    {
        foreach (var url in settings.IceServerUrls.Select(IceServerUrl.Parse))
            yield return new(url.Kind is IceServerKind.TurnTcp or IceServerKind.TurnTls ? "tcp" : "udp", Text(url.Port), "out", url.Host, url.IsTurn ? "relay (registry.ice.servers)" : "STUN (registry.ice.servers)");
        if (settings.IceCredentialsUrl is { } credentials)
            yield return new("tcp", Text(credentials.Port), "out", credentials.Host, "relay credentials (registry.ice.credentials-url), and the relays that it names");
    }

    private static IEnumerable<PortNeed> Services(GatewayOptions options, RegistrySettings settings)
    {
        if (options.Security.Jwt?.MetadataUrl is { } metadata)
            yield return new("tcp", Text(metadata.Port), "out", metadata.Host, "keys of the token issuer (registry.auth.jwt.metadata-url)");
        if (settings.GuacdAddress is { } guacd)
            yield return new("tcp", Text(guacd.Port), "out", guacd.Host, "guacd (registry.guacd.address)");
        yield return new("udp", "53", "out", "this machine's name servers", "names of targets, relays and nodes");
    }

    private static IEnumerable<PortNeed> Targets(GatewayOptions options, RegistrySettings settings)
    {
        foreach (var rule in settings.AllowTargets.Concat(options.Registry.AllowTargets))
        {
            var colon = rule == "*" ? -1 : rule.LastIndexOf(':');
            var port = colon < 0 || rule[(colon + 1)..] == "*" ? "any" : rule[(colon + 1)..];
            yield return new("tcp", port, "out", colon < 0 ? "anywhere but this machine" : rule[..colon], "target rule, also UDP for SOCKS5 UDP ASSOCIATE (registry.targets.allow, --allow)");
        }
    }

    private static string Text(int port) => port == 0 ? "any" : port.ToString(CultureInfo.InvariantCulture);
}
