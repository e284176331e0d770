using System.Buffers.Text;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Serving.Reload;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Security;

/// <summary>
/// The keys of programs, from a file: a line each, <c>ID ROLES OWNER SHA256</c>, roles separated by commas, <c>-</c> for no owner, <c>#</c> for a comment.
/// A key is <c>tr_ID_SECRET</c> with 256 random bits, so that a plain hash of it tells nothing.
/// </summary>
internal sealed class ApiKeys : IReloadable
{
    /// <summary>What every key begins with, so that leaked ones can be found.</summary>
    public const string Prefix = "tr_";

    private const string Setting = "registry.auth.keys";

    private const int SecretLength = 32;

    private volatile FrozenDictionary<string, Entry> entries;

    /// <summary>Reads the file.</summary>
    /// <exception cref="CommandException">It cannot be read, or a line of it is wrong; the message names the line.</exception>
    public ApiKeys(string file) => entries = Read(file);

    /// <summary>How many there are.</summary>
    public int Count => entries.Count;

    public PreparedReload Prepare(GatewayOptions read)
    {
        if (read.Security.ApiKeysFile is not { } file)
            return PreparedReload.None;
        var again = Read(file);
        return PreparedReload.Of([Setting], () =>
        {
            entries = again;
            return $"{Amounts.Count(again.Count, "API key")} read again.";
        });
    }

    private static FrozenDictionary<string, Entry> Read(string file)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(Setting, $"{Setting}: '{file}' cannot be read: {e.Message}");
        }

        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        List<string> faults = [];
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].AsSpan().Trim() is [] or ['#', ..])
                continue;
            if (!Entry.TryParse(lines[i], out var entry, out var wrong))
                faults.Add($"line {i + 1}: {wrong}");
            else if (!entries.TryAdd(entry.Id, entry))
                faults.Add($"line {i + 1}: the id '{entry.Id}' stands there twice");
        }

        return faults.Count == 0
            ? entries.ToFrozenDictionary(StringComparer.Ordinal)
            : throw new SettingsException(Setting, $"{Setting}: '{file}', {string.Join("; ", faults)}. A line is ID ROLES OWNER SHA256; 'registry keys new' makes one.");
    }

    /// <summary>Makes a key and its line for the file.</summary>
    public static (string Key, string Line) Create(string id, IReadOnlyList<string> roles, string? owner)
    {
        var key = $"{Prefix}{id}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength))}";
        var line = $"{id} {string.Join(',', roles)} {owner ?? "-"} {Convert.ToHexStringLower(Hash(key))}";
        if ((owner ?? "").Any(char.IsWhiteSpace) || id.Any(char.IsWhiteSpace))
            throw CommandException.Usage($"keys new: '{(id.Any(char.IsWhiteSpace) ? id : owner)}' must be one word.");
        return Entry.TryParse(line, out _, out var wrong) ? (key, line) : throw CommandException.Usage($"keys new: {wrong}.");
    }

    /// <summary>Who a key belongs to; null when it is none.</summary>
    public ClaimsIdentity? Authenticate(string key)
    {
        // The secret may hold the separator, the id cannot.
        var end = key.Length > Prefix.Length ? key.IndexOf('_', Prefix.Length) : -1;
        return end > 0 && entries.TryGetValue(key[Prefix.Length..end], out var entry) && CryptographicOperations.FixedTimeEquals(Hash(key), entry.Hash)
            ? entry.Identity
            : null;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private sealed record Entry(string Id, byte[] Hash, ClaimsIdentity Identity)
    {
        public static bool TryParse(string line, [NotNullWhen(true)] out Entry? entry, out string? wrong)
        {
            entry = null;
            if (line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is not [var id, var roles, var owner, var hash])
                wrong = "it is not four words";
            else if (id.StartsWith(Prefix, StringComparison.Ordinal))
                wrong = $"it begins with a key, which belongs to its user only: the id is what stands in it between '{Prefix}' and the next '_'";
            else if (id.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.')) || id.Length > 64)
                wrong = $"the id '{id}' must be 1 to 64 of the characters A-Z, a-z, 0-9, '-' and '.'";
            else if (roles.Split(',') is var all && all.Except(Roles.All).FirstOrDefault() is { } unknown)
                wrong = $"'{unknown}' is no role; there are {string.Join(", ", Roles.All)}";
            else if (owner is "-" && all.Contains(Roles.Creator))
                wrong = "a creator needs an owner";
            else if (hash.Length != 2 * SHA256.HashSizeInBytes || hash.Any(c => !char.IsAsciiHexDigit(c)))
                wrong = "the hash is not a SHA-256 in hex";
            else
                (entry, wrong) = (new(id, Convert.FromHexString(hash), IdentityOf(id, all, owner is "-" ? null : owner)), null);
            return entry is not null;
        }

        private static ClaimsIdentity IdentityOf(string id, string[] roles, string? owner)
        {
            var identity = new ClaimsIdentity("ApiKey");
            identity.AddClaim(new(identity.NameClaimType, id));
            foreach (var role in roles)
                identity.AddClaim(new(identity.RoleClaimType, role));
            if (owner is not null)
                identity.AddClaim(new(Caller.OwnerClaim, owner));
            return identity;
        }
    }
}
