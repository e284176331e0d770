namespace Registry.Messages;

/// <summary>How loaded a registry is.</summary>
public sealed record RegistryCapacity
{
    /// <summary>Whether a create would be admitted now.</summary>
    public bool CanAcceptMore { get; init; }
    /// <summary>Whether the node takes no new tubes because it is going out of service.</summary>
    public bool IsDraining { get; init; }
    /// <summary>Creates in flight.</summary>
    public int ActiveCreates { get; init; }
    /// <summary>Limit on creates in flight.</summary>
    public int MaxConcurrentCreates { get; init; }
    /// <summary>Creates that wait for admission.</summary>
    public int Waiting { get; init; }
    /// <summary>Limit on creates that wait.</summary>
    public int MaxWaiting { get; init; }
    /// <summary>Creates in flight, in percent of the limit; above 100 when the limit was lowered below what runs.</summary>
    public int LoadPercentage { get; init; }
    /// <summary>How long a polite caller waits before its next create, in milliseconds; see <see cref="DelayFor"/>.</summary>
    public int SuggestedDelayMs { get; init; }
    /// <summary>Mean duration of the last 100 creates, failed ones included, in milliseconds.</summary>
    public double AvgCreateTimeMs { get; init; }
    /// <summary>Creates that were admitted since the start.</summary>
    public long TotalCreates { get; init; }
    /// <summary>Admitted creates that failed.</summary>
    public long TotalFailures { get; init; }
    /// <summary>Creates refused because of a limit.</summary>
    public long TotalRejected { get; init; }
    /// <summary>Tubes on this node.</summary>
    public int Tubes { get; init; }
    /// <summary>Limit on tubes.</summary>
    public int MaxTubes { get; init; }
    /// <summary>Limit on tubes of one owner; 0 for none.</summary>
    public int MaxTubesPerOwner { get; init; }
    /// <summary>Tubes ended by a deadline of their state.</summary>
    public long StaleTubesRemoved { get; init; }
    /// <summary>Closes that were cut short by their deadline.</summary>
    public long CloseTimeouts { get; init; }
    /// <summary>Differences that the reconciler found between the registry's records and what exists; stays 0.</summary>
    public long ReconcilerFindings { get; init; }
    /// <summary>How long tubes may go on in a drain that says nothing else, in milliseconds (<c>registry.drain.deadline</c>); 0 of a node that does not tell.</summary>
    public long DrainDeadlineMs { get; init; }
    /// <summary>When the tubes that are left in the drain under way are closed; null in service, and of a node that does not tell.</summary>
    public DateTimeOffset? DrainUntil { get; init; }

    /// <summary>The delay hint for a load: 0 up to 50 %, 100 ms to 75 %, 500 ms to 90 %, 2000 ms below 100 %, 5000 ms from there.</summary>
    /// <param name="loadPercentage">Creates in flight in percent of the limit.</param>
    public static TimeSpan DelayFor(int loadPercentage) => TimeSpan.FromMilliseconds(loadPercentage switch
    {
        <= 50 => 0,
        <= 75 => 100,
        <= 90 => 500,
        < 100 => 2000,
        _ => 5000,
    });
}
