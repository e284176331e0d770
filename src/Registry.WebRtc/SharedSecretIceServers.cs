using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Registry.WebRtc;

/// <summary>
/// Makes time-limited credentials from a secret that the TURN servers share ("TURN REST API", draft-uberti-behave-turn-rest-00; coturn's
/// <c>use-auth-secret</c>): the user name is <c>expiry:name</c> in Unix seconds, the password the base64 HMAC-SHA1 of it.
/// </summary>
public sealed class SharedSecretIceServers : IIceServerProvider
{
    private readonly IReadOnlyList<string> urls;
    private readonly byte[] secret;
    private readonly TimeSpan lifetime;
    private readonly TimeProvider time;

    /// <param name="urls">The servers.</param>
    /// <param name="secret">What they share.</param>
    /// <param name="lifetime">How long credentials hold; at least a minute.</param>
    /// <param name="time">The clock, which must agree with the servers'.</param>
    /// <exception cref="ArgumentException">The secret is empty or the lifetime too short.</exception>
    public SharedSecretIceServers(IReadOnlyList<string> urls, string secret, TimeSpan lifetime, TimeProvider time)
    {
        ArgumentException.ThrowIfNullOrEmpty(secret);
        ArgumentOutOfRangeException.ThrowIfLessThan(lifetime, TimeSpan.FromMinutes(1));
        (this.urls, this.secret, this.lifetime, this.time) = (urls, Encoding.UTF8.GetBytes(secret), lifetime, time);
    }

    /// <summary>The servers with credentials that hold from now on.</summary>
    /// <param name="name">What stands behind the colon of the user name, for the server's log.</param>
    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "The servers' convention is HMAC-SHA1.")]
    public IceServer Create(string name = "tube")
    {
        var expires = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + lifetime).ToUnixTimeSeconds());
        var username = string.Create(CultureInfo.InvariantCulture, $"{expires.ToUnixTimeSeconds()}:{name}");
        return new(urls, username, Convert.ToBase64String(HMACSHA1.HashData(secret, Encoding.UTF8.GetBytes(username)))) { Expires = expires };
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<IceServer>> GetServersAsync(CancellationToken cancellationToken = default) => ValueTask.FromResult<IReadOnlyList<IceServer>>([Create()]);
}
