using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Event;

namespace Registry.Actors.Cluster.Membership;

/// <summary>Proves that a node belongs to the cluster, and asks the same of the others.</summary>
internal sealed class ClusterCertificate
{
    private readonly X509Certificate2Collection authorities;

    private ClusterCertificate(X509Certificate2 own, X509Certificate2Collection authorities)
    {
        Own = own;
        this.authorities = authorities;
    }

    public X509Certificate2 Own { get; }

    /// <returns>Null when no file is named.</returns>
    /// <exception cref="Akka.Configuration.ConfigurationException">A file is missing or wrong; the message names its key.</exception>
    public static ClusterCertificate? Load(ClusterTlsOptions tls)
    {
        if (tls is { CertificateFile: null, KeyFile: null, CaFile: null })
            return null;
        var certificate = Read("certificate-file", tls.CertificateFile, pem => X509Certificate2.CreateFromPem(pem));
        var own = Read("key-file", tls.KeyFile, pem => WithKey(certificate, pem));
        var authorities = Read("ca-file", tls.CaFile, pem =>
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPem(pem);
            return found.Count > 0 ? found : throw new CryptographicException("it holds no certificate");
        });
        var loaded = new ClusterCertificate(own, authorities);
        if (loaded.WhyNot(own, null) is { } why)
            throw Wrong("certificate-file", tls.CertificateFile, $"the ca-file's authority did not sign it ({why})", null);
        return loaded;
    }

    /// <summary>Whether a node is let in. What its address is does not matter: nodes move, and are known by their certificates.</summary>
    public bool Accepts(X509Certificate2? certificate, X509Chain? presented, string peer, SslPolicyErrors errors, ILoggingAdapter log)
    {
        var why = certificate is null ? "it showed none" : WhyNot(certificate, presented);
        if (why is not null)
            log.Warning(RefusedPeer.Template, RefusedPeer.NameOf(peer), $"its certificate is not of an authority in registry.cluster.tls.ca-file ({why})");
        return why is null;
    }

    private string? WhyNot(X509Certificate2 certificate, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (presented is not null)
            chain.ChainPolicy.ExtraStore.AddRange(presented.ChainElements.Select(element => element.Certificate).ToArray());
        return chain.Build(certificate) ? null : string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation));
    }

    private static X509Certificate2 WithKey(X509Certificate2 certificate, string keyPem)
    {
        using var pair = X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), keyPem);
        // Not every platform's TLS takes a key that never was in a key store.
        return X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
    }

    private static T Read<T>(string key, string? file, Func<string, T> parse)
    {
        if (file is null)
            throw SettingReader.Wrong($"registry.cluster.tls.{key}", "the path of a PEM file, because another file of registry.cluster.tls is set", null);
        try
        {
            return parse(File.ReadAllText(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw Wrong(key, file, e.Message, e);
        }
    }

    private static SettingException Wrong(string key, string? file, string why, Exception? cause) =>
        new($"registry.cluster.tls.{key}", $"registry.cluster.tls.{key}: '{file}' cannot be used: {why.ReplaceLineEndings(" ").TrimEnd('.')}.", cause);
}
