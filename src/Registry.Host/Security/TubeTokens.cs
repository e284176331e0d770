using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Registry.Messages;

namespace Registry.Host.Security;

/// <summary>Tokens for the signalling of one tube, for those who must not have a key: a browser, a job. They hold for minutes and for nothing else.</summary>
internal sealed class TubeTokens(IDataProtectionProvider provider)
{
    /// <summary>What every token begins with.</summary>
    public const string Prefix = "tt_";

    /// <summary>How long a token holds when nothing is said.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long it can be made to hold.</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromHours(24);

    private readonly ITimeLimitedDataProtector protector = provider.CreateProtector("tube-token.v1").ToTimeLimitedDataProtector();

    public string Create(TubeId tubeId, DateTimeOffset expires) => Prefix + protector.Protect(tubeId.ToString(), expires);

    /// <summary>The tube that a token is for, if it is genuine and still holds.</summary>
    public bool TryRead(string token, [NotNullWhen(true)] out string? tubeId)
    {
        try
        {
            tubeId = protector.Unprotect(token[Prefix.Length..]);
            return true;
        }
        catch (CryptographicException)
        {
            tubeId = null;
            return false;
        }
    }
}
