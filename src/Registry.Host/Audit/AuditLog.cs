using System.Diagnostics.Metrics;
using Registry.Actors;
using Registry.Actors.Audit;
using Registry.Host.Cli;
using Registry.Host.Serving.Settings;
using Registry.Messages;

namespace Registry.Host.Audit;

/// <summary>The audit of a gateway: its stores, each with a writer.</summary>
internal sealed class AuditLog : IAuditSink, IAsyncDisposable
{
    // What connections still have to say once their tubes have ended takes a moment; what does not come by then is found at the next start.
    private static readonly TimeSpan PatienceForEnds = TimeSpan.FromSeconds(5);

    private readonly List<AuditWriter> writers = [];
    private readonly List<FileStream> locks = [];
    private readonly Meter meter = new(TubeRegistryMetrics.MeterName);
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int open;
    private int refused;
    private volatile bool isStopping;

    private AuditLog(AuditMode mode)
    {
        Mode = mode;
        Observe("registry.audit.records", "Audit records written, by store.", state => state.Written);
        Observe("registry.audit.lost", "Audit records that could not be written and are lost, by store; stays 0.", state => state.Lost);
        Observe("registry.audit.failures", "Attempts to write audit records that failed, by store.", state => state.Failures);
    }

    public AuditMode Mode { get; }

    /// <summary>Reads the database; null when there is none.</summary>
    public AuditReader? Reader { get; private init; }

    public IReadOnlyList<AuditWriterState> Stores => [.. writers.Select(writer => writer.State)];

    public bool IsAvailable => writers.TrueForAll(writer => writer.IsAvailable);

    /// <summary>Opens the stores, and writes the ends that a run before this one did not.</summary>
    /// <param name="settings">Which, and how.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Told when a store fails.</param>
    /// <exception cref="CommandException">A store is of no use, or another gateway's.</exception>
    public static AuditLog Open(AuditSettings settings, TimeProvider time, ILogger<AuditLog> log)
    {
        if (settings.Mode == AuditMode.Off)
            return new(AuditMode.Off);
        if (settings.FolderFaults.ToArray() is { Length: > 0 } faults)
            throw new SettingsException(faults);
        var isStrict = settings.Mode == AuditMode.Strict;
        var audit = new AuditLog(settings.Mode) { Reader = settings.Database is { } database ? new(database) : null };
        try
        {
            if (settings.File is { } file)
                audit.Add(new AuditFile(file, settings.MaxFileSize, settings.MaxFiles, isStrict), "registry.audit.file.path", file, settings, time, log);
            if (settings.Database is { } path)
                audit.Add(new AuditDatabase(path, settings.MaxRecords, isStrict), "registry.audit.database.path", path, settings, time, log);
            return audit;
        }
        catch
        {
            audit.Release();
            throw;
        }
    }

    public async ValueTask<bool> BeginAsync(AuditRecord start)
    {
        if (!IsAvailable)
        {
            CountRefused();
            return false;
        }

        var begun = await Task.WhenAll(writers.Select(writer => writer.BeginAsync(start)));
        if (Array.TrueForAll(begun, may => may))
        {
            Interlocked.Increment(ref open);
            return true;
        }

        CountRefused();
        // Where it was written it ends at once.
        foreach (var (writer, _) in writers.Zip(begun).Where(pair => pair.Second))
            writer.Write(Refused(start));
        return false;
    }

    public void CountRefused() => Interlocked.Increment(ref refused);

    /// <summary>The end of what did not begin because its start could not be written everywhere.</summary>
    public static AuditRecord Refused(AuditRecord start) => EndOf(start, start.At, CloseReason.ErrorRecording, AuditTrail.Unavailable);

    public void Write(AuditRecord record)
    {
        foreach (var writer in writers)
            writer.Write(record);
        if (record.Kind is AuditKind.TubeEnd or AuditKind.ConnectionEnd && Interlocked.Decrement(ref open) == 0 && isStopping)
            idle.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (isStopping)
            return; // A container that gives it out under two names disposes it twice.
        isStopping = true;
        if (Volatile.Read(ref open) > 0)
            await idle.Task.WaitAsync(PatienceForEnds).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Release();
    }

    private void Add(IAuditStore store, string key, string path, AuditSettings settings, TimeProvider time, ILogger log)
    {
        try
        {
            Lock(path, key);
            var recovered = store.Open().Select(start => EndOf(start, time.GetUtcNow(), CloseReason.NodeStopped, "The node ended without saying so; it was found at its next start.") with { Recovered = true }).ToList();
            if (recovered.Count > 0)
                log.LogWarning("The audit's {Store} has tubes and connections without an end, {Count} of them: the gateway was not stopped in order. They are ended now", store.Name, recovered.Count);
            writers.Add(new(store, settings, recovered, () => Interlocked.Exchange(ref refused, 0), log));
        }
        catch (Exception e) when (AuditFailure.Is(e))
        {
            store.Dispose();
            throw new SettingsException(key, $"{key}: '{path}' cannot be used: {e.Message}");
        }
    }

    // Two gateways with one file would each end what is the other's. The system gives the lock back however the process ends.
    private void Lock(string path, string key)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            locks.Add(new(Path.GetFullPath($"{path}.lock"), options));
        }
        catch (IOException e) when (File.Exists($"{path}.lock"))
        {
            throw new SettingsException(key, $"{key}: '{path}' is another gateway's: {e.Message} Each gateway needs a file of its own.");
        }
    }

    private static AuditRecord EndOf(AuditRecord start, DateTimeOffset at, CloseReason reason, string text) => start with
    {
        Kind = start.Kind == AuditKind.TubeStart ? AuditKind.TubeEnd : AuditKind.ConnectionEnd,
        At = at,
        Reason = reason,
        Text = text,
    };

    private void Observe(string name, string description, Func<AuditWriterState, long> read) =>
        meter.CreateObservableCounter(name, () => Stores.Select(state => new Measurement<long>(read(state), new KeyValuePair<string, object?>("store", state.Store))), "{record}", description);

    private void Release()
    {
        foreach (var writer in writers)
            writer.Dispose();
        meter.Dispose();
        foreach (var held in locks)
            held.Dispose();
    }
}
