using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.WebUtilities;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>An error as problem+json (RFC 9457) with members for programs. Also the result that writes it.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">What went wrong, for programs.</param>
/// <param name="Detail">What went wrong and what to do, for people.</param>
internal sealed record Problem(int Status, string Code, string Detail) : IResult
{
    public const string ContentType = "application/problem+json";

    /// <summary>The status in words.</summary>
    public string Title { get; init; } = ReasonPhrases.GetReasonPhrase(Status);

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

    [JsonIgnore]
    private string? RetryAfterSeconds => RetryAfterMs is { } wait ? ((wait + 999) / 1000).ToString(CultureInfo.InvariantCulture) : null;

    public static Problem Of(Refused refused) => new(StatusOf(refused.Code), refused.Code.Text, refused.Message)
    {
        Retryable = refused.Retryable,
        RetryAfterMs = refused.RetryAfter is { } wait ? (long)wait.TotalMilliseconds : null,
        Field = refused.Key,
        TubeId = refused.TubeId?.ToString(),
        ActiveCreates = refused.ActiveCreates,
        Limit = refused.Limit,
    };

    public static Problem InvalidRequest(string field, string detail) => new(StatusCodes.Status400BadRequest, "invalid_request", detail) { Field = field };

    public static Problem TubeNotFound(string tubeId) =>
        new(StatusCodes.Status404NotFound, "tube_not_found", $"There is no tube '{tubeId}'. GET /v1/tubes lists those there are.") { TubeId = tubeId };

    public static Problem ConversationNotFound(string conversationId) =>
        new(StatusCodes.Status404NotFound, "conversation_not_found", $"No tube carries the conversation '{conversationId}'.");

    public static Problem RegistryTimeout() =>
        new(StatusCodes.Status504GatewayTimeout, "timeout", "The registry did not answer in time. Try again; GET /v1/capacity shows its load.") { Retryable = true };

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds;
        return response.WriteAsJsonAsync(this, ApiJson.Options, ContentType, httpContext.RequestAborted);
    }

    private static int StatusOf(RefusalCode code) => code switch
    {
        RefusalCode.InvalidSettings or RefusalCode.InvalidRequest or RefusalCode.InvalidSdp or RefusalCode.InvalidCandidate => StatusCodes.Status400BadRequest,
        RefusalCode.TubeNotFound or RefusalCode.ConversationNotFound or RefusalCode.NodeNotFound => StatusCodes.Status404NotFound,
        RefusalCode.ConversationExists or RefusalCode.TubeNotReady or RefusalCode.TubeClosing or RefusalCode.ListenFailed or RefusalCode.CreateCancelled => StatusCodes.Status409Conflict,
        RefusalCode.Overloaded or RefusalCode.OwnerLimit or RefusalCode.ChannelLimit or RefusalCode.IceRestartLimit => StatusCodes.Status429TooManyRequests,
        RefusalCode.RelayUnavailable or RefusalCode.Draining or RefusalCode.NodeUnreachable or RefusalCode.AuditUnavailable => StatusCodes.Status503ServiceUnavailable,
        RefusalCode.CreateTimeout => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };
}
