namespace Registry.Client;

/// <summary>An error as problem+json (RFC 9457) with members for programs.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">What went wrong, for programs: one of a closed list.</param>
/// <param name="Detail">What went wrong and what to do, for people.</param>
public record ProblemBody(int Status, string Code, string Detail)
{
    /// <summary>The media type of a problem.</summary>
    public const string ContentType = "application/problem+json";

    /// <summary>The status in words.</summary>
    public string Title { get; init; } = "";

    /// <summary>Whether the same request can succeed later.</summary>
    public bool Retryable { get; init; }

    /// <summary>When trying again is worthwhile, in milliseconds.</summary>
    public long? RetryAfterMs { get; init; }

    /// <summary>The field or setting that is wrong.</summary>
    public string? Field { get; init; }

    /// <summary>The tube that stands in the way or was meant.</summary>
    public string? TubeId { get; init; }

    /// <summary>Creates in flight when a limit refused this one.</summary>
    public int? ActiveCreates { get; init; }

    /// <summary>The limit that was reached.</summary>
    public int? Limit { get; init; }
}
