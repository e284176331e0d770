namespace Registry.Client;

/// <summary>A call to a gateway was not carried out.</summary>
/// <param name="gateway">The gateway's address.</param>
/// <param name="message">What is wrong, for people.</param>
/// <param name="inner">What caused it.</param>
public abstract class GatewayException(Uri gateway, string message, Exception? inner) : Exception(message, inner)
{
    /// <summary>The gateway's address.</summary>
    public Uri Gateway { get; } = gateway;

    /// <summary>Whether the same call can succeed later.</summary>
    public abstract bool Retryable { get; }
}

/// <summary>No gateway answered: nobody listens there, the answer took too long, or what answers is something else, or not to be trusted.</summary>
/// <param name="gateway">The gateway's address.</param>
/// <param name="message">What is wrong, for people.</param>
/// <param name="inner">What caused it.</param>
public sealed class GatewayUnreachableException(Uri gateway, string message, Exception? inner = null) : GatewayException(gateway, message, inner)
{
    /// <summary>Whether something answers there; the message says what is wrong with it.</summary>
    public bool IsAnswered { get; init; }

    /// <inheritdoc/>
    public override bool Retryable => true;
}

/// <summary>The gateway answered with an error.</summary>
/// <param name="gateway">The gateway's address.</param>
/// <param name="problem">Its answer.</param>
public sealed class GatewayRefusedException(Uri gateway, ProblemBody problem)
    : GatewayException(gateway, $"The gateway {gateway} refused: {problem.Detail} ({problem.Code})", null)
{
    /// <summary>The whole answer.</summary>
    public ProblemBody Problem { get; } = problem;

    /// <summary>What went wrong, such as <c>conversation_exists</c>; <c>/openapi/v1.json</c> lists all codes.</summary>
    public string Code => Problem.Code;

    /// <inheritdoc/>
    public override bool Retryable => Problem.Retryable;

    /// <summary>When trying again is worthwhile; null when the gateway did not say.</summary>
    public TimeSpan? RetryAfter => Problem.RetryAfterMs is { } wait ? TimeSpan.FromMilliseconds(wait) : null;
}
