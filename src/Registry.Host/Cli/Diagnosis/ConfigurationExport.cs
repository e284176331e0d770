using System.Text.RegularExpressions;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using Registry.Host.Serving;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Cli.Diagnosis;

/// <summary>A configuration for somebody else's eyes: texts are shown only where they are known to be no secret.</summary>
internal static partial class ConfigurationExport
{
    private static readonly HashSet<string> plain = new(StringComparer.Ordinal)
    {
        "registry.telemetry.log.level", "registry.telemetry.log.levels", "registry.telemetry.log.format", "registry.audit.mode", "registry.audit.file.path", "registry.audit.database.path", "registry.http.hosts", "registry.http.trusted-proxies", "registry.http.tls.certificate", "registry.http.tls.key", "registry.auth.keys", "registry.auth.token-keys",
        "registry.auth.jwt.issuer", "registry.auth.jwt.audience", "registry.auth.jwt.keys", "registry.auth.jwt.owner-claim", "registry.auth.jwt.roles-claim",
        "registry.webrtc.stack", "registry.webrtc.congestion-control", "registry.ice.servers", "registry.ice.transport-policy", "registry.ice.relay-ca-file", "registry.ice.include-networks", "registry.ice.exclude-networks",
        "registry.channels.listen", "registry.guacd.address", "registry.targets.allow",
        "registry.cluster.hostname", "registry.cluster.public-hostname", "registry.cluster.seed-nodes", "registry.cluster.discovery.method", "registry.cluster.discovery.service-name",
        "registry.cluster.tls.certificate-file", "registry.cluster.tls.key-file", "registry.cluster.tls.ca-file",
    };

    /// <summary>Every setting of the program, and whatever else the files or the command line give, in the order of their keys.</summary>
    public static SortedDictionary<string, string> Of(Config config) => new(Settings(config).ToDictionary(setting => setting.Key, setting => Show(setting.Key, setting.Value)), StringComparer.Ordinal);

    /// <summary>The texts that <see cref="Of"/> hides, without those that can be no secret: nobody could read a text without them.</summary>
    public static IEnumerable<string> Secrets(Config config) => Settings(config).Where(setting => Show(setting.Key, setting.Value) == Redaction.Hidden)
        .SelectMany(setting => GatewayConfiguration.Texts(setting.Value).Where(text => IsCalledSecret(setting.Key) || !Ordinary().IsMatch(text) && !GatewayConfiguration.Says(text)));

    private static IEnumerable<(string Key, HoconValue Value)> Settings(Config config) => GatewayConfiguration.Values(config.WithFallback(GatewayConfiguration.Default));

    // What the program comes with is no secret.
    private static string Show(string key, HoconValue value)
    {
        string[] texts = [.. GatewayConfiguration.Texts(value)];
        var known = GatewayConfiguration.Default.GetValue(key);
        // The setting that an unknown one was meant to be may be a secret.
        var isKnown = known is not null || key.StartsWith("akka.", StringComparison.Ordinal);
        return plain.Contains(key) || known is not null && texts.SequenceEqual(GatewayConfiguration.Texts(known)) || isKnown && !SecretName().IsMatch(key) && texts.All(text => Harmless().IsMatch(text))
            ? string.Join(", ", texts)
            : Redaction.Hidden;
    }

    // So is what was probably meant to be one.
    private static bool IsCalledSecret(string key) =>
        SecretName().IsMatch(key) || GatewayConfiguration.Default.GetValue(key) is null && NearestKey.Of(key, GatewayConfiguration.Keys) is { } meant && SecretName().IsMatch(meant);

    [GeneratedRegex("(credential|secret|password|passphrase|passwd|pass|pwd|token|key|user|username)s?(\\.|$)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    // Short words and numbers, also with a unit: where the setting is not called a secret, nobody's.
    [GeneratedRegex("^([A-Za-z]{1,7}|-?[0-9.]{1,7} ?[A-Za-z]{0,4})$", RegexOptions.CultureInvariant)]
    private static partial Regex Ordinary();

    // Switches, numbers, durations and sizes.
    [GeneratedRegex(@"^(on|off|true|false|yes|no|null|-?[0-9.]+ ?[A-Za-z]{0,4}|)$", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
