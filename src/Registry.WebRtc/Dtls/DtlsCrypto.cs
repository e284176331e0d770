using System.Buffers;
using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Prng;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace Registry.WebRtc.Dtls;

/// <summary>
/// BouncyCastle's cryptography with the costly parts taken from the platform: P-256 key agreement, ECDSA, AES-GCM, hashes and
/// random numbers. What is left to BouncyCastle: X25519 and RSA signatures. One instance per handshake.
/// </summary>
internal sealed class DtlsCrypto() : BcTlsCrypto(PlatformRandom)
{
    private static readonly SecureRandom PlatformRandom = new(new PlatformRandomGenerator());

    /// <summary>The cipher of epoch 1, once the handshake has derived its keys.</summary>
    public DtlsRecordCipher? RecordCipher { get; private set; }

    /// <summary>IANA's name of the suite of <see cref="RecordCipher"/>.</summary>
    public string? CipherSuiteName { get; private set; }

    /// <inheritdoc/>
    public override TlsCipher CreateCipher(TlsCryptoParameters cryptoParams, int encryptionAlgorithm, int macAlgorithm)
    {
        var keyLength = encryptionAlgorithm switch
        {
            EncryptionAlgorithm.AES_128_GCM => 16,
            EncryptionAlgorithm.AES_256_GCM => 32,
            _ => throw new TlsFatalAlert(AlertDescription.internal_error),
        };
        CipherSuiteName = DtlsCredentials.NameOf(cryptoParams.SecurityParameters.CipherSuite);
        return RecordCipher = new DtlsRecordCipher(cryptoParams, keyLength);
    }

    /// <inheritdoc/>
    public override TlsECDomain CreateECDomain(TlsECConfig ecConfig) =>
        ecConfig.NamedGroup == NamedGroup.secp256r1 ? new P256Agreement(this) : base.CreateECDomain(ecConfig);

    /// <inheritdoc/>
    public override TlsCertificate CreateCertificate(short type, byte[] encoding) =>
        type == CertificateType.X509 ? new ReceivedCertificate(this, encoding) : throw new TlsFatalAlert(AlertDescription.unsupported_certificate);

    /// <inheritdoc/>
    public override TlsSecret CreateSecret(byte[] data) => new PlatformSecret(this, data);

    /// <inheritdoc/>
    public override TlsHash CreateHash(int cryptoHashAlgorithm) => new PlatformHash(HashName(cryptoHashAlgorithm));

    /// <inheritdoc/>
    public override TlsNonceGenerator CreateNonceGenerator(byte[] additionalSeedMaterial) => new PlatformNonceGenerator();

    /// <inheritdoc/>
    public override TlsNonceGenerator CreateNonceGenerator(ReadOnlySpan<byte> additionalSeedMaterial) => new PlatformNonceGenerator();

    /// <summary>The platform's name of one of the two hash functions that are offered.</summary>
    internal static HashAlgorithmName HashName(int cryptoHashAlgorithm) => cryptoHashAlgorithm switch
    {
        CryptoHashAlgorithm.sha256 => HashAlgorithmName.SHA256,
        CryptoHashAlgorithm.sha384 => HashAlgorithmName.SHA384,
        _ => throw new TlsFatalAlert(AlertDescription.internal_error),
    };

    private sealed class PlatformNonceGenerator : TlsNonceGenerator
    {
        public byte[] GenerateNonce(int size) => RandomNumberGenerator.GetBytes(size);
    }

    private sealed class PlatformRandomGenerator : IRandomGenerator
    {
        public void AddSeedMaterial(byte[] seed)
        {
            // The platform's generator seeds itself.
        }

        public void AddSeedMaterial(ReadOnlySpan<byte> seed)
        {
            // The platform's generator seeds itself.
        }

        public void AddSeedMaterial(long seed)
        {
            // The platform's generator seeds itself.
        }

        public void NextBytes(byte[] bytes) => RandomNumberGenerator.Fill(bytes);

        public void NextBytes(byte[] bytes, int start, int len) => RandomNumberGenerator.Fill(bytes.AsSpan(start, len));

        public void NextBytes(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
    }
}

/// <summary>A premaster or master secret whose PRF (RFC 5246 §5) runs on the platform's HMAC.</summary>
internal sealed class PlatformSecret(BcTlsCrypto crypto, byte[] data) : BcTlsSecret(crypto, data)
{
    /// <inheritdoc/>
    public override TlsSecret DeriveUsingPrf(int prfAlgorithm, string label, byte[] seed, int length) =>
        DeriveUsingPrf(prfAlgorithm, label.AsSpan(), seed.AsSpan(), length);

