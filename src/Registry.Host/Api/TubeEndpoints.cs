using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;
using System.Text.Json;
using Akka.Actor;
using Registry.Actors;
using Registry.Host.Api.Description;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary><c>/v1/tubes</c>: create, read, signal to and close tubes.</summary>
internal static class TubeEndpoints
{
    public static void MapTubes(this IEndpointRouteBuilder v1)
    {
        v1.MapPost("/tubes", CreateAsync).ForCreators().Described(Operations.CreateTube);
        v1.MapGet("/tubes", TubeList.ReadAsync).ForReaders().Described(Operations.ListTubes);
        v1.MapGet("/tubes/{tubeId}", ReadAsync).ForFollowers().Described(Operations.ReadTube);
        v1.MapGet("/tubes/{tubeId}/statistics", ReadStatisticsAsync).ForFollowers().Described(Operations.ReadStatistics);
        v1.MapDelete("/tubes/{tubeId}", CloseAsync).ForSignalling().Described(Operations.CloseTube);
        v1.MapPut("/tubes/{tubeId}/remote-description", SetRemoteDescriptionAsync).ForSignalling().Described(Operations.SetRemoteDescription);
        v1.MapPost("/tubes/{tubeId}/candidates", AddCandidatesAsync).ForSignalling().Described(Operations.AddCandidates);
        v1.MapPost("/tubes/{tubeId}/ice-restart", RestartIceAsync).ForSignalling().Described(Operations.RestartIce);
        v1.MapPost("/tubes/{tubeId}/tokens", CreateTokenAsync).ForCreators().Described(Operations.CreateToken);
        v1.MapPut("/tubes/{tubeId}/conversations/{conversationId}", AssociateAsync).ForCreators().Described(Operations.Associate);
    }

    private static async Task<IResult> CreateAsync(HttpRequest request, CallerRegistry registry)
    {
        var body = await RequestBody.ReadAsync<CreateTubeBody>(request);
        if (!body.IsValid)
            return body.Problem;
        if (!TryTranslate(body.Value, out var command, out var problem))
            return problem;
        return await registry.CreateAsync(command, request.HttpContext.RequestAborted) switch
        {
            TubeCreated created => Results.Json(TubeCreatedBody.Of(created) with { Warning = WarningOf(command.Settings, request.HttpContext.RequestServices) }, ApiJson.Options, statusCode: StatusCodes.Status201Created)
                .WithLocation($"/v1/tubes/{created.TubeId}"),
            var reply => Replies.Translate(reply),
        };
    }

    // Not refused: rules may be read again, and whoever makes tubes again and again must not be ended by their order.
    private static string? WarningOf(ConversationSettings settings, IServiceProvider services) => settings switch
    {
        TunnelSettings { TargetHost: { } host, TargetPort: var port } => services.GetService<ActorSystem>()?.GetTubeTargets().WhyDenied(host, port),
        RawSettings { TargetHost: var host, TargetPort: var port } => services.GetService<ActorSystem>()?.GetTubeTargets().WhyDenied(host, port),
        _ => null,
    };

    private static bool TryTranslate(CreateTubeBody body, [NotNullWhen(true)] out CreateTube? command, [NotNullWhen(false)] out Problem? problem)
    {
        command = null;
        TubeId tubeId = default;
        if (!Arguments.TryConversationId(body.ConversationId, out var conversationId, out problem)
            || (body.TubeId is not null && !Arguments.TryTubeId(body.TubeId, out tubeId, out problem))
            || !TrySettings(body.Settings, out var settings, out problem)
            || !Arguments.TryDuration(body.MaxWaitMs, CreateTube.LongestWait, "maxWaitMs", out var maxWait, out problem)
            || !Arguments.TryDuration(body.TimeoutMs, CreateTube.LongestWait, "timeoutMs", out var timeout, out problem)
            || !Arguments.TryDuration(body.IdleTimeoutMs, CreateTube.LongestLife, "idleTimeoutMs", out var idleTimeout, out problem)
            || !Arguments.TryDuration(body.MaxAgeMs, CreateTube.LongestLife, "maxAgeMs", out var maxAge, out problem))
            return false;
        command = new(conversationId, settings)
        {
            TrickleIce = body.TrickleIce ?? true,
            Offer = body.Offer,
            TubeId = body.TubeId is null ? null : tubeId,
            RequestKey = body.RequestKey,
            Owner = body.Owner,
            MaxWait = maxWait,
            Timeout = timeout,
            IdleTimeout = idleTimeout,
            MaxAge = maxAge,
            MaxBytesPerSecond = body.MaxBytesPerSecond,
        };
        return true;
    }

