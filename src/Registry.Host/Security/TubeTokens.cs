using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Registry.Messages;

namespace Registry.Host.Security;

/// <summary>What a tube's token says.</summary>
/// <param name="TubeId">The tube's id.</param>
/// <param name="MadeAt">What tells the tube from others of its id: <see cref="TubeTokens.MadeAt"/>.</param>
/// <param name="Expires">Until when it holds.</param>
internal sealed record TubeToken(string TubeId, string MadeAt, DateTimeOffset Expires);

/// <summary>Tokens for the signalling of one tube, for those who must not have a key: a browser, a job. They hold for a while and for nothing else.</summary>
internal sealed class TubeTokens(IDataProtectionProvider provider)
{
    /// <summary>What every token begins with.</summary>
    public const string Prefix = "tt_";

    /// <summary>How long a token holds when nothing is said.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long it can be made to hold.</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromHours(24);

    private readonly ITimeLimitedDataProtector protector = provider.CreateProtector("tube-token.v2").ToTimeLimitedDataProtector();

    /// <summary>When the tube was made, which every node of its cluster says alike: its id may be another owner's tube's by tomorrow.</summary>
    public static string MadeAt(TubeSnapshot tube) => tube.CreatedAt.UtcTicks.ToString(CultureInfo.InvariantCulture);

    public string Create(TubeSnapshot tube, DateTimeOffset expires) => Prefix + protector.Protect($"{tube.TubeId} {MadeAt(tube)}", expires);

    /// <summary>Reads a token that is genuine and still holds.</summary>
    public bool TryRead(string text, [NotNullWhen(true)] out TubeToken? token)
    {
        token = null;
        try
        {
            // An id holds no space.
            if (protector.Unprotect(text[Prefix.Length..], out var expires).Split(' ') is [var tubeId, var madeAt])
                token = new(tubeId, madeAt, expires);
        }
        catch (CryptographicException)
        {
            // Forged, of other keys, or too old.
        }

        return token is not null;
    }
}
