using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>
/// Counts creates and tubes against the node's limits. Only the registry's actor changes the counts, so that it can never admit one too
/// many; any thread reads them.
/// </summary>
internal sealed class CreateAdmission(RegistryLimits limits, TimeSpan drainDeadline, TimeProvider time)
{
    private const int AveragedCreates = 100;

    // Without any create to measure: long enough not to be a storm, short enough to use a place soon after it is free.
    private static readonly TimeSpan FirstGuess = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestRetry = RegistryCapacity.DelayFor(100);

    private readonly double[] durations = new double[AveragedCreates];
    private readonly Dictionary<string, int> tubesOfOwners = [];
    private readonly LinkedList<long> entered = []; // timestamps of the creates in flight, oldest first
    private int durationCount;
    private int oldestDuration;
    private double durationSum;
    private double average;

    private volatile RegistryLimits limits = limits;
    private long drainUntil; // in UTC ticks; 0 in service
    private int active;
    private int tubes;
    private int waiting;
    private long created;
    private long failed;
    private long rejected;
    private long staleTubes;
    private long closeTimeouts;
    private long findings;

    /// <summary>What is admitted at most from now on. A limit below what there is ends nothing.</summary>
    public RegistryLimits Limits { get => limits; set => limits = value; }

    /// <summary>Owners that have tubes.</summary>
    public int Owners => tubesOfOwners.Count;

    /// <summary>Takes a place for a create and, when it makes one, for its tube; or says why there is none.</summary>
    /// <param name="owner">On whose behalf, or null.</param>
    /// <param name="needsTube">Whether the create makes a tube rather than a channel on a live one.</param>
    /// <param name="place">The place, to be given back with <see cref="Leave"/>; null when there is none.</param>
    public Refused? TryEnter(string? owner, bool needsTube, out LinkedListNode<long>? place)
    {
        place = null;
        if (IsDraining)
            return new(RefusalCode.Draining, "This node is going out of service.");
        if (needsTube && owner is not null && limits.MaxTubesPerOwner > 0 && tubesOfOwners.GetValueOrDefault(owner) >= limits.MaxTubesPerOwner)
            return OwnerLimit(owner, tubesOfOwners[owner], limits.MaxTubesPerOwner) with { ActiveCreates = active };
        if (needsTube && tubes >= limits.MaxTubes)
            return Overloaded($"This node holds {tubes} {(tubes == 1 ? "tube" : "tubes")} of at most {limits.MaxTubes}; close some, or", limits.MaxTubes, LongestRetry);
        if (active >= limits.MaxConcurrentCreates)
            return Overloaded($"{active} creates are in flight; the limit is {limits.MaxConcurrentCreates}:", limits.MaxConcurrentCreates, RetryAfter());

        place = entered.AddLast(time.GetTimestamp());
        Interlocked.Increment(ref active);
        Interlocked.Increment(ref created);
        if (needsTube)
        {
            Interlocked.Increment(ref tubes);
            if (owner is not null)
                tubesOfOwners[owner] = tubesOfOwners.GetValueOrDefault(owner) + 1;
        }

        return null;
    }

    /// <summary>Gives a create's place back.</summary>
    /// <returns>How long it was taken.</returns>
    public TimeSpan Leave(LinkedListNode<long> place, bool succeeded)
    {
        var duration = time.GetElapsedTime(place.Value);
        entered.Remove(place);
        Interlocked.Decrement(ref active);
        if (!succeeded)
            Interlocked.Increment(ref failed);
        durationSum += duration.TotalMilliseconds - durations[oldestDuration];
        durations[oldestDuration] = duration.TotalMilliseconds;
        oldestDuration = (oldestDuration + 1) % AveragedCreates;
        durationCount = Math.Min(durationCount + 1, AveragedCreates);
        Volatile.Write(ref average, durationSum / durationCount);
        return duration;
    }

    /// <summary>Gives a tube's place back.</summary>
    public void TubeEnded(string? owner)
    {
        Interlocked.Decrement(ref tubes);
        if (owner is null)
            return;
        if (--tubesOfOwners[owner] == 0)
            tubesOfOwners.Remove(owner);
    }

    /// <summary>Whether as many creates are in flight as may be.</summary>
    public bool IsFull => active >= limits.MaxConcurrentCreates;

