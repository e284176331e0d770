using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Registry.WebRtc;

/// <summary>The hash of a certificate as SDP carries it (RFC 8122 §5).</summary>
/// <param name="Algorithm">Hash name in lower case: <c>sha-256</c>, <c>sha-384</c> or <c>sha-512</c>.</param>
/// <param name="Value">Upper-case hexadecimal octets separated by colons.</param>
internal sealed record CertificateFingerprint(string Algorithm, string Value)
{
    /// <summary>Reads <c>sha-256 AB:CD:…</c>.</summary>
    /// <param name="text">The value of <c>a=fingerprint</c>.</param>
    /// <param name="fingerprint">The fingerprint, or null.</param>
    /// <param name="error">What is wrong; null when nothing is.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out CertificateFingerprint? fingerprint, [NotNullWhen(false)] out string? error)
    {
        fingerprint = null;
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        var algorithm = (space < 0 ? text : text[..space]).ToLowerInvariant();
        var octets = algorithm switch { "sha-256" => 32, "sha-384" => 48, "sha-512" => 64, _ => 0 };
        if (octets == 0)
        {
            error = "the hash is not supported; use sha-256, sha-384 or sha-512";
            return false;
        }
        var value = space < 0 ? "" : text[(space + 1)..].Trim().ToUpperInvariant();
        if (!IsHex(value, octets))
        {
            error = $"{algorithm} needs {octets} hexadecimal octets separated by colons";
            return false;
        }
        fingerprint = new CertificateFingerprint(algorithm, value);
        error = null;
        return true;
    }

    /// <summary>The fingerprint of a certificate.</summary>
    /// <param name="algorithm">A hash name as <see cref="Algorithm"/> has it.</param>
    /// <param name="certificate">The certificate, DER-encoded.</param>
    /// <exception cref="NotSupportedException">The hash is another one.</exception>
    public static CertificateFingerprint Compute(string algorithm, ReadOnlySpan<byte> certificate)
    {
        var hash = algorithm switch
        {
            "sha-256" => SHA256.HashData(certificate),
            "sha-384" => SHA384.HashData(certificate),
            "sha-512" => SHA512.HashData(certificate),
            _ => throw new NotSupportedException($"The fingerprint's hash {algorithm} is not supported."),
        };
        return new CertificateFingerprint(algorithm, string.Join(':', hash.Select(octet => octet.ToString("X2", provider: null))));
    }

    /// <summary>Whether a certificate has this fingerprint. Takes the same time wherever they differ.</summary>
    /// <param name="certificate">The certificate, DER-encoded.</param>
    /// <exception cref="NotSupportedException">The hash is not supported.</exception>
    public bool Matches(ReadOnlySpan<byte> certificate) => CryptographicOperations.FixedTimeEquals(
        MemoryMarshal.AsBytes(Value.AsSpan()), MemoryMarshal.AsBytes(Compute(Algorithm, certificate).Value.AsSpan()));

    /// <summary>The value of <c>a=fingerprint</c>.</summary>
    public override string ToString() => $"{Algorithm} {Value}";

    private static bool IsHex(string text, int octets)
    {
        if (text.Length != octets * 3 - 1)
            return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (i % 3 == 2 ? text[i] != ':' : !char.IsAsciiHexDigit(text[i]))
                return false;
        }
        return true;
    }
}
