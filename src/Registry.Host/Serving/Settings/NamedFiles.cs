using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Security;

namespace Registry.Host.Serving.Settings;

/// <summary>The files and folders that settings name, as a gateway would use them.</summary>
internal static class NamedFiles
{
    private static readonly string[] ClusterFiles = ["certificate-file", "key-file", "ca-file"];

    /// <summary>All that is wrong with them; of a section that cannot be read, nothing.</summary>
    public static IEnumerable<SettingFault> FaultsOf(Config config)
    {
        var security = Section(() => SecuritySettings.From(config));
        List<SettingFault> faults = [];
        if (security?.ApiKeysFile is { } keys)
            faults.AddRange(FaultsOf(() => _ = new ApiKeys(keys)));
        if (security?.Jwt?.KeysFile is { } jwtKeys)
            faults.AddRange(FaultsOf(() => _ = new JwtKeys(jwtKeys)));
        if (security is { Certificate: { } certificate, CertificateKey: { } key })
            faults.AddRange(FaultsOf(() => _ = new ServerCertificate(certificate, key)));
        if (security?.TokenKeys is { } tokenKeys)
            faults.AddRange(FaultsOf(() => TokenKeyFolder.Check(tokenKeys)));
        return [.. faults, .. Section(() => AuditSettings.From(config))?.FolderFaults ?? [], .. Section(() => ClusterFaults(new(config.WithFallback(TubeRegistryClusterOptions.Default)))) ?? []];
    }

    // The cluster's own options end at the first file that is missing, and at the first that is not named beside another.
    private static List<SettingFault> ClusterFaults(SettingReader reader)
    {
        var files = ClusterFiles.Select(name => (Key: $"registry.cluster.tls.{name}", Path: reader.TextOrOff($"cluster.tls.{name}"))).ToArray();
        if (!reader.Boolean("cluster.enabled") || Array.TrueForAll(files, file => file.Path is null))
            return [];
        return [.. files.Select(file => (file.Key, Why: file.Path is null ? $"{file.Key} must be the path of a PEM file, because another file of registry.cluster.tls is set." : WhyUnreadable(file.Key, file.Path)))
            .Where(file => file.Why is not null).Select(file => new SettingFault(file.Key, file.Why!))];
    }

    private static string? WhyUnreadable(string key, string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{key}: '{path}' cannot be used: {e.Message.TrimEnd('.')}.";
        }
    }

    private static T? Section<T>(Func<T> read) where T : class
    {
        try
        {
            return read();
        }
        catch (ConfigurationException)
        {
            return null;
        }
    }

    private static IReadOnlyList<SettingFault> FaultsOf(Action read)
    {
        try
        {
            read();
            return [];
        }
        catch (SettingsException e)
        {
            return e.Faults;
        }
    }
}