    /// <summary>Whether no create is admitted because the node goes out of service.</summary>
    public bool IsDraining => Volatile.Read(ref drainUntil) != 0;

    /// <summary>Admits no create from now on: the node goes out of service, and what is left at a deadline is closed.</summary>
    public void Drain(DateTimeOffset until) => Volatile.Write(ref drainUntil, until.UtcTicks);

    /// <summary>Admits creates again.</summary>
    public void Resume() => Volatile.Write(ref drainUntil, 0);

    /// <summary>Forgets what is in flight: the registry's actor starts anew, without tubes.</summary>
    public void Restart()
    {
        Volatile.Write(ref active, 0);
        Volatile.Write(ref tubes, 0);
        Volatile.Write(ref waiting, 0);
        tubesOfOwners.Clear();
        entered.Clear();
    }

    /// <summary>So many creates wait now.</summary>
    public void CountWaiting(int count) => Volatile.Write(ref waiting, count);

    /// <summary>A limit refused a create.</summary>
    public void CountRejected() => Interlocked.Increment(ref rejected);

    /// <summary>A deadline ended a tube.</summary>
    public void CountStale() => Interlocked.Increment(ref staleTubes);

    /// <summary>A close ran into its deadline.</summary>
    public void CountCloseTimeout() => Interlocked.Increment(ref closeTimeouts);

    /// <summary>The reconciler found a difference.</summary>
    public void CountFinding() => Interlocked.Increment(ref findings);

    public RegistryCapacity Read()
    {
        var (most, inFlight, held) = (limits, Volatile.Read(ref active), Volatile.Read(ref tubes));
        var until = Volatile.Read(ref drainUntil);
        var load = (int)(100L * inFlight / most.MaxConcurrentCreates);
        return new()
        {
            CanAcceptMore = until == 0 && inFlight < most.MaxConcurrentCreates && held < most.MaxTubes,
            IsDraining = until != 0,
            ActiveCreates = inFlight,
            MaxConcurrentCreates = most.MaxConcurrentCreates,
            Waiting = Volatile.Read(ref waiting),
            MaxWaiting = most.MaxWaiting,
            LoadPercentage = load,
            SuggestedDelayMs = (int)RegistryCapacity.DelayFor(load).TotalMilliseconds,
            AvgCreateTimeMs = Volatile.Read(ref average),
            TotalCreates = Interlocked.Read(ref created),
            TotalFailures = Interlocked.Read(ref failed),
            TotalRejected = Interlocked.Read(ref rejected),
            Tubes = held,
            MaxTubes = most.MaxTubes,
            MaxTubesPerOwner = most.MaxTubesPerOwner,
            StaleTubesRemoved = Interlocked.Read(ref staleTubes),
            CloseTimeouts = Interlocked.Read(ref closeTimeouts),
            ReconcilerFindings = Interlocked.Read(ref findings),
            DrainDeadlineMs = (long)drainDeadline.TotalMilliseconds,
            DrainUntil = until == 0 ? null : new DateTimeOffset(until, TimeSpan.Zero),
        };
    }

    // A place is free when the oldest create in flight has ended, which takes about as long as the last ones did.
    private TimeSpan RetryAfter()
    {
        if (durationCount == 0)
            return FirstGuess;
        var left = TimeSpan.FromMilliseconds(average) - time.GetElapsedTime(entered.First!.Value);
        return left < ShortestRetry ? ShortestRetry : left > LongestRetry ? LongestRetry : left;
    }

    /// <summary>An owner has as many tubes as it may.</summary>
    public static Refused OwnerLimit(string owner, int tubes, int limit) =>
        Refusal(RefusalCode.OwnerLimit, $"Owner {owner} has {tubes} {(tubes == 1 ? "tube" : "tubes")} of at most {limit}. Close one, or", limit, LongestRetry);

    private Refused Overloaded(string message, int limit, TimeSpan retryAfter) => Refusal(RefusalCode.Overloaded, message, limit, retryAfter) with { ActiveCreates = active };

    private static Refused Refusal(RefusalCode code, string message, int limit, TimeSpan retryAfter) =>
        new(code, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{message} try again in {retryAfter.TotalSeconds:0.#} s."))
        {
            Limit = limit,
            RetryAfter = retryAfter,
        };
}
