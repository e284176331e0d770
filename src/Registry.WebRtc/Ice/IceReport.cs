namespace Registry.WebRtc.Ice;

/// <summary>What an agent has, for the statistics: published whole, so that any thread may read it while the agent goes on.</summary>
/// <param name="LocalCandidates">This side's candidates.</param>
/// <param name="RemoteCandidates">The peer's, as signalled.</param>
/// <param name="Pairs">The check list. State and counters are read from the pairs themselves.</param>
/// <param name="Selected">The pair that carries data, or null.</param>
internal sealed record IceReport(
    IReadOnlyList<IceCandidate> LocalCandidates, IReadOnlyList<IceCandidate> RemoteCandidates, IReadOnlyList<IceReportedPair> Pairs, IcePair? Selected)
{
    public static readonly IceReport Empty = new([], [], [], null);
}

/// <summary>A pair and its two candidates when the report was published.</summary>
internal sealed record IceReportedPair(IcePair Pair, IceCandidate Local, IceCandidate Remote);
