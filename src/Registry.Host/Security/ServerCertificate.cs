using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Registry.Host.Cli;

namespace Registry.Host.Security;

/// <summary>The certificate of the HTTP interface, from PEM files that can be read again: connections from then on get the new one.</summary>
internal sealed class ServerCertificate
{
    private readonly string certificateFile;
    private readonly string keyFile;
    private volatile SslStreamCertificateContext current;

    /// <exception cref="CommandException">A file cannot be read or is of no use.</exception>
    public ServerCertificate(string certificateFile, string keyFile)
    {
        (this.certificateFile, this.keyFile) = (certificateFile, keyFile);
        current = Read();
    }

    /// <summary>The certificate and those of the authorities between it and one that clients know.</summary>
    public SslStreamCertificateContext Current => current;

    /// <summary>Reads the files again.</summary>
    /// <exception cref="CommandException">A file cannot be read or is of no use; the certificate stays as it was.</exception>
    public void Reload() => current = Read();

    private SslStreamCertificateContext Read()
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificateFile);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw CommandException.Usage($"registry.http.tls: {certificateFile} and {keyFile} are not a certificate and its key in PEM: {e.Message}");
        }
    }
}
