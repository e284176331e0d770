using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Serving.Reload;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Security;

/// <summary>The issuer's public keys from a file, a JSON web key set (RFC 7517), that can be read again.</summary>
internal sealed class JwtKeys : IReloadable
{
    private const string Setting = "registry.auth.jwt.keys";

    private volatile IReadOnlyList<SecurityKey> current;

    /// <exception cref="CommandException">The file cannot be read or holds no key.</exception>
    public JwtKeys(string file) => current = Read(file);

    public IReadOnlyList<SecurityKey> Current => current;

    /// <summary>What a token says of itself, before anybody looked at its signature; null when it is none.</summary>
    public static JsonWebToken? ReadToken(string text)
    {
        try
        {
            return new(text);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    public PreparedReload Prepare(GatewayOptions read)
    {
        if (read.Security.Jwt?.KeysFile is not { } file)
            return PreparedReload.None;
        var keys = Read(file);
        return PreparedReload.Of([Setting], () =>
        {
            current = keys;
            return $"{Amounts.Count(keys.Count, "key")} of the token issuer read again.";
        });
    }

    private static IReadOnlyList<SecurityKey> Read(string file)
    {
        try
        {
            var keys = JsonWebKeySet.Create(File.ReadAllText(file)).GetSigningKeys();
            return keys.Count > 0 ? [.. keys] : throw new SettingsException(Setting, $"{Setting}: '{file}' holds no key for signatures.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SettingsException(Setting, $"{Setting}: '{file}' is not a readable JSON web key set: {e.Message}");
        }
    }
}
