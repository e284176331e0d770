using System.Text.Json.Serialization;

namespace Registry.Client;

/// <summary>The load of a node.</summary>
public sealed record CapacityBody
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
    /// <summary>How long a polite caller waits before its next create, in milliseconds: 0, 100, 500, 2000 or 5000 by load.</summary>
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
    /// <summary>Differences between the registry's records and what exists; stays 0.</summary>
    public long ReconcilerFindings { get; init; }
    /// <summary>How long tubes may go on in a drain that says nothing else, in milliseconds; 0 of a node that does not tell.</summary>
    public long DrainDeadlineMs { get; init; }
    /// <summary>When the tubes that are left in the drain under way are closed; left out in service, and of a node that does not tell.</summary>
    public DateTimeOffset? DrainUntil { get; init; }
}

/// <summary>A node of the cluster.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Address">Where the other nodes reach it, as <c>host:port</c>; empty for a node that is in no cluster.</param>
/// <param name="State"><c>joining</c>, <c>up</c>, <c>draining</c>, <c>leaving</c> or <c>unreachable</c>.</param>
public sealed record NodeBody(string Node, string Address, string State)
{
    /// <summary>Creates in flight in percent of the limit; left out while nothing was heard of it for some seconds.</summary>
    public int? Load { get; init; }
    /// <summary>Its load; left out as <see cref="Load"/> is.</summary>
    public CapacityBody? Capacity { get; init; }
    /// <summary>The version of its program; left out as <see cref="Load"/> is.</summary>
    public string? Version { get; init; }
    /// <summary>When it started; left out as <see cref="Load"/> is.</summary>
    public DateTimeOffset? Since { get; init; }
    /// <summary>Tubes it had to close because another node's tube carries the conversation; stays 0.</summary>
    public long SupersededTubes { get; init; }
}

/// <summary>Answer to <c>GET /v1/caller</c>: who asks and what that allows.</summary>
/// <param name="Roles"><c>viewer</c>, <c>creator</c>, <c>operator</c>.</param>
public sealed record CallerBody(IReadOnlyList<string> Roles)
{
    /// <summary>Whose tubes the caller makes; left out for one of no owner.</summary>
    public string? Owner { get; init; }
}

/// <summary>Answer to <c>POST /v1/node/reload</c>: what a reload did.</summary>
/// <param name="Applied">Settings whose changed values hold now.</param>
/// <param name="NeedRestart">Settings whose values in the files are not those that the gateway runs with, and will be after a restart.</param>
/// <param name="Remarks">What else there is to say, a line each.</param>
public sealed record ReloadedBody(IReadOnlyList<string> Applied, IReadOnlyList<string> NeedRestart, IReadOnlyList<string> Remarks)
{
    /// <summary>The same for people.</summary>
    [JsonIgnore]
    public IEnumerable<string> Lines =>
    [
        .. Remarks,
        .. Applied.Select(key => $"{key} changed."),
        .. NeedRestart.Select(key => $"{key} changed, and needs a restart."),
    ];
}
