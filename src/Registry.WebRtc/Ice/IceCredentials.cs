using System.Security.Cryptography;

namespace Registry.WebRtc.Ice;

/// <summary>User fragment and password of one side of an ICE session (RFC 8445 §5.3).</summary>
internal sealed record IceCredentials(string UsernameFragment, string Password)
{
    private const string IceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    private const int MaxLength = 256;

    /// <summary>Fresh random credentials: 48 bits of fragment (at least 24 are asked for) and 144 of password (at least 128).</summary>
    public static IceCredentials Create() =>
        new(RandomNumberGenerator.GetString(IceChars, 8), RandomNumberGenerator.GetString(IceChars, 24));

    /// <summary>Whether the text can be a fragment: 4 to 256 characters (RFC 8839 §5.4).</summary>
    public static bool IsUsernameFragment(string text) => text.Length is >= 4 and <= MaxLength && IsToken(text);

    /// <summary>Whether the text can be a password: 22 to 256 characters (RFC 8839 §5.4).</summary>
    public static bool IsPassword(string text) => text.Length is >= 22 and <= MaxLength && IsToken(text);

    // Some stacks use visible characters beyond the RFC's ice-char; only the colon would break USERNAME.
    private static bool IsToken(string text) => text.All(c => c is > ' ' and < '\x7F' and not ':');

    /// <summary>Keeps the password out of logs.</summary>
    public override string ToString() => $"{nameof(IceCredentials)} {{ UsernameFragment = {UsernameFragment} }}";
}
