using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Registry.Messages;

/// <summary>SDP as it crosses public interfaces: standard base64 (RFC 4648 §4) of UTF-8.</summary>
public static class SdpText
{
    /// <summary>The longest base64 text that is read, in characters.</summary>
    public const int MaxLength = 256 * 1024;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes SDP as base64.</summary>
    public static string Encode(string sdp) => Convert.ToBase64String(Strict.GetBytes(sdp));

    /// <summary>Reads base64 that may be wrong.</summary>
    /// <param name="base64">The text.</param>
    /// <param name="field">The field's name, for the refusal.</param>
    /// <param name="sdp">The SDP, or null.</param>
    /// <param name="refusal">An <see cref="RefusalCode.InvalidSdp"/> that names the field and what is wrong, or null.</param>
    public static bool TryDecode(string base64, string field, [NotNullWhen(true)] out string? sdp, [NotNullWhen(false)] out Refused? refusal)
    {
        sdp = null;
        if (base64.Length > MaxLength)
        {
            refusal = Invalid(field, $"has {base64.Length} characters; at most {MaxLength} are read");
            return false;
        }

        var bytes = new byte[base64.Length / 4 * 3 + 3];
        if (!Convert.TryFromBase64String(base64, bytes, out var length))
        {
            refusal = Invalid(field, "is not base64. Encode the SDP text as standard base64, with padding and without a data: prefix");
            return false;
        }

        try
        {
            sdp = Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            refusal = Invalid(field, "is base64, but not of UTF-8 text. Encode the SDP as UTF-8 first");
            return false;
        }

        refusal = null;
        return true;
    }

    private static Refused Invalid(string field, string what) => new(RefusalCode.InvalidSdp, $"{field} {what}.") { Key = field };
}
