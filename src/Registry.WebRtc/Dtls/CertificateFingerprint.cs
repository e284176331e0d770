using System.Security.Cryptography;

namespace Registry.WebRtc.Dtls;

/// <summary>The hash of a certificate as an SDP <c>a=fingerprint</c> line carries it (RFC 8122 §5).</summary>
/// <remarks>
/// SHA-256, SHA-384 and SHA-512 can be checked. Another algorithm is kept as it was written and never matches, so that a
/// description which promises only, say, SHA-1 fails the handshake instead of passing unverified.
/// </remarks>
internal readonly record struct CertificateFingerprint
{
    private CertificateFingerprint(string algorithm, string value)
    {
        Algorithm = algorithm;
        Value = value;
    }

    /// <summary>Hash function in lower case, for example <c>sha-256</c>.</summary>
    public string Algorithm { get; }

    /// <summary>Pairs of upper-case hexadecimal digits separated by colons.</summary>
    public string Value { get; }

    /// <summary>Whether this stack can compute the hash function.</summary>
    public bool IsSupported => Algorithm is not null && HashLength(Algorithm) != 0;

    /// <summary>Reads <c>algorithm SP value</c>, as it stands after <c>a=fingerprint:</c>.</summary>
    public static bool TryParse(string? text, out CertificateFingerprint fingerprint)
    {
        fingerprint = default;
        var parts = text?.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return parts is [var algorithm, var value] && TryCreate(algorithm, value, out fingerprint);
    }

    /// <summary>Reads <c>algorithm SP value</c>.</summary>
    /// <exception cref="FormatException">It is not a fingerprint.</exception>
    public static CertificateFingerprint Parse(string text) =>
        TryParse(text, out var fingerprint) ? fingerprint : throw new FormatException($"'{text}' is not a certificate fingerprint.");

    /// <summary>Takes the two halves of a fingerprint attribute.</summary>
    /// <returns>False when the value is not colon-separated bytes, or has the wrong length for a known algorithm.</returns>
    public static bool TryCreate(string algorithm, string value, out CertificateFingerprint fingerprint)
    {
        fingerprint = default;
        Span<byte> hash = stackalloc byte[SHA512.HashSizeInBytes];
        var lower = algorithm.ToLowerInvariant();
        if (lower.Length is 0 or > 16 || !TryDecode(value, hash, out var length))
            return false;
        if (HashLength(lower) is var expected && expected != 0 && expected != length)
            return false;
        fingerprint = new CertificateFingerprint(lower, value.ToUpperInvariant());
        return true;
    }

    /// <summary>The SHA-256 fingerprint of a DER-encoded certificate.</summary>
    public static CertificateFingerprint Compute(ReadOnlySpan<byte> certificate) => Compute("sha-256", certificate);

    /// <summary>Whether a DER-encoded certificate has this fingerprint. Compares in fixed time.</summary>
    public bool Matches(ReadOnlySpan<byte> certificate)
    {
        if (!IsSupported)
            return false;
        Span<byte> expected = stackalloc byte[SHA512.HashSizeInBytes];
        Span<byte> actual = stackalloc byte[SHA512.HashSizeInBytes];
        return TryDecode(Value, expected, out var length)
            && CryptographicOperations.FixedTimeEquals(expected[..length], actual[..Hash(Algorithm, certificate, actual)]);
    }

    /// <summary>The fingerprint of a DER-encoded certificate with a supported algorithm.</summary>
    internal static CertificateFingerprint Compute(string algorithm, ReadOnlySpan<byte> certificate)
    {
        Span<byte> hash = stackalloc byte[SHA512.HashSizeInBytes];
        var hex = Convert.ToHexString(hash[..Hash(algorithm, certificate, hash)]);
        var value = string.Join(':', hex.Chunk(2).Select(pair => new string(pair)));
        return new CertificateFingerprint(algorithm, value);
    }

    /// <summary>The attribute's value: algorithm, space, bytes.</summary>
    public override string ToString() => $"{Algorithm} {Value}";

    private static int HashLength(string algorithm) => algorithm switch
    {
        "sha-256" => SHA256.HashSizeInBytes,
        "sha-384" => SHA384.HashSizeInBytes,
        "sha-512" => SHA512.HashSizeInBytes,
        _ => 0,
    };

    private static int Hash(string algorithm, ReadOnlySpan<byte> data, Span<byte> destination) => algorithm switch
    {
        "sha-256" => SHA256.HashData(data, destination),
        "sha-384" => SHA384.HashData(data, destination),
        "sha-512" => SHA512.HashData(data, destination),
        _ => throw new NotSupportedException($"Hash function {algorithm} is not supported for fingerprints."),
    };

    private static bool TryDecode(ReadOnlySpan<char> value, Span<byte> hash, out int length)
    {
        length = (value.Length + 1) / 3;
        if (value.Length % 3 != 2 || length > hash.Length)
            return false;
        for (var i = 0; i < length; i++)
        {
            if (i > 0 && value[(i * 3) - 1] != ':')
                return false;
            if (!char.IsAsciiHexDigit(value[i * 3]) || !char.IsAsciiHexDigit(value[(i * 3) + 1]))
                return false;
            hash[i] = byte.Parse(value.Slice(i * 3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, provider: null);
        }

        return true;
    }
}
