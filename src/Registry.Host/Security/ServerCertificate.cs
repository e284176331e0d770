using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Serving.Reload;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Security;

/// <summary>The certificate of the HTTP interface, from PEM files that can be read again: connections from then on get the new one.</summary>
internal sealed class ServerCertificate : IReloadable
{
    private const string CertificateKey = "registry.http.tls.certificate";

    private volatile SslStreamCertificateContext current;

    /// <exception cref="CommandException">A file cannot be read or is of no use.</exception>
    public ServerCertificate(string certificateFile, string keyFile) => current = Read(certificateFile, keyFile);

    /// <summary>The certificate and those of the authorities between it and one that clients know.</summary>
    public SslStreamCertificateContext Current => current;

    /// <summary>Why clients refuse it now; null when its dates are no reason. A gateway serves with it all the same: the clock may be wrong, and it can be renewed while it runs.</summary>
    public string? Remark => WhyRefused(current.TargetCertificate);

    public PreparedReload Prepare(GatewayOptions read)
    {
        if (read.Security is not { Certificate: { } certificateFile, CertificateKey: { } keyFile })
            return PreparedReload.None;
        var again = Read(certificateFile, keyFile);
        if (again.TargetCertificate.Thumbprint != current.TargetCertificate.Thumbprint && WhyRefused(again.TargetCertificate) is { } why)
            throw new SettingsException(CertificateKey, why);
        return PreparedReload.Of([CertificateKey, "registry.http.tls.key"], () =>
        {
            current = again;
            return $"The certificate read again holds until {again.TargetCertificate.NotAfter.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ}.";
        });
    }

    private static string? WhyRefused(X509Certificate2 certificate)
    {
        var (from, until, now) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime(), DateTime.UtcNow);
        return now > until ? $"{CertificateKey}: the certificate expired at {until:yyyy-MM-ddTHH:mm:ssZ}: clients refuse it. Put a new one in its place, and 'registry reload'."
            : now < from ? $"{CertificateKey}: the certificate is not valid before {from:yyyy-MM-ddTHH:mm:ssZ}: clients refuse it until then. Is this machine's clock right?"
            : null;
    }

    private static SslStreamCertificateContext Read(string certificateFile, string keyFile)
    {
        var missing = new[] { (Key: CertificateKey, File: certificateFile, What: "certificate"), (Key: "registry.http.tls.key", File: keyFile, What: "key") }
            .Where(named => !File.Exists(named.File))
            .Select(named => new SettingFault(named.Key, $"{named.Key}: '{Path.GetFullPath(named.File)}' does not exist. Set it to the PEM file of the {named.What}; a relative path counts from the folder that the gateway is started in."))
            .ToArray();
        if (missing.Length > 0)
            throw new SettingsException(missing);
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificateFile);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new SettingsException("registry.http.tls", $"registry.http.tls: '{certificateFile}' and '{keyFile}' are not a certificate and its key in PEM: {e.Message}");
        }
    }
}
