using System.Globalization;
using System.Net;
using Akka.Configuration;
using Registry.Actors.Cluster.Membership;

namespace Registry.Actors;

/// <summary>How a node takes part in a cluster. Holds what the section <c>registry.cluster</c> says until it is changed.</summary>
public sealed class TubeRegistryClusterOptions
{
    private TubeRegistryClusterOptions() { }

    /// <summary>The defaults of the section and of Akka's settings for a cluster, as the file <c>cluster.conf</c> that comes with this assembly says them.</summary>
    public static Config Default { get; } = SettingReader.ReadDefault("cluster.conf");

    /// <summary>Whether a host that reads the configuration should take part in a cluster (<c>registry.cluster.enabled</c>).</summary>
    public bool Enabled { get; private init; }

    /// <summary>Address or name that is bound, and announced unless <see cref="PublicHostname"/> is set (<c>registry.cluster.hostname</c>); loopback unless told otherwise.</summary>
    public required string Hostname { get; set; }

    /// <summary>Port that is bound, 0 to 65535, 0 for any free one (<c>registry.cluster.port</c>).</summary>
    public int Port { get; set; }

    /// <summary>Address or name that is announced to the other nodes; null for <see cref="Hostname"/> (<c>registry.cluster.public-hostname</c>).</summary>
    public string? PublicHostname { get; set; }

    /// <summary>Port that is announced, 1 to 65535; null for the one that is bound (<c>registry.cluster.public-port</c>).</summary>
    public int? PublicPort { get; set; }

    /// <summary>Nodes to join at, as <c>host:port</c>; without any, and without discovery, the node forms a cluster alone (<c>registry.cluster.seed-nodes</c>).</summary>
    public IList<string> SeedNodes { get; private init; } = [];

    /// <summary>How nodes to join at are found instead.</summary>
    public ClusterDiscoveryOptions Discovery { get; private init; } = null!;

    /// <summary>How what nodes say to each other is protected.</summary>
    public ClusterTlsOptions Tls { get; private init; } = null!;

    /// <summary>Reads the section <c>registry.cluster</c>, with the defaults behind it.</summary>
    /// <param name="config">An actor system's configuration.</param>
    /// <exception cref="ConfigurationException">A value has the wrong type, is out of range, or names a file that is of no use to a node that takes part; the message names its key.</exception>
    public static TubeRegistryClusterOptions From(Config config)
    {
        var whole = config.WithFallback(Default);
        var reader = new SettingReader(whole);
        var options = new TubeRegistryClusterOptions
        {
            Enabled = reader.Boolean("cluster.enabled"),
            Hostname = reader.TextOrOff("cluster.hostname") ?? "",
            Port = reader.Integer("cluster.port", IPEndPoint.MinPort, IPEndPoint.MaxPort),
            PublicHostname = reader.TextOrOff("cluster.public-hostname"),
            PublicPort = reader.IntegerOrOff("cluster.public-port", 1, IPEndPoint.MaxPort),
            SeedNodes = [.. reader.Texts("cluster.seed-nodes")],
            Discovery = new()
            {
                Method = reader.TextOrOff("cluster.discovery.method"),
                ServiceName = reader.TextOrOff("cluster.discovery.service-name") ?? "",
                Port = reader.IntegerOrOff("cluster.discovery.port", 1, IPEndPoint.MaxPort),
                Interval = reader.Duration("cluster.discovery.interval"),
                RequiredNodes = reader.Integer("cluster.discovery.required-nodes", 1),
                StableFor = reader.Duration("cluster.discovery.stable-for"),
            },
            Tls = new()
            {
                CertificateFile = reader.TextOrOff("cluster.tls.certificate-file"),
                KeyFile = reader.TextOrOff("cluster.tls.key-file"),
                CaFile = reader.TextOrOff("cluster.tls.ca-file"),
            },
        };
        if (options.Discovery.Method is { } method and not "config" && !whole.HasPath($"akka.discovery.{method}.class"))
            throw SettingReader.Wrong("registry.cluster.discovery.method", $"off, dns, config, or a method that akka.discovery has the class of; there is no akka.discovery.{method}.class", null);
        options.CheckSeeds();
        if (options.Enabled)
            options.Check();
        return options;
    }

    /// <summary>Reads <c>host:port</c>, an IPv6 address in brackets.</summary>
    /// <returns>Null when the text is something else.</returns>
    public static DnsEndPoint? ParseEndPoint(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 1 || Uri.CheckHostName(text[..colon]) is UriHostNameType.Unknown or UriHostNameType.Basic)
            return null;
        return ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? new(text[..colon], port) : null;
    }

    /// <summary>Checks what can be checked before anything starts.</summary>
    /// <returns>What TLS needs; null without TLS.</returns>
    /// <exception cref="ConfigurationException">The message names the key.</exception>
    internal ClusterCertificate? Check()
    {
        CheckHost("hostname", Hostname);
        if (PublicHostname is not null)
            CheckHost("public-hostname", PublicHostname);
        if (IPAddress.TryParse(PublicHostname ?? Hostname, out var announced) && (announced.Equals(IPAddress.Any) || announced.Equals(IPAddress.IPv6Any)))
            throw SettingReader.Wrong("registry.cluster.public-hostname", $"set when registry.cluster.hostname is {announced}: other nodes need an address to reach this one at", null);
        CheckSeeds();
        if (SeedNodes.Count > 0 && Discovery.Method is not null)
            throw SettingReader.Wrong("registry.cluster.discovery.method", "off when registry.cluster.seed-nodes has nodes", null);
        if (Discovery is { Method: not null, ServiceName: "" })
            throw SettingReader.Wrong("registry.cluster.discovery.service-name", "the name to look up", null);
        return ClusterCertificate.Load(Tls);
    }

    private void CheckSeeds()
    {
        if (SeedNodes.FirstOrDefault(seed => ParseEndPoint(seed) is null or { Port: 0 }) is { } wrong)
            throw SettingReader.Wrong("registry.cluster.seed-nodes", $"a list of host:port, which {SettingReader.Quoted(wrong)} is not", null);
    }

    private static void CheckHost(string key, string host)
    {
        if (Uri.CheckHostName(host) is UriHostNameType.Unknown or UriHostNameType.Basic)
            throw SettingReader.Wrong($"registry.cluster.{key}", "an IP address or a host name", null);
    }
}

/// <summary>How nodes to join at are found (<c>registry.cluster.discovery</c>).</summary>
public sealed class ClusterDiscoveryOptions
{
    /// <summary>A method of Akka.Discovery; null for none.</summary>
    public string? Method { get; set; }

    /// <summary>The name that is looked up.</summary>
    public required string ServiceName { get; set; }

    /// <summary>Port of nodes that are found without one; null for this node's own.</summary>
    public int? Port { get; set; }

    /// <summary>Time between look-ups.</summary>
    public TimeSpan Interval { get; set; }

    /// <summary>Nodes that must be found before joining, this one included.</summary>
    public int RequiredNodes { get; set; }

    /// <summary>How long the answer must stay the same before joining.</summary>
    public TimeSpan StableFor { get; set; }
}

/// <summary>PEM files for mutual TLS between nodes (<c>registry.cluster.tls</c>): all three, or none.</summary>
public sealed class ClusterTlsOptions
{
    /// <summary>The node's certificate.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>The certificate's private key.</summary>
    public string? KeyFile { get; set; }

    /// <summary>The authorities one of which must have signed the other nodes' certificates.</summary>
    public string? CaFile { get; set; }
}
