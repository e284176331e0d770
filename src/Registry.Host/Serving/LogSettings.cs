namespace Registry.Host.Serving;

/// <summary>How records are written.</summary>
internal enum LogFormat
{
    /// <summary>For people.</summary>
    Text,
    /// <summary>An object of JSON a line, for programs.</summary>
    Json,
}

/// <summary>What is logged, and how.</summary>
internal sealed record LogSettings
{
    /// <summary>The formats, as the configuration names them.</summary>
    public static readonly (string Text, LogFormat Format)[] FormatNames = [("text", LogFormat.Text), ("json", LogFormat.Json)];

    /// <summary>The levels, as the configuration names them.</summary>
    public static readonly (string Text, LogLevel Level)[] LevelNames =
    [
        ("trace", LogLevel.Trace), ("debug", LogLevel.Debug), ("information", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error), ("critical", LogLevel.Critical),
        ("none", LogLevel.None),
    ];

    // What the frameworks say below warnings is of interest to their makers; hosting repeats what the caller gets as an error; remoting, sharding, joining and the split brain resolver what the
    // cluster's members say of nodes that do not answer; and the handlers of keys what AuthorizationProblems says once.
    private static readonly (string Category, LogLevel Level)[] Framework =
    [
        ("Microsoft", LogLevel.Warning), ("Microsoft.Extensions.Hosting", LogLevel.None),
        ("Registry.Host.Security", LogLevel.Warning),
        ("/system", LogLevel.Warning), ("/system/endpointManager", LogLevel.Error), ("/system/cluster/core/daemon", LogLevel.Error), ("/system/sharding", LogLevel.Error),
        ("Cluster", LogLevel.Warning), ("CoordinatedShutdown", LogLevel.Warning),
        ("remoting", LogLevel.Error), ("remoting-terminator", LogLevel.Warning), ("TcpClientHandler", LogLevel.Warning), ("TcpServerHandler", LogLevel.Warning),
    ];

    public LogFormat Format { get; init; }

    /// <summary>The least level that is logged of categories that <see cref="Levels"/> does not name.</summary>
    public LogLevel Level { get; init; } = LogLevel.Information;

    /// <summary>The least level of some categories and those below them.</summary>
    public IReadOnlyList<(string Category, LogLevel Level)> Levels { get; init; } = [];

    /// <summary>Where it is written to; null for standard error.</summary>
    public TextWriter? Output { get; init; }

    /// <summary>The least level of some categories, those of the frameworks included.</summary>
    public IEnumerable<(string Category, LogLevel Level)> AllLevels => Framework.Where(f => f.Level > Level && Levels.All(l => l.Category != f.Category)).Concat(Levels);

    /// <summary>The least level that an actor may log at.</summary>
    public LogLevel LeastOfActors => Levels.Where(l => !l.Category.StartsWith("Microsoft", StringComparison.Ordinal)).Select(l => l.Level).Append(Level).Min();

    /// <summary>The least level of a source: that of the longest category that it begins with.</summary>
    public LogLevel LevelOf(string source) =>
        AllLevels.Where(l => IsUnder(source, l.Category)).OrderByDescending(l => l.Category.Length).Select(l => (LogLevel?)l.Level).FirstOrDefault() ?? Level;

    private static bool IsUnder(string source, string category) =>
        source.StartsWith(category, StringComparison.Ordinal) && (source.Length == category.Length || source[category.Length] is '.' or '/');
}
