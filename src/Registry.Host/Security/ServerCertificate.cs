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
    private volatile SslStreamCertificateContext current;

    /// <exception cref="CommandException">A file cannot be read or is of no use.</exception>
    public ServerCertificate(string certificateFile, string keyFile) => current = Read(certificateFile, keyFile);

    /// <summary>The certificate and those of the authorities between it and one that clients know.</summary>
    public SslStreamCertificateContext Current => current;

    public PreparedReload Prepare(GatewayOptions read)
    {
        if (read.Security is not { Certificate: { } certificateFile, CertificateKey: { } keyFile })
            return PreparedReload.None;
        var again = Read(certificateFile, keyFile);
        return PreparedReload.Of(["registry.http.tls.certificate", "registry.http.tls.key"], () =>
        {
            current = again;
            return $"The certificate read again holds until {again.TargetCertificate.NotAfter.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ}.";
        });
    }

    private static SslStreamCertificateContext Read(string certificateFile, string keyFile)
    {
        var missing = new[] { (Key: "registry.http.tls.certificate", File: certificateFile, What: "certificate"), (Key: "registry.http.tls.key", File: keyFile, What: "key") }
            .Where(named => !File.Exists(named.File))
            .Select(named => new SettingFault(named.Key, $"{named.Key}: '{named.File}' does not exist. Set it to the PEM file of the {named.What}, from the root or from the folder that the gateway is started in."))
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
