using System.Security.Cryptography;
using Org.BouncyCastle.Asn1;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace Registry.WebRtc.Dtls;

/// <summary>A certificate that keeps the bytes it came in, for its fingerprint, and verifies ECDSA on the platform.</summary>
internal sealed class ReceivedCertificate : BcTlsCertificate
{
    private readonly byte[] encoding;

    public ReceivedCertificate(BcTlsCrypto crypto, byte[] encoding)
        : base(crypto, encoding) => this.encoding = encoding;

    /// <inheritdoc/>
    public override byte[] GetEncoded() => this.encoding;

    /// <inheritdoc/>
    public override TlsVerifier CreateVerifier(short signatureAlgorithm)
    {
        if (signatureAlgorithm != SignatureAlgorithm.ecdsa)
            return base.CreateVerifier(signatureAlgorithm);
        ValidateKeyUsage(Org.BouncyCastle.Asn1.X509.KeyUsage.DigitalSignature);
        return new EcdsaVerifier(SubjectPublicKeyInfo.GetEncoded(Asn1Encodable.Der));
    }

    private sealed class EcdsaVerifier(byte[] publicKeyInfo) : TlsVerifier
    {
        public TlsStreamVerifier? GetStreamVerifier(DigitallySigned digitallySigned) => null;

        public bool VerifyRawSignature(DigitallySigned digitallySigned, byte[] hash)
        {
            if (digitallySigned.Algorithm?.Signature != SignatureAlgorithm.ecdsa)
                throw new TlsFatalAlert(AlertDescription.illegal_parameter, "the signature is not of the certificate's kind");
            try
            {
                using var key = ECDsa.Create();
                key.ImportSubjectPublicKeyInfo(publicKeyInfo, out _);
                return key.VerifyHash(hash, digitallySigned.Signature, DSASignatureFormat.Rfc3279DerSequence);
            }
            catch (CryptographicException error)
            {
                throw new TlsFatalAlert(AlertDescription.unsupported_certificate, "the certificate's ECDSA key cannot be used", error);
            }
        }
    }
}

/// <summary>Signs handshake hashes with the node's key.</summary>
internal sealed class CertificateSigner(DtlsCertificate certificate) : TlsSigner
{
    /// <inheritdoc/>
    public byte[] GenerateRawSignature(SignatureAndHashAlgorithm algorithm, byte[] hash) => certificate.SignHash(hash);

    /// <inheritdoc/>
    public TlsStreamSigner? GetStreamSigner(SignatureAndHashAlgorithm algorithm) => null;
}
