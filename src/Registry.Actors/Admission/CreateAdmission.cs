using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>Counts creates against the node's limits. Readable from any thread.</summary>
internal sealed class CreateAdmission(int maxConcurrentCreates, int maxTubes, Func<int> tubes)
{
    private const int AveragedCreates = 100;

    private readonly Lock averageLock = new();
    private readonly double[] durations = new double[AveragedCreates];
    private int durationCount;
    private double durationSum;

    private int active;
    private long created;
    private long failed;
    private long rejected;
    private long staleTubes;
    private long closeTimeouts;

    /// <summary>Takes a place, or says why there is none.</summary>
    /// <param name="needsTube">Whether the create makes a tube rather than a channel on a live one.</param>
    /// <param name="tubeCount">Tubes the caller holds, those being made included.</param>
    public Refused? TryEnter(bool needsTube, int tubeCount)
    {
        if (needsTube && tubeCount >= maxTubes)
        {
            Interlocked.Increment(ref rejected);
            return Overloaded($"This node holds {tubeCount} tubes of at most {maxTubes}.", maxTubes, RegistryCapacity.DelayFor(100));
        }

        if (Interlocked.Increment(ref active) > maxConcurrentCreates)
        {
            Interlocked.Decrement(ref active);
            Interlocked.Increment(ref rejected);
            return Overloaded($"{maxConcurrentCreates} creates are in flight, which is the limit.", maxConcurrentCreates, RegistryCapacity.DelayFor(100));
        }

        Interlocked.Increment(ref created);
        return null;
    }

    /// <summary>Gives the place back.</summary>
    public void Leave(TimeSpan duration, bool succeeded)
    {
        Interlocked.Decrement(ref active);
        if (!succeeded)
            Interlocked.Increment(ref failed);
        lock (averageLock)
        {
            var slot = durationCount++ % AveragedCreates;
            durationSum += duration.TotalMilliseconds - durations[slot];
            durations[slot] = duration.TotalMilliseconds;
        }
    }

    /// <summary>A deadline ended a tube.</summary>
    public void CountStale() => Interlocked.Increment(ref staleTubes);

    /// <summary>A close ran into its deadline.</summary>
    public void CountCloseTimeout() => Interlocked.Increment(ref closeTimeouts);

    public RegistryCapacity Read()
    {
        var inFlight = Volatile.Read(ref active);
        var tubeCount = tubes();
        var load = (int)(100L * inFlight / maxConcurrentCreates);
        return new()
        {
            CanAcceptMore = inFlight < maxConcurrentCreates && tubeCount < maxTubes,
            ActiveCreates = inFlight,
            MaxConcurrentCreates = maxConcurrentCreates,
            LoadPercentage = load,
            SuggestedDelayMs = (int)RegistryCapacity.DelayFor(load).TotalMilliseconds,
            AvgCreateTimeMs = Average(),
            TotalCreates = Interlocked.Read(ref created),
            TotalFailures = Interlocked.Read(ref failed),
            TotalRejected = Interlocked.Read(ref rejected),
            Tubes = tubeCount,
            MaxTubes = maxTubes,
            StaleTubesRemoved = Interlocked.Read(ref staleTubes),
            CloseTimeouts = Interlocked.Read(ref closeTimeouts),
        };
    }

    private double Average()
    {
        lock (averageLock)
            return durationCount == 0 ? 0 : durationSum / Math.Min(durationCount, AveragedCreates);
    }

    private Refused Overloaded(string message, int limit, TimeSpan retryAfter) =>
        new(RefusalCode.Overloaded, $"{message} Try again in {retryAfter.TotalSeconds:0} s.")
        {
            ActiveCreates = Volatile.Read(ref active),
            Limit = limit,
            RetryAfter = retryAfter,
        };
}