    private static bool TrySettings(Dictionary<string, JsonElement>? given, [NotNullWhen(true)] out ConversationSettings? settings, [NotNullWhen(false)] out Problem? problem)
    {
        settings = null;
        problem = given is null ? Problem.InvalidRequest("settings", "'settings' is missing; give an object such as {\"conversationType\": \"echo\"}.")
            : ConversationSettingsReader.TryRead(given, out settings, out var refused) ? null
            : Problem.Of(refused);
        return problem is null;
    }

    private static async Task<IResult> ReadAsync(string tubeId, CallerRegistry registry, CancellationToken cancellationToken)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        return await registry.FindTubeAsync(id, cancellationToken) switch
        {
            TubeFound found => TaggedContent.Json(TubeBody.Of(found.Snapshot)),
            var reply => Replies.Translate(reply),
        };
    }

    private static async Task<IResult> ReadStatisticsAsync(string tubeId, CallerRegistry registry, CancellationToken cancellationToken)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        return await registry.ReadStatisticsAsync(id, cancellationToken) switch
        {
            StatisticsRead read => Results.Json(StatisticsBody.Of(read.Statistics), ApiJson.Options),
            var reply => Replies.Translate(reply),
        };
    }

    private static async Task<IResult> CloseAsync(string tubeId, string? reason, ClaimsPrincipal user, CallerRegistry registry, CancellationToken cancellationToken)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem) || !Arguments.TryCloseReason(reason, new(user), out var closeReason, out problem))
            return problem;
        return Replies.Translate(await registry.CloseTubeAsync(new(id, closeReason), cancellationToken));
    }

    private static async Task<IResult> SetRemoteDescriptionAsync(string tubeId, HttpRequest request, CallerRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        var body = await RequestBody.ReadAsync<RemoteDescriptionBody>(request);
        if (!body.IsValid)
            return body.Problem;
        if (body.Value.Type is not ("offer" or "answer"))
            return Problem.InvalidRequest("type", "'type' must be \"offer\" or \"answer\".");
        if (body.Value.Sdp is not { } sdp)
            return Problem.InvalidRequest("sdp", "'sdp' is missing; give the description as base64 of the SDP text.");
        var type = body.Value.Type == "offer" ? DescriptionType.Offer : DescriptionType.Answer;
        return Replies.Translate(await registry.SetRemoteDescriptionAsync(new(id, type, sdp), request.HttpContext.RequestAborted));
    }

    private static async Task<IResult> AddCandidatesAsync(string tubeId, HttpRequest request, CallerRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        var body = await RequestBody.ReadAsync<CandidatesBody>(request);
        if (!body.IsValid)
            return body.Problem;
        if (body.Value.Candidates is not { } candidates || candidates.Contains(null))
            return Problem.InvalidRequest("candidates", "'candidates' must be a list of candidate lines; an empty line means that there are no more.");
        return Replies.Translate(await registry.AddCandidatesAsync(new(id, candidates), request.HttpContext.RequestAborted));
    }

    private static async Task<IResult> RestartIceAsync(string tubeId, HttpRequest request, CallerRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        var body = await RequestBody.ReadOrDefaultAsync<RestartIceBody>(request);
        return body.IsValid ? Replies.Translate(await registry.RestartIceAsync(new(id), request.HttpContext.RequestAborted)) : body.Problem;
    }

    private static async Task<IResult> CreateTokenAsync(string tubeId, HttpRequest request, CallerRegistry registry, TubeTokens tokens, TimeProvider time)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        var body = await RequestBody.ReadOrDefaultAsync<TokenBody>(request);
        if (!body.IsValid)
            return body.Problem;
        if (!Arguments.TryDuration(body.Value.LifetimeMs, TubeTokens.LongestLifetime, "lifetimeMs", out var lifetime, out problem))
            return problem;
        if (await registry.FindTubeToActOnAsync(id, request.HttpContext.RequestAborted) is var reply && reply is not TubeFound { Snapshot: var tube })
            return Replies.Translate(reply);
        var expires = time.GetUtcNow() + (lifetime ?? TubeTokens.DefaultLifetime);
        return Results.Json(new TokenCreatedBody(tubeId, tokens.Create(tube, expires), expires), ApiJson.Options, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> AssociateAsync(string tubeId, HttpContext context, CallerRegistry registry)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem) || !Arguments.TryConversationId(Arguments.LastSegment(context), out var conversation, out problem))
            return problem;
        return Replies.Translate(await registry.AssociateAsync(new(id, conversation), context.RequestAborted));
    }
}
