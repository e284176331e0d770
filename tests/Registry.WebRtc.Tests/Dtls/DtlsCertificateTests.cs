using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Tls;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

public sealed class DtlsCertificateTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 17, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void It_is_self_signed_on_P256_and_valid_from_yesterday_for_thirty_days()
    {
        using var certificate = DtlsCertificate.Create(Now);
        using var parsed = X509CertificateLoader.LoadCertificate(certificate.Der);

        parsed.Subject.ShouldBe(parsed.Issuer);
        parsed.GetECDsaPublicKey()!.ExportParameters(includePrivateParameters: false).Curve.Oid.Value.ShouldBe("1.2.840.10045.3.1.7");
        parsed.NotBefore.ToUniversalTime().ShouldBe(Now.AddDays(-1).UtcDateTime);
        parsed.NotAfter.ToUniversalTime().ShouldBe(Now.AddDays(30).UtcDateTime);
        certificate.NotAfter.ShouldBe(Now.AddDays(30));
    }

    [Fact]
    public void Two_certificates_share_neither_fingerprint_nor_key()
    {
        using var one = DtlsCertificate.Create(Now);
        using var other = DtlsCertificate.Create(Now);

        one.Fingerprint.ShouldNotBe(other.Fingerprint);
        one.Fingerprint.Matches(one.Der).ShouldBeTrue();
        one.Fingerprint.Matches(other.Der).ShouldBeFalse();
    }

    [Theory]
    [InlineData("sha-256")]
    [InlineData("sha-384")]
    [InlineData("sha-512")]
    public void A_fingerprint_matches_its_certificate_and_no_other_octets(string algorithm)
    {
        byte[] der = [1, 2, 3, 4];
        var computed = CertificateFingerprint.Compute(algorithm, der);
        CertificateFingerprint.TryParse(computed.ToString(), out var parsed, out _).ShouldBeTrue();

        parsed.ShouldBe(computed);
        parsed.Matches(der).ShouldBeTrue();
        parsed.Matches([1, 2, 3, 5]).ShouldBeFalse();
    }

    [Fact]
    public void The_fingerprint_is_the_hash_in_colon_separated_upper_case_octets()
    {
        using var certificate = DtlsCertificate.Create(Now);

        certificate.Fingerprint.Algorithm.ShouldBe("sha-256");
        certificate.Fingerprint.Value.ShouldBe(BitConverter.ToString(SHA256.HashData(certificate.Der)).Replace('-', ':'));
    }

    [Fact]
    public void A_peer_without_a_certificate_is_refused()
    {
        using var certificate = DtlsCertificate.Create(Now);
        var credentials = new DtlsCredentials(certificate, [certificate.Fingerprint]);

        var alert = Should.Throw<TlsFatalAlert>(() => credentials.Verify(Certificate.EmptyChain));

        alert.AlertDescription.ShouldBe(AlertDescription.handshake_failure);
        alert.Message.ShouldContain("no certificate");
    }
}
