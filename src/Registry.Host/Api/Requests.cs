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
    /// <summary>A repeated create with the key of a live tube is answered with that tube.</summary>
    public string? RequestKey { get; init; }
}

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
