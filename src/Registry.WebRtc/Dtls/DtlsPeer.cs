using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;

namespace Registry.WebRtc.Dtls;

/// <summary>What both roles have in common: suites, signature algorithms, the local credentials and the check of the peer's certificate.</summary>
internal sealed class DtlsCredentials(DtlsCertificate certificate, IReadOnlyList<CertificateFingerprint> expected)
{
    /// <summary>Suites for the node's own ECDSA certificate; AES-128 first because it is the fastest that everybody has.</summary>
    public static readonly int[] EcdsaSuites =
    [
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ];

    /// <summary>A client also meets servers that have an RSA certificate.</summary>
    public static readonly int[] ClientSuites =
    [
        .. EcdsaSuites,
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];

    /// <summary>IANA's name of one of the suites.</summary>
    public static string NameOf(int suite) => suite switch
    {
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => nameof(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => nameof(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => nameof(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => nameof(CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        _ => $"0x{suite:X4}",
    };

    /// <summary>
    /// X25519 first: BouncyCastle takes 145 µs for it, OpenSSL 3.0 as the platform calls it 345 µs for P-256, for it checks the peer's point twice.
    /// </summary>
    public static readonly int[] Groups = [NamedGroup.x25519, NamedGroup.secp256r1];

    private static readonly SignatureAndHashAlgorithm EcdsaSha256 = new(HashAlgorithm.sha256, SignatureAlgorithm.ecdsa);

    /// <summary>Signatures accepted from a peer. SHA-256 and SHA-384 only: each further hash is one more over the whole transcript.</summary>
    public static List<SignatureAndHashAlgorithm> SignatureAlgorithms =>
    [
        EcdsaSha256,
        new(HashAlgorithm.sha384, SignatureAlgorithm.ecdsa),
        SignatureAndHashAlgorithm.rsa_pss_rsae_sha256,
        new(HashAlgorithm.sha256, SignatureAlgorithm.rsa),
        new(HashAlgorithm.sha384, SignatureAlgorithm.rsa),
    ];

    /// <summary>
    /// What use_srtp (RFC 5764 §4.1.1) agrees on: the profile that everybody has (RFC 8827 §6.5), no key identifier. No media
    /// is ever sent, but WebRTC stacks offer it for data channels too, and werift takes a handshake without it for failed.
    /// </summary>
    public static UseSrtpData Srtp => new([SrtpProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80], []);

    /// <summary>Why the peer's certificate was refused; null as long as it was not.</summary>
    public string? Mismatch { get; private set; }

    /// <summary>The fingerprint that the peer's certificate has; null before it came.</summary>
    public CertificateFingerprint? Verified { get; private set; }

    /// <summary>The node's signer for this handshake.</summary>
    public TlsCredentialedSigner CreateSigner(TlsContext context) =>
        new DefaultTlsCredentialedSigner(new TlsCryptoParameters(context), new CertificateSigner(certificate), certificate.Chain, EcdsaSha256);

    /// <summary>Verifies that the peer's certificate is the one its description promised (RFC 8122 §6.2).</summary>
    /// <exception cref="TlsFatalAlert">It is another one, or there is none.</exception>
    public void Verify(Certificate? chain)
    {
        if (chain is null || chain.IsEmpty)
            throw new TlsFatalAlert(AlertDescription.handshake_failure, "the peer sent no certificate");
        var der = chain.GetCertificateAt(0).GetEncoded();
        foreach (var fingerprint in expected)
        {
            if (!fingerprint.Matches(der))
                continue;
            Verified = fingerprint;
            return;
        }

        Mismatch = Describe(der);
        throw new TlsFatalAlert(AlertDescription.bad_certificate, Mismatch);
    }

    private string Describe(byte[] der)
    {
        if (expected.Count == 0)
            return "the peer's description promised no certificate";
        var promised = expected[0];
        var actual = CertificateFingerprint.Compute(promised.Algorithm, der);
        return $"the peer's certificate has the {promised.Algorithm} fingerprint {Start(actual)}…, its description promised {Start(promised)}…";
    }

    private static string Start(CertificateFingerprint fingerprint) => fingerprint.Value[..Math.Min(11, fingerprint.Value.Length)];
}

/// <summary>The client role (a=setup:active).</summary>
internal sealed class DtlsClientPeer(DtlsCrypto crypto, DtlsCredentials credentials, int retransmitMilliseconds)
    : AbstractTlsClient(crypto), TlsAuthentication
{
    /// <inheritdoc/>
    public override int GetHandshakeResendTimeMillis() => retransmitMilliseconds;

    /// <inheritdoc/>
    public override int GetMaxHandshakeMessageSize() => DtlsHandshake.MaxMessageSize;

    /// <inheritdoc/>
    public override TlsAuthentication GetAuthentication() => this;

    // Trust rests on the fingerprint alone, so the signature inside a self-signed certificate says nothing (RFC 8827 §6.5).
    /// <inheritdoc/>
    public override bool ShouldCheckSigAlgOfPeerCerts() => false;

    /// <inheritdoc/>
    public override void NotifySecureRenegotiation(bool secureRenegotiation)
    {
        // RFC 5746 guards renegotiation, which this stack never does; some peers leave the extension out.
    }

    /// <inheritdoc/>
    public override IDictionary<int, byte[]> GetClientExtensions()
    {
        var extensions = base.GetClientExtensions();
        TlsSrtpUtilities.AddUseSrtpExtension(extensions, DtlsCredentials.Srtp);
        return extensions;
    }

    /// <inheritdoc/>
    public void NotifyServerCertificate(TlsServerCertificate serverCertificate) => credentials.Verify(serverCertificate.Certificate);

    /// <inheritdoc/>
    public TlsCredentials GetClientCredentials(CertificateRequest certificateRequest) => credentials.CreateSigner(m_context);

    /// <inheritdoc/>
    protected override ProtocolVersion[] GetSupportedVersions() => ProtocolVersion.DTLSv12.Only();

    /// <inheritdoc/>
    protected override int[] GetSupportedCipherSuites() => DtlsCredentials.ClientSuites;

    /// <inheritdoc/>
    protected override IList<int> GetSupportedGroups(IList<int> namedGroupRoles) => DtlsCredentials.Groups;

    /// <inheritdoc/>
    protected override IList<SignatureAndHashAlgorithm> GetSupportedSignatureAlgorithms() => DtlsCredentials.SignatureAlgorithms;

    /// <inheritdoc/>
    protected override CertificateStatusRequest? GetCertificateStatusRequest() => null;
}

/// <summary>The server role (a=setup:passive). It always asks for the client's certificate.</summary>
internal sealed class DtlsServerPeer(DtlsCrypto crypto, DtlsCredentials credentials, int retransmitMilliseconds)
    : AbstractTlsServer(crypto)
{
    private bool clientOffersSrtp;

    /// <inheritdoc/>
    public override int GetHandshakeResendTimeMillis() => retransmitMilliseconds;

    /// <inheritdoc/>
    public override int GetMaxHandshakeMessageSize() => DtlsHandshake.MaxMessageSize;

    /// <inheritdoc/>
    public override bool ShouldCheckSigAlgOfPeerCerts() => false;

    /// <inheritdoc/>
    public override void NotifySecureRenegotiation(bool secureRenegotiation)
    {
        // As in the client: there is no renegotiation to secure.
    }

    /// <inheritdoc/>
    public override void ProcessClientExtensions(IDictionary<int, byte[]> clientExtensions)
    {
        base.ProcessClientExtensions(clientExtensions);
        var offered = TlsSrtpUtilities.GetUseSrtpExtension(clientExtensions)?.ProtectionProfiles ?? [];
        clientOffersSrtp = offered.Contains(SrtpProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80);
    }

    /// <inheritdoc/>
    public override IDictionary<int, byte[]> GetServerExtensions()
    {
        var extensions = base.GetServerExtensions();
        if (clientOffersSrtp)
            TlsSrtpUtilities.AddUseSrtpExtension(extensions, DtlsCredentials.Srtp);
        return extensions;
    }

    /// <inheritdoc/>
    public override TlsCredentials GetCredentials() => credentials.CreateSigner(m_context);

    /// <inheritdoc/>
    public override CertificateRequest GetCertificateRequest() =>
        new([ClientCertificateType.ecdsa_sign, ClientCertificateType.rsa_sign], DtlsCredentials.SignatureAlgorithms, null);

    /// <inheritdoc/>
    public override void NotifyClientCertificate(Certificate clientCertificate) => credentials.Verify(clientCertificate);

    /// <inheritdoc/>
    protected override ProtocolVersion[] GetSupportedVersions() => ProtocolVersion.DTLSv12.Only();

    /// <inheritdoc/>
    protected override int[] GetSupportedCipherSuites() => DtlsCredentials.EcdsaSuites;

    /// <inheritdoc/>
    protected override bool PreferLocalCipherSuites() => true;

    /// <inheritdoc/>
    protected override int SelectECDH(int minimumCurveBits)
    {
        var offered = m_context.SecurityParameters.ClientSupportedGroups;
        return offered is null ? NamedGroup.secp256r1 : DtlsCredentials.Groups.FirstOrDefault(group => offered.Contains(group), -1);
    }
}
