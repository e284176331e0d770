using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Tls.Crypto;
using BcCertificate = Org.BouncyCastle.Tls.Certificate;

namespace Registry.WebRtc.Dtls;

/// <summary>The self-signed ECDSA P-256 certificate with which a node proves who it is (RFC 8827 §6.5). Shared by all its sessions.</summary>
internal sealed class DtlsCertificate : IDisposable
{
    private readonly Lock signing = new();
    private readonly ECDsa key;

    private DtlsCertificate(ECDsa key, byte[] der, DateTimeOffset notAfter)
    {
        this.key = key;
        Der = der;
        NotAfter = notAfter;
        Fingerprint = CertificateFingerprint.Compute("sha-256", der);
        Chain = new BcCertificate([new ReceivedCertificate(new DtlsCrypto(), der)]);
    }

    /// <summary>SHA-256 fingerprint for the local description.</summary>
    public CertificateFingerprint Fingerprint { get; }

    /// <summary>The certificate, DER-encoded.</summary>
    public byte[] Der { get; }

    /// <summary>End of its validity. Peers check the fingerprint, not the date, but some warn.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>The certificate message both roles send.</summary>
    internal BcCertificate Chain { get; }

    /// <summary>Makes a key and a certificate valid from a day before <paramref name="now"/> (clocks differ) until 30 days after its last handshake.</summary>
    /// <param name="now">The time.</param>
    /// <param name="lifetime">How long handshakes will use it.</param>
    public static DtlsCertificate Create(DateTimeOffset now, TimeSpan lifetime = default)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=WebRTC", key, HashAlgorithmName.SHA256);
        var notAfter = now + lifetime + TimeSpan.FromDays(30);
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), notAfter);
        return new DtlsCertificate(key, certificate.RawData, notAfter);
    }

    /// <summary>Signs a hash; the signature is DER-encoded as TLS wants it (RFC 8422 §5.4). Any thread.</summary>
    internal byte[] SignHash(byte[] hash)
    {
        lock (signing)
            return key.SignHash(hash, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>Releases the private key. Sessions that are still in their handshake fail.</summary>
    public void Dispose()
    {
        lock (signing)
            key.Dispose();
    }
}
