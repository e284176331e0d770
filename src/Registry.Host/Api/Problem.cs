using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.WebUtilities;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>A problem as the result that writes it. Its code is one of <see cref="ProblemCodes"/>.</summary>
internal sealed record Problem : ProblemBody, IResult
{
    public Problem(int status, string code, string detail) : base(status, code, detail) => Title = ReasonPhrases.GetReasonPhrase(status);

    /// <summary>Whether another node can do what was asked of one that is going out of service.</summary>
    [JsonIgnore]
    public bool AnyNodeCan { get; init; } = true;

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

    public static Problem InvalidRequest(string field, string detail) => new(StatusCodes.Status400BadRequest, ProblemCodes.InvalidRequest, detail) { Field = field };

    public static Problem ConversationNotFound(string conversationId) =>
        new(StatusCodes.Status404NotFound, RefusalCode.ConversationNotFound.Text, $"No tube carries the conversation '{conversationId}'.");

    public static Problem RegistryTimeout() =>
        new(StatusCodes.Status504GatewayTimeout, ProblemCodes.Timeout, "The registry did not answer in time. Try again; GET /v1/capacity shows its load.") { Retryable = true };

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds;
        return response.WriteAsJsonAsync(Code == RefusalCode.Draining.Text && AnyNodeCan ? this with { Detail = $"{Detail} {WhatHelps(httpContext)}" } : this, ApiJson.Options, ContentType, httpContext.RequestAborted);
    }

    private static string WhatHelps(HttpContext context)
    {
        var registry = context.RequestServices.GetRequiredService<ITubeRegistry>();
        return registry.Nodes.Any(node => node.Node != registry.Node && node.State == NodeState.Up)
            ? "Ask another one."
            : "No other one is in service: try again when it is back, by 'registry drain --resume' or a new start.";
    }

    /// <summary>The status that a refusal comes with.</summary>
    public static int StatusOf(RefusalCode code) => code switch
    {
        RefusalCode.InvalidSettings or RefusalCode.InvalidRequest or RefusalCode.InvalidSdp or RefusalCode.InvalidCandidate => StatusCodes.Status400BadRequest,
        RefusalCode.TubeNotFound or RefusalCode.ConversationNotFound or RefusalCode.NodeNotFound => StatusCodes.Status404NotFound,
        RefusalCode.ConversationExists or RefusalCode.TubeNotReady or RefusalCode.TubeClosing or RefusalCode.ListenFailed or RefusalCode.CreateCancelled => StatusCodes.Status409Conflict,
        RefusalCode.Overloaded or RefusalCode.OwnerLimit or RefusalCode.ChannelLimit or RefusalCode.IceRestartLimit => StatusCodes.Status429TooManyRequests,
        RefusalCode.RelayUnavailable or RefusalCode.Draining or RefusalCode.NodeUnreachable or RefusalCode.AuditUnavailable => StatusCodes.Status503ServiceUnavailable,
        RefusalCode.NotSupported => StatusCodes.Status501NotImplemented,
        RefusalCode.CreateTimeout => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };
}
