using Akka.Configuration;
using Registry.Host.Audit;
using Registry.Host.Security;

namespace Registry.Host.Serving.Settings;

/// <summary>The files and folders that settings name, as a gateway would use them.</summary>
internal static class NamedFiles
{
    /// <summary>All that is wrong with them; of a section that is wrong itself, nothing.</summary>
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
        return faults.Concat(Section(() => AuditSettings.From(config))?.FolderFaults ?? []);
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
