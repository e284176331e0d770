namespace Registry.Actors.Cluster;

/// <summary>The times of the cluster room.</summary>
internal sealed record ClusterSettings
{
    /// <summary>How long a node may take to say that it works on a placement before the next one is asked.</summary>
    public TimeSpan PlacementTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long one try of a question takes before it is asked again.</summary>
    public TimeSpan Try { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a wish may go without being repeated before it counts as given up.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time between two questions to a node that did not say what it holds.</summary>
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long an entry without a conversation is kept.</summary>
    public TimeSpan IdleEntry { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a read from another node waits for something new.</summary>
    public TimeSpan LongPoll { get; init; } = TimeSpan.FromSeconds(10);
}
