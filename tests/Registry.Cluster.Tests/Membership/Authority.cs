using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Registry.Cluster.Tests.Membership;

/// <summary>An authority whose files are gone with it.</summary>
internal sealed class Authority : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("registry-");
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 own;

    public Authority(string name)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        own = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        File = Write("ca.pem", own.ExportCertificatePem());
    }

    public string File { get; }

    /// <summary>Makes a certificate.</summary>
    /// <returns>The options of <c>serve</c> that use it.</returns>
    public string[] Issue(string name)
    {
        using var nodeKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", nodeKey, HashAlgorithmName.SHA256);
        using var certificate = request.Create(own, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1), Guid.NewGuid().ToByteArray());
        return
        [
            "--set", $"registry.cluster.tls.certificate-file={Write($"{name}.pem", certificate.ExportCertificatePem())}",
            "--set", $"registry.cluster.tls.key-file={Write($"{name}.key", nodeKey.ExportPkcs8PrivateKeyPem())}",
            "--set", $"registry.cluster.tls.ca-file={File}",
        ];
    }

    public string WriteNonsense() => Write("nonsense.pem", "nonsense");

    public void Dispose()
    {
        own.Dispose();
        key.Dispose();
        folder.Delete(recursive: true);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(folder.FullName, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }
}
