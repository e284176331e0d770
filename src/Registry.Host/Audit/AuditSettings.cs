using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Security;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Audit;

/// <summary>What happens when the audit cannot be written.</summary>
internal enum AuditMode
{
    /// <summary>There is none.</summary>
    Off,
    /// <summary>Everything goes on, and what was lost is counted.</summary>
    BestEffort,
    /// <summary>Nothing begins that is not recorded.</summary>
    Strict,
}

/// <summary>The section <c>registry.audit</c>, checked.</summary>
internal sealed record AuditSettings
{
    private AuditSettings() { }

    public AuditMode Mode { get; private init; }

    /// <summary>File of JSON lines; null for none.</summary>
    public string? File { get; private init; }

    /// <summary>Bytes after which another file is begun.</summary>
    public long MaxFileSize { get; private init; }

    /// <summary>Earlier files that are kept.</summary>
    public int MaxFiles { get; private init; }

    /// <summary>SQLite database; null for none.</summary>
    public string? Database { get; private init; }

    /// <summary>Records that the database keeps.</summary>
    public int MaxRecords { get; private init; }

    /// <summary>Records that may wait to be written.</summary>
    public int Queue { get; private init; }

    /// <summary>Whether anything is recorded.</summary>
    public bool IsOn => Mode != AuditMode.Off && (File is not null || Database is not null);

    /// <summary>Time from one attempt to the next while a store cannot be written.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Folders that are missing, or stand where a file is to be.</summary>
    public IEnumerable<SettingFault> FolderFaults =>
        from store in new[] { (Key: "registry.audit.file.path", Path: File), (Key: "registry.audit.database.path", Path: Database) }
        where Mode != AuditMode.Off && store.Path is not null
        let folder = Path.GetDirectoryName(Path.GetFullPath(store.Path))
        let fault = Directory.Exists(store.Path) ? $"'{store.Path}' is a folder. Set it to the path of a file, such as {Path.Combine(store.Path, "audit")}."
            : Directory.Exists(folder) ? null
            : $"the folder of '{store.Path}' does not exist. Make it, for the gateway's user to write to: mkdir -p {folder}"
        where fault is not null
        select new SettingFault(store.Key, $"{store.Key}: {fault}");

    /// <summary>Reads the section, with the defaults behind it.</summary>
    /// <exception cref="ConfigurationException">A value is of no use; the message names its key.</exception>
    public static AuditSettings From(Config config)
    {
        var reader = new SettingReader(config.WithFallback(SecuritySettings.Default));
        var settings = new AuditSettings
        {
            Mode = reader.Choice("audit.mode", ("off", AuditMode.Off), ("best-effort", AuditMode.BestEffort), ("strict", AuditMode.Strict)),
            File = reader.TextOrOff("audit.file.path"),
            MaxFileSize = reader.Bytes("audit.file.max-size", 64 * 1024),
            MaxFiles = reader.Integer("audit.file.max-files", 1, 1000),
            Database = reader.TextOrOff("audit.database.path"),
            MaxRecords = reader.Integer("audit.database.max-records", 1000),
            Queue = reader.Integer("audit.queue", 1000),
        };
        return settings is { Mode: AuditMode.Strict, File: null, Database: null }
            ? throw SettingReader.Wrong("registry.audit.mode", "off or best-effort where there is neither registry.audit.file.path nor registry.audit.database.path", null)
            : settings;
    }
}
