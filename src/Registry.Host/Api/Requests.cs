using System.Text.Json;

namespace Registry.Host.Api;

/// <summary>Body of <c>POST /v1/tubes</c>.</summary>
internal sealed record CreateTubeBody
{
    /// <summary>The conversation; also the label of its data channel. Required.</summary>
    public string? ConversationId { get; init; }
    /// <summary>What the channel does on the gateway's side. Required.</summary>
    public Dictionary<string, JsonElement>? Settings { get; init; }
    /// <summary>Whether candidates follow as signals; true when left out.</summary>
    public bool? TrickleIce { get; init; }
    /// <summary>The caller's offer as base64 of SDP; left out to get one.</summary>
    public string? Offer { get; init; }
    /// <summary>Id chosen by the caller, or a live tube to open one more channel on.</summary>
    public string? TubeId { get; init; }
    /// <summary>A repeated create with the key of a live conversation is answered as the first was.</summary>
    public string? RequestKey { get; init; }
    /// <summary>On whose behalf; counts against that owner's limit.</summary>
    public string? Owner { get; init; }
    /// <summary>How long to wait for admission when every node is at a limit, in milliseconds; left out for a refusal at once.</summary>
    public long? MaxWaitMs { get; init; }
    /// <summary>How long the caller waits for the answer, in milliseconds; the create is cancelled after that.</summary>
    public long? TimeoutMs { get; init; }
    /// <summary>Ends the tube when no user bytes went either way for so many milliseconds.</summary>
    public long? IdleTimeoutMs { get; init; }
    /// <summary>Ends the tube at this age, in milliseconds.</summary>
    public long? MaxAgeMs { get; init; }
    /// <summary>Limit on the bytes per second of the tube's connections, each way.</summary>
    public int? MaxBytesPerSecond { get; init; }
}

/// <summary>Body of <c>POST /v1/tubes/{id}/tokens</c>; may be left out.</summary>
internal sealed record TokenBody
{
    /// <summary>How long the token holds, in milliseconds, at most a day; 10 minutes when left out.</summary>
    public long? LifetimeMs { get; init; }
}

/// <summary>Body of <c>PUT /v1/capacity/limits</c>; what is left out stays as it is.</summary>
internal sealed record LimitsBody
{
    /// <summary>Creates in flight, at least 1.</summary>
    public int? MaxConcurrentCreates { get; init; }
    /// <summary>Tubes, at least 1.</summary>
    public int? MaxTubes { get; init; }
    /// <summary>Tubes of one owner, at least 1, or 0 for no limit.</summary>
    public int? MaxTubesPerOwner { get; init; }
    /// <summary>Creates that may wait for admission, 0 or more.</summary>
    public int? MaxWaiting { get; init; }
}

/// <summary>Body of <c>POST /v1/node/drain</c>, which may be left out.</summary>
internal sealed record DrainBody
{
    /// <summary>How long tubes may go on, in milliseconds; left out for the node's setting.</summary>
    public long? DeadlineMs { get; init; }
    /// <summary>Tubes that are few enough to be closed before the deadline; 0 when left out.</summary>
    public int? UntilAtMost { get; init; }
}

/// <summary>Body of <c>POST /v1/node/reload</c>, which may be left out; it has no members.</summary>
internal sealed record ReloadBody;

/// <summary>Body of <c>PUT /v1/tubes/{id}/remote-description</c>.</summary>
internal sealed record RemoteDescriptionBody
{
    /// <summary><c>offer</c> or <c>answer</c>.</summary>
    public string? Type { get; init; }
    /// <summary>Base64 of SDP.</summary>
    public string? Sdp { get; init; }
}

/// <summary>Body of <c>POST /v1/tubes/{id}/candidates</c>.</summary>
internal sealed record CandidatesBody
{
    /// <summary>Candidate lines; an empty one means that there are no more.</summary>
    public string[]? Candidates { get; init; }
}
