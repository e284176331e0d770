using System.Net;
using Akka.Configuration;
using Registry.Actors;

namespace Registry.Host.Security;

/// <summary>The sections <c>registry.http</c> and <c>registry.auth</c>, checked.</summary>
internal sealed record SecuritySettings
{
    private SecuritySettings() { }

    /// <summary>The defaults, as the file <c>gateway.conf</c> says them.</summary>
    public static Config Default { get; } = ConfigurationFactory.ParseString(SettingReader.ReadText(typeof(SecuritySettings).Assembly, "gateway.conf"));

    /// <summary>Names that requests may be sent to besides those of loopback; empty for what <see cref="HostsBeside"/> says.</summary>
    public IReadOnlyList<string> Hosts { get; private init; } = [];

    /// <summary>Networks of the proxies that are believed when they say whom they speak for; empty for none.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; private init; } = [];

    /// <summary>PEM file of the certificate and those between it and a known authority; null for none.</summary>
    public string? Certificate { get; private init; }

    /// <summary>PEM file of its key; null for none.</summary>
    public string? CertificateKey { get; private init; }

    /// <summary>File of the API keys; null for none.</summary>
    public string? ApiKeysFile { get; private init; }

    /// <summary>Directory of the keys that sign tubes' tokens; null to keep them in memory.</summary>
    public string? TokenKeys { get; private init; }

    /// <summary>Which JSON web tokens are taken; null for none.</summary>
    public JwtSettings? Jwt { get; private init; }

    /// <summary>Whether callers must say who they are.</summary>
    public bool IsClosed => ApiKeysFile is not null || Jwt is not null;

    /// <summary>The names that requests may be sent to: any, where callers must say who they are and no list is given.</summary>
    public IEnumerable<string> HostsBeside(params string[] loopback) => Hosts.Count == 0 && IsClosed ? ["*"] : loopback.Concat(Hosts);

    /// <summary>Reads the sections, with the defaults behind them.</summary>
    /// <exception cref="ConfigurationException">A value is of no use; the message names its key.</exception>
    public static SecuritySettings From(Config config)
    {
        var reader = new SettingReader(config.WithFallback(Default));
        var settings = new SecuritySettings
        {
            Hosts = ReadHosts(reader, "http.hosts"),
            TrustedProxies = ReadNetworks(reader, "http.trusted-proxies"),
            Certificate = reader.TextOrOff("http.tls.certificate"),
            CertificateKey = reader.TextOrOff("http.tls.key"),
            ApiKeysFile = reader.TextOrOff("auth.keys"),
            TokenKeys = reader.TextOrOff("auth.token-keys"),
            Jwt = ReadJwt(reader),
        };
        if (settings.Certificate is null != settings.CertificateKey is null)
            throw SettingReader.Wrong("registry.http.tls", "a certificate and its key, or neither", null);
        return settings;
    }

    private static IReadOnlyList<string> ReadHosts(SettingReader reader, string key)
    {
        var hosts = reader.Texts(key);
        return hosts.FirstOrDefault(text => !IsHost(text)) is { } wrong
            ? throw SettingReader.Wrong($"registry.{key}", $"a list of names and addresses such as \"gateway.example\", \"*.example.com\" or \"[fd00::1]\", without scheme, port and path; {SettingReader.Quoted(wrong)} is none", null)
            : hosts;
    }

    private static bool IsHost(string text) => text == "*" || Uri.CheckHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text) switch
    {
        UriHostNameType.Dns or UriHostNameType.IPv4 => true,
        UriHostNameType.IPv6 => text[0] == '[',
        _ => false,
    };

    private static IReadOnlyList<IPNetwork> ReadNetworks(SettingReader reader, string key) =>
    [
        .. reader.Texts(key).Select(text =>
            CidrNetwork.TryParse(text, out var network) ? network
            : IPAddress.TryParse(text, out var address) ? new IPNetwork(address, 8 * address.GetAddressBytes().Length)
            : throw SettingReader.Wrong($"registry.{key}", $"a list of addresses and networks such as \"10.0.0.0/8\"; {SettingReader.Quoted(text)} {CidrNetwork.HostBits(text) ?? "is neither"}", null)),
    ];

    private static JwtSettings? ReadJwt(SettingReader reader)
    {
        var (issuer, audience, keys, metadata) =
            (reader.TextOrOff("auth.jwt.issuer"), reader.TextOrOff("auth.jwt.audience"), reader.TextOrOff("auth.jwt.keys"), reader.Url("auth.jwt.metadata-url"));
        if (issuer is null && audience is null && keys is null && metadata is null)
            return null;
        if (issuer is null || audience is null || keys is null == metadata is null)
            throw SettingReader.Wrong("registry.auth.jwt", "an issuer, an audience and one of keys and metadata-url, or nothing at all", null);
        if (metadata is { IsLoopback: false } && metadata.Scheme != Uri.UriSchemeHttps)
            throw SettingReader.Wrong("registry.auth.jwt.metadata-url", "an https URL, unless it leads to this machine's loopback: whoever is on the way could put keys of its own there", null);
        return new(issuer, audience, keys, metadata, reader.TextOrOff("auth.jwt.owner-claim") ?? "sub", reader.TextOrOff("auth.jwt.roles-claim") ?? "roles");
    }
}

/// <summary>Which JSON web tokens (RFC 7519) are taken.</summary>
/// <param name="Issuer">Their <c>iss</c>.</param>
/// <param name="Audience">Their <c>aud</c>.</param>
/// <param name="KeysFile">File of the issuer's public keys as a JSON web key set (RFC 7517); null when they are fetched.</param>
/// <param name="MetadataUrl">Where the issuer says where its keys are (OpenID Connect Discovery); null when they are in a file.</param>
/// <param name="OwnerClaim">The claim that names the owner of the caller's tubes.</param>
/// <param name="RolesClaim">The claim that lists roles.</param>
internal sealed record JwtSettings(string Issuer, string Audience, string? KeysFile, Uri? MetadataUrl, string OwnerClaim, string RolesClaim);
