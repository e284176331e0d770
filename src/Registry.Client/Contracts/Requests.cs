using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace Registry.Client;

/// <summary>Body of <c>POST /v1/tubes</c>.</summary>
public sealed record CreateTubeBody
{
    /// <summary>The conversation, 1 to 256 printable characters; also the label of its data channel.</summary>
    [Required]
    public string? ConversationId { get; init; }

    /// <summary>What the channel does on the gateway's side: <c>conversationType</c> and what that type needs, such as <c>target_host</c> and <c>target_port</c> of a <c>tunnel</c>.</summary>
    [Required]
    public Dictionary<string, JsonElement>? Settings { get; init; }

    /// <summary>Whether candidates follow as signals; true when left out. Otherwise the description holds them all.</summary>
    public bool? TrickleIce { get; init; }

    /// <summary>The caller's offer as base64 of SDP; left out to get one.</summary>
    public string? Offer { get; init; }

    /// <summary>Id chosen by the caller, 1 to 128 of <c>A-Z a-z 0-9 . _ -</c>, or a live tube to open one more channel on.</summary>
    public string? TubeId { get; init; }

    /// <summary>1 to 128 printable characters. A repeated create with the key of a live conversation is answered as the first was.</summary>
    public string? RequestKey { get; init; }

    /// <summary>On whose behalf, 1 to 128 printable characters; counts against that owner's limit. A creator's tubes are those of its own owner.</summary>
    public string? Owner { get; init; }

    /// <summary>How long to wait for admission when every node is at a limit, in milliseconds, at most a day; left out for a refusal at once.</summary>
    public long? MaxWaitMs { get; init; }

    /// <summary>How long the caller waits for the answer, in milliseconds, at most a day; the create is cancelled after that.</summary>
    public long? TimeoutMs { get; init; }

    /// <summary>Ends the tube when no user bytes went either way for so many milliseconds, at most 366 days.</summary>
    public long? IdleTimeoutMs { get; init; }

    /// <summary>Ends the tube at this age, in milliseconds, at most 366 days.</summary>
    public long? MaxAgeMs { get; init; }

    /// <summary>Limit on the bytes per second of the tube's connections, each way; at least 1024.</summary>
    public int? MaxBytesPerSecond { get; init; }
}

/// <summary>Body of <c>POST /v1/tubes/{tubeId}/tokens</c>; may be left out.</summary>
public sealed record TokenBody
{
    /// <summary>How long the token holds, in milliseconds, at most a day; 10 minutes when left out.</summary>
    public long? LifetimeMs { get; init; }
}

/// <summary>Body of <c>PUT /v1/capacity/limits</c>; what is left out stays as it is.</summary>
public sealed record LimitsBody
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
public sealed record DrainBody
{
    /// <summary>How long tubes may go on, in milliseconds; left out for what a drain that runs says, or else the node's setting.</summary>
    public long? DeadlineMs { get; init; }

    /// <summary>Tubes that are few enough to be closed before the deadline; 0 when left out.</summary>
    public int? UntilAtMost { get; init; }
}

/// <summary>Body of <c>POST /v1/tubes/{tubeId}/ice-restart</c>, which may be left out; it has no members.</summary>
public sealed record RestartIceBody;

/// <summary>Body of <c>POST /v1/node/reload</c>, which may be left out; it has no members.</summary>
public sealed record ReloadBody;

/// <summary>Body of <c>PUT /v1/tubes/{tubeId}/remote-description</c>.</summary>
public sealed record RemoteDescriptionBody
{
    /// <summary><c>offer</c> or <c>answer</c>.</summary>
    [Required, AllowedValues("offer", "answer")]
    public string? Type { get; init; }

    /// <summary>Base64 of the SDP.</summary>
    [Required]
    public string? Sdp { get; init; }
}

/// <summary>Body of <c>POST /v1/tubes/{tubeId}/candidates</c>.</summary>
public sealed record CandidatesBody
{
    /// <summary>Candidate lines (RFC 8839 §5.1) without <c>a=</c>; an empty one means that there are no more.</summary>
    [Required]
    public string[]? Candidates { get; init; }
}
