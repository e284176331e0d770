namespace Registry.WebRtc;

/// <summary>The two candidates between which packets flow.</summary>
/// <param name="Local">This side's candidate.</param>
/// <param name="Remote">The peer's candidate.</param>
public sealed record CandidatePair(IceCandidate Local, IceCandidate Remote);