    /// <inheritdoc/>
    public override TlsSecret DeriveUsingPrf(int prfAlgorithm, ReadOnlySpan<char> label, ReadOnlySpan<byte> seed, int length)
    {
        CheckAlive();
        return new PlatformSecret(m_crypto, Prf(prfAlgorithm, label, seed, length));
    }

    /// <inheritdoc/>
    protected override void HmacHash(int cryptoHashAlgorithm, byte[] secret, int secretOff, int secretLen, byte[] seed, byte[] output)
    {
        using var hmac = IncrementalHash.CreateHMAC(DtlsCrypto.HashName(cryptoHashAlgorithm), secret.AsSpan(secretOff, secretLen));
        Span<byte> a = stackalloc byte[hmac.HashLengthInBytes];
        Span<byte> block = stackalloc byte[hmac.HashLengthInBytes];
        hmac.AppendData(seed);
        hmac.GetHashAndReset(a);
        for (var rest = output.AsSpan(); !rest.IsEmpty; rest = rest[Math.Min(rest.Length, block.Length)..])
        {
            hmac.AppendData(a);
            hmac.AppendData(seed);
            hmac.GetHashAndReset(block);
            block[..Math.Min(rest.Length, block.Length)].CopyTo(rest);
            hmac.AppendData(a);
            hmac.GetHashAndReset(a);
        }
    }
}

/// <summary>
/// A hash over a handshake's few kilobytes. Keeps them and hashes at the end: BouncyCastle copies running hashes but never disposes of
/// them, and the platform's are native objects.
/// </summary>
internal sealed class PlatformHash(HashAlgorithmName algorithm) : TlsHash
{
    private readonly ArrayBufferWriter<byte> input = new(2048);

    /// <inheritdoc/>
    public void Update(byte[] input, int inOff, int length) => this.input.Write(input.AsSpan(inOff, length));

    /// <inheritdoc/>
    public void Update(ReadOnlySpan<byte> input) => this.input.Write(input);

    /// <inheritdoc/>
    public byte[] CalculateHash()
    {
        var hash = CryptographicOperations.HashData(algorithm, this.input.WrittenSpan);
        Reset();
        return hash;
    }

    /// <inheritdoc/>
    public TlsHash CloneHash()
    {
        var clone = new PlatformHash(algorithm);
        clone.Update(this.input.WrittenSpan);
        return clone;
    }

    /// <inheritdoc/>
    public void Reset() => this.input.ResetWrittenCount();
}

/// <summary>Ephemeral P-256 Diffie-Hellman (RFC 8422 §5.10) on the platform.</summary>
internal sealed class P256Agreement(DtlsCrypto crypto) : TlsECDomain, TlsAgreement
{
    private const int FieldLength = 32;
    private const byte UncompressedPoint = 4;
    private ECDiffieHellman? local;
    private ECParameters peer;

    /// <inheritdoc/>
    public TlsAgreement CreateECDH() => this;

    /// <inheritdoc/>
    public byte[] GenerateEphemeral()
    {
        this.local = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var point = this.local.ExportParameters(includePrivateParameters: false).Q;
        return [UncompressedPoint, .. point.X!, .. point.Y!];
    }

    /// <inheritdoc/>
    public void ReceivePeerValue(byte[] peerValue)
    {
        if (peerValue.Length != 1 + (2 * FieldLength) || peerValue[0] != UncompressedPoint)
            throw new TlsFatalAlert(AlertDescription.illegal_parameter, "the ECDHE share is not an uncompressed P-256 point");
        this.peer = new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = peerValue[1..(1 + FieldLength)], Y = peerValue[(1 + FieldLength)..] },
        };
    }

    /// <inheritdoc/>
    public TlsSecret CalculateSecret()
    {
        try
        {
            using var local = this.local ?? throw new TlsFatalAlert(AlertDescription.internal_error);
            using var peer = ECDiffieHellman.Create(this.peer);
            using var peerKey = peer.PublicKey;
            return crypto.CreateSecret(local.DeriveRawSecretAgreement(peerKey));
        }
        catch (CryptographicException error)
        {
            throw new TlsFatalAlert(AlertDescription.illegal_parameter, "the ECDHE share is not a point of P-256", error);
        }
    }
}
