using System.Text.RegularExpressions;
using Akka.Configuration;

namespace Registry.Host.Serving.Settings;

/// <summary>Finds secrets among settings.</summary>
internal static partial class SecretSettings
{
    private static readonly string[] roots = ["registry", "akka"];

    // What they are called after is in the file or directory that they name.
    private static readonly HashSet<string> files = new(StringComparer.Ordinal) { "registry.http.tls.key", "registry.auth.keys", "registry.auth.jwt.keys", "registry.auth.token-keys" };

    /// <summary>The first setting that gives a secret away; null for none.</summary>
    public static string? FindIn(Config config) => roots
        .SelectMany(root => GatewayConfiguration.Values(config.GetValue(root), root))
        .Where(setting => GatewayConfiguration.Texts(setting.Value).Any(text => IsSecret(setting.Key, text)))
        .Select(setting => setting.Key)
        .FirstOrDefault();

    /// <summary>A text without the names and passwords before hosts that it quotes.</summary>
    public static string Hide(string text) => User().Replace(text, "…@");

    /// <summary>Whether a setting's value is nobody else's business.</summary>
    public static bool IsSecret(string key, string text) =>
        text is not ("off" or "false" or "") && Name().IsMatch(key) && !files.Contains(key)
        || WithUser().IsMatch(text)
        || key == "registry.ice.credentials-url" && text.Contains('?', StringComparison.Ordinal);

    [GeneratedRegex(@"(credential|secret|password|passphrase|token|key)s?(\.|$)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Name();

    // A URL with user name and password (RFC 3986 §3.2.1).
    [GeneratedRegex(@"://[^/\s@]+@", RegexOptions.CultureInvariant)]
    private static partial Regex WithUser();

    // People write one into turn: URLs too, which have none (RFC 7065 §3.1), and leave schemes out.
    [GeneratedRegex(@"[^/\s@'""]+@", RegexOptions.CultureInvariant)]
    private static partial Regex User();
}
