using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving.Settings;
using Registry.Host.Telemetry;

namespace Registry.Host.Serving;

/// <summary>What <c>serve</c> was told.</summary>
internal sealed record GatewayOptions
{
    /// <summary>Where the HTTP interface listens when nothing is said.</summary>
    public const string DefaultHttp = "http://127.0.0.1:8080";

    /// <summary>Address and port of the HTTP interface; port 0 for any free one.</summary>
    public required IPEndPoint Http { get; init; }

    /// <summary>The registry behind it.</summary>
    public RegistrySetup Registry { get; init; } = new();

    /// <summary>What it tells of itself.</summary>
    public TelemetrySettings Telemetry { get; init; } = TelemetrySettings.From(Config.Empty);

    /// <summary>The least level that is logged; null for what <see cref="Telemetry"/> says.</summary>
    public LogLevel? LogLevel { get; init; }

    /// <summary>Where the log goes; null for standard error.</summary>
    public TextWriter? LogOutput { get; init; }

    /// <summary>What is logged, and how.</summary>
    public LogSettings Log => Telemetry.Log with { Level = LogLevel ?? Telemetry.Log.Level, Output = LogOutput };

    /// <summary>Whether the HTTP interface speaks TLS.</summary>
    public bool IsHttps { get; init; }

    /// <summary>Who may use it.</summary>
    public SecuritySettings Security { get; init; } = SecuritySettings.From(Config.Empty);

    /// <summary>What is recorded.</summary>
    public AuditSettings Audit { get; init; } = AuditSettings.From(Config.Empty);

    /// <summary>How much of it one caller may use.</summary>
    public RequestLimits Limits { get; init; } = RequestLimits.From(Config.Empty);

    /// <summary>Where its settings come from; empty where nobody knows.</summary>
    public IReadOnlyList<SettingSource> Sources { get; init; } = [];

    /// <summary>Whether a target rule is among them: without one nothing is reachable.</summary>
    public bool HasRules => Registry.AllowTargets.Count > 0 || RegistrySettings.From(Registry.Configuration).AllowTargets.Count > 0;

    /// <summary>Reads the files again, with the same command line; null where there are none. Throws <see cref="CommandException"/> when something is wrong.</summary>
    public Func<GatewayOptions>? ReadAgain { get; init; }

    /// <summary>Where clients reach it: at <paramref name="bound"/>; by its certificate's name where that is all addresses, or one that the certificate is not for; by this machine's where there is none.</summary>
    public string ClientUrl(Uri bound)
    {
        var isAny = Http.Address.Equals(IPAddress.Any) || Http.Address.Equals(IPAddress.IPv6Any);
        using var certificate = IsHttps && Security.Certificate is { } file ? X509CertificateLoader.LoadCertificateFromFile(file) : null;
        if (!isAny && (certificate is null || certificate.MatchesHostname(bound.DnsSafeHost)))
            return bound.GetLeftPart(UriPartial.Authority);
        var name = certificate?.GetNameInfo(X509NameType.DnsName, forIssuer: false);
        return Uri.CheckHostName(name) == UriHostNameType.Dns ? $"{bound.Scheme}://{name}:{bound.Port}"
            : isAny ? $"{bound.Scheme}://{Dns.GetHostName()}:{bound.Port}"
            : bound.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Reads <c>--http</c>.</summary>
    /// <exception cref="CommandException">The text is not an http or https URL of an address.</exception>
    public static (IPEndPoint EndPoint, bool IsHttps) ParseHttp(string text)
    {
        var port = text[(text.LastIndexOf(':') + 1)..].TrimEnd('/');
        if (port.Length > 0 && port.All(char.IsAsciiDigit) && !ushort.TryParse(port, CultureInfo.InvariantCulture, out _))
            throw CommandException.Usage($"--http '{text}' must have a port from 0 to 65535.");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps) || url.PathAndQuery != "/" || url.UserInfo.Length > 0)
            throw CommandException.Usage($"--http '{text}' must be a URL such as {DefaultHttp}, without a path.");
        var address = url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            ? IPAddress.Loopback
            : IPAddress.TryParse(url.DnsSafeHost, out var parsed) ? parsed : null;
        return address is null
            ? throw CommandException.Usage($"--http '{text}' must name an address of this machine, or 0.0.0.0 or [::] for all of them, such as {DefaultHttp}.")
            : (new(address, url.Port), url.Scheme == Uri.UriSchemeHttps);
    }

    /// <summary>What makes it unwise to let other machines reach the gateway as it is; null for nothing.</summary>
    public string? WhyNotBeyondLoopback
    {
        get
        {
            List<string> why = [];
            if (!Security.IsClosed)
                why.Add("without authentication everybody who reaches it can use every tube and target of this gateway: set registry.auth.keys or registry.auth.jwt");
            if (!IsHttps)
                why.Add("without TLS keys and descriptions can be read and changed on the way: give an https:// URL and registry.http.tls");
            return why.Count == 0 || IPAddress.IsLoopback(Http.Address) ? null : string.Join("; and ", why);
        }
    }
}
