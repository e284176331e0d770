using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>What a store's writer has done and is about to do.</summary>
/// <param name="Store">The store.</param>
/// <param name="IsWritable">Whether the last attempt to write succeeded.</param>
/// <param name="Queued">Records that wait.</param>
/// <param name="Written">Records that were written.</param>
/// <param name="Lost">Records that were not and never will be.</param>
/// <param name="Failures">Attempts to write that failed.</param>
/// <param name="Error">Why the last one failed; null while the store can be written.</param>
internal sealed record AuditWriterState(string Store, bool IsWritable, int Queued, long Written, long Lost, long Failures, string? Error);

/// <summary>
/// Writes records to one store, in their order, on a thread of its own: whatever has come while it wrote is its next batch. While the store cannot be written, it
/// tries again and again; what finds the queue full is lost and counted, but for a strict audit's ends, of which there are no more than beginnings.
/// </summary>
internal sealed class AuditWriter : IDisposable
{
    private readonly record struct Entry(AuditRecord Record, TaskCompletionSource<bool>? Begun);

    private const int MostPerBatch = 1024;

    private readonly IAuditStore store;
    private readonly bool isStrict;
    private readonly int capacity;
    private readonly TimeSpan retryPause;
    private readonly Func<int> takeRefused;
    private readonly ILogger log;
    private readonly Thread thread;
    private readonly object gate = new();
    private readonly Queue<Entry> queue = [];
    private int underWay;
    private long written;
    private long lost;
    private long failures;
    private string? error;
    private bool isStopping;

    /// <param name="store">An open store, which is the writer's from now on.</param>
    /// <param name="settings">How.</param>
    /// <param name="recovered">What is written before anything else, however much it is.</param>
    /// <param name="takeRefused">How many tubes, connections and targets of datagrams were refused because they could not be recorded, since it was last asked.</param>
    /// <param name="log">Told when the store fails, and when it can be written again.</param>
    public AuditWriter(IAuditStore store, AuditSettings settings, IEnumerable<AuditRecord> recovered, Func<int> takeRefused, ILogger log)
    {
        (this.store, this.takeRefused, this.log) = (store, takeRefused, log);
        (isStrict, capacity, retryPause) = (settings.Mode == AuditMode.Strict, settings.Queue, settings.RetryPause);
        foreach (var record in recovered)
            queue.Enqueue(new(record, null));
        thread = new(Run) { IsBackground = true, Name = $"audit {store.Name}" };
        thread.Start();
    }

    /// <summary>Whether something may begin now.</summary>
    public bool IsAvailable
    {
        get
        {
            lock (gate)
                return !isStrict || !isStopping && error is null && queue.Count < capacity;
        }
    }

    public AuditWriterState State
    {
        get
        {
            lock (gate)
                return new(store.Name, error is null, queue.Count + underWay, written, lost, failures, error);
        }
    }

    /// <summary>Takes the record of a beginning.</summary>
    /// <returns>Whether it may go on; known when it was written where the audit is strict, and at once otherwise.</returns>
    public Task<bool> BeginAsync(AuditRecord start)
    {
        if (!isStrict)
        {
            Write(start);
            return Task.FromResult(true);
        }

        lock (gate)
        {
            if (!IsAvailable)
                return Task.FromResult(false);
            var begun = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            Add(new(start, begun));
            return begun.Task;
        }
    }

    /// <summary>Takes any other record.</summary>
    public void Write(AuditRecord record)
    {
        lock (gate)
        {
            var mustBeKept = isStrict && record.Kind is AuditKind.TubeEnd or AuditKind.ConnectionEnd;
            if (isStopping || queue.Count >= capacity && !mustBeKept)
                lost++;
            else
                Add(new(record, null));
        }
    }

    /// <summary>Writes what waits, as far as the store can be written, and ends.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isStopping = true;
            Monitor.PulseAll(gate);
        }

        thread.Join();
        store.Dispose();
    }

    private void Add(Entry entry)
    {
        queue.Enqueue(entry);
        if (queue.Count == 1)
            Monitor.PulseAll(gate);
    }

    private void Run()
    {
        var batch = new List<Entry>();
        while (TakeInto(batch))
        {
            if (TryAppend(batch, out var failure))
            {
                Wrote(batch);
                continue;
            }

            Failed(batch, failure!);
            if (!PauseBeforeRetry(batch))
                break;
        }
    }

    // What is left of a batch that failed goes first.
    private bool TakeInto(List<Entry> batch)
    {
        lock (gate)
        {
            while (batch.Count == 0 && queue.Count == 0 && !isStopping)
                Monitor.Wait(gate);
            while (batch.Count < MostPerBatch && queue.TryDequeue(out var entry))
                batch.Add(entry);
            underWay = batch.Count;
            return batch.Count > 0;
        }
    }

    private bool TryAppend(List<Entry> batch, out Exception? failure)
    {
        try
        {
            store.Append(batch.ConvertAll(entry => entry.Record));
            failure = null;
            return true;
        }
        catch (Exception e)
        {
            // Of whatever kind: it is told, and the gateway does not end with its audit.
            failure = e;
            return false;
        }
    }

    private void Wrote(List<Entry> batch)
    {
        bool isBack;
        lock (gate)
        {
            isBack = error is not null;
            (error, underWay) = (null, 0);
            written += batch.Count;
        }

        foreach (var entry in batch)
            entry.Begun?.SetResult(true);
        batch.Clear();
        if (!isBack)
            return;
        if (isStrict)
            log.LogWarning("The audit's {Store} can be written again. Tubes, connections and targets of datagrams refused meanwhile: {Refused}", store.Name, takeRefused());
        else
            log.LogWarning("The audit's {Store} can be written again", store.Name);
    }

    private void Failed(List<Entry> batch, Exception failure)
    {
        bool isNew;
        lock (gate)
        {
            isNew = error is null;
            error = failure.Message;
            failures++;
            if (isStrict)
            {
                // Those that wait to begin are answered now, not when the store can be written again.
                batch.AddRange(queue);
                queue.Clear();
            }
        }

        var begun = batch.FindAll(entry => entry.Begun is not null);
        if (begun.Count > 0)
            Refuse(batch);
        foreach (var entry in begun)
            entry.Begun!.SetResult(false);
        if (isNew)
            log.LogError("The audit's {Store} cannot be written: {Error}. {Consequence}", store.Name, failure.Message.TrimEnd('.'), isStrict ? "No tube or connection begins until it can." : "Records wait; when there are too many, they are lost and counted.");
    }

    // What may not begin because it could not be recorded is recorded when that is possible again, as something that ended at once.
    private static void Refuse(List<Entry> batch)
    {
        var refused = batch.SelectMany(entry => entry.Begun is null ? [entry] : new[] { new Entry(entry.Record, null), new Entry(AuditLog.Refused(entry.Record), null) }).ToList();
        batch.Clear();
        batch.AddRange(refused);
    }

    /// <returns>False when there is no time to try again.</returns>
    private bool PauseBeforeRetry(List<Entry> left)
    {
        lock (gate)
        {
            underWay = left.Count;
            if (!isStopping)
                Monitor.Wait(gate, retryPause);
            if (!isStopping)
                return true;
            lost += left.Count + queue.Count;
            foreach (var entry in queue)
                entry.Begun?.SetResult(false);
            queue.Clear();
            underWay = 0;
            return false;
        }
    }
}
