using System.Text.RegularExpressions;

namespace Registry.Host.Cli.Diagnosis;

/// <summary>Takes secrets out of text: those that are known, and whatever looks like a key or token.</summary>
/// <param name="secrets">Known ones.</param>
internal sealed partial class Redaction(IEnumerable<string> secrets)
{
    /// <summary>What stands in a secret's place.</summary>
    public const string Hidden = "(hidden)";

    // A shorter one would blot out half of every text, and protects nothing.
    private const int ShortestSecret = 4;

    // The longest first: one may be part of another.
    private readonly string[] secrets = [.. secrets.Where(secret => secret.Length >= ShortestSecret).Distinct(StringComparer.Ordinal).OrderByDescending(secret => secret.Length)];

    /// <summary>The text without them.</summary>
    public string Clean(string text)
    {
        foreach (var secret in secrets)
            text = text.Replace(secret, Hidden, StringComparison.Ordinal);
        return Tokens().Replace(text, Hidden);
    }

    // API keys and tubes' tokens of gateways, JSON web tokens, what follows "Bearer" unless it is as short as a word for it, user names and passwords in URLs, and ICE passwords in descriptions.
    [GeneratedRegex(@"\btr_[A-Za-z0-9.-]+_[A-Za-z0-9_-]{16,}|\btt_[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?|(?<=\bBearer\s+)[A-Za-z0-9._~+/=-]{4,}\S*|(?<=://)[^/\s@""]+(?=@)|(?<=ice-pwd:)\S+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Tokens();
}
