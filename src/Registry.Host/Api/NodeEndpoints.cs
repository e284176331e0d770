using System.Globalization;
using System.Security.Claims;
using Akka.Actor;
using Registry.Actors;
using Registry.Actors.Audit;
using Registry.Actors.Cluster.Membership;
using Registry.Host.Api.Description;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving.Reload;
using Registry.Host.Serving.Settings;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>The nodes: load and limits, going out of service, liveness, readiness; and who is asking.</summary>
internal static class NodeEndpoints
{
    public static void MapNode(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/capacity", (ITubeRegistry registry) => Results.Json(CapacityBody.Of(registry.Capacity), ApiJson.Options)).ForReaders().Described(Operations.ReadCapacity);
        routes.MapPut("/v1/capacity/limits", ChangeLimitsAsync).ForOperators().Described(Operations.ChangeLimits);
        routes.MapGet("/v1/nodes", (ITubeRegistry registry) => Results.Json(new ListBody<NodeBody>([.. registry.Nodes.Select(NodeBody.Of)]), ApiJson.Options)).ForReaders().Described(Operations.ListNodes);
        routes.MapPost("/v1/nodes/{node}/drain", (string node, HttpRequest request, ITubeRegistry registry) =>
            DrainAsync(request, node, (command, cancellationToken) => registry.DrainAsync(node, command, cancellationToken))).ForOperators().Described(Operations.DrainNamed);
        routes.MapDelete("/v1/nodes/{node}/drain", (string node, HttpContext context, ITubeRegistry registry) =>
            ResumeAsync(context, node, cancellationToken => registry.ResumeAsync(node, cancellationToken))).ForOperators().Described(Operations.ResumeNamed);
        routes.MapGet("/v1/caller", (ClaimsPrincipal user) => Results.Json(CallerBody.Of(user), ApiJson.Options)).ForReaders().Described(Operations.ReadCaller);
        routes.MapPost("/v1/node/drain", (HttpRequest request, ITubeRegistry registry) => DrainAsync(request, registry.Node, registry.DrainAsync)).ForOperators().Described(Operations.Drain);
        routes.MapDelete("/v1/node/drain", (HttpContext context, ITubeRegistry registry) => ResumeAsync(context, registry.Node, registry.ResumeAsync)).ForOperators().Described(Operations.Resume);
        routes.MapPost("/v1/node/reload", ReloadAsync).ForOperators().Described(Operations.Reload);
        routes.MapGet("/healthz", () => Results.Text("ok")).ForAnyone().DisableRateLimiting().Described(Operations.Liveness);
        routes.MapGet("/readyz", ReadReadiness).ForAnyone().DisableRateLimiting().Described(Operations.Readiness);
    }

    private static async Task<IResult> ChangeLimitsAsync(HttpRequest request, ITubeRegistry registry)
    {
        var body = await RequestBody.ReadAsync<LimitsBody>(request);
        if (!body.IsValid)
            return body.Problem;
        var change = new ChangeLimits
        {
            MaxConcurrentCreates = body.Value.MaxConcurrentCreates,
            MaxTubes = body.Value.MaxTubes,
            MaxTubesPerOwner = body.Value.MaxTubesPerOwner,
            MaxWaiting = body.Value.MaxWaiting,
        };
        return Translate(await ToldAsync(request.HttpContext, $"other limits: {InWords(body.Value)}", registry.ChangeLimitsAsync(change, request.HttpContext.RequestAborted)), StatusCodes.Status200OK);
    }

    private static async Task<IResult> DrainAsync(HttpRequest request, string node, Func<DrainNode, CancellationToken, Task<RegistryReply>> drain)
    {
        var body = await RequestBody.ReadOrDefaultAsync<DrainBody>(request);
        if (!body.IsValid)
            return body.Problem;
        if (!Arguments.TryDuration(body.Value.DeadlineMs, DrainNode.LongestDeadline, "deadlineMs", out var deadline, out var problem))
            return problem;
        var command = new DrainNode { Deadline = deadline, UntilAtMost = body.Value.UntilAtMost ?? 0 };
        return Translate(await ToldAsync(request.HttpContext, $"a drain of node {node}{InWords(command)}", drain(command, request.HttpContext.RequestAborted)), StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> ResumeAsync(HttpContext context, string node, Func<CancellationToken, Task<RegistryReply>> resume) =>
        Translate(await ToldAsync(context, $"node {node} back in service", resume(context.RequestAborted)), StatusCodes.Status200OK);

    private static async Task<IResult> ReloadAsync(HttpRequest request, GatewayReload reload, ILogger<GatewayReload> log)
    {
        var body = await RequestBody.ReadOrDefaultAsync<ReloadBody>(request);
        if (!body.IsValid)
            return body.Problem;
        Tell(request.HttpContext, "the settings to be read again", "");
        try
        {
            var report = await reload.ReloadAsync(request.HttpContext.RequestAborted);
            log.LogInformation("Settings were read again at an operator's call: {Lines}", string.Join(' ', report.Lines));
            return Results.Json(report, ApiJson.Options);
        }
        catch (CommandException e)
        {
            log.LogError("An operator's call: nothing changed: {Why}", e.Message.ReplaceLineEndings(" "));
            return new Problem(StatusCodes.Status409Conflict, ProblemCodes.InvalidConfiguration, $"Nothing changed:{(e is SettingsException { Faults.Count: > 1 } ? "\n" : " ")}{e.Message.ReplaceLineEndings("\n")}") { Field = e is SettingsException { Faults: [{ Key: { Length: > 0 } key }, ..] } ? key : null };
        }
    }

    // Of what concerns a whole node there is no record but this: with what came of it, so that nobody takes a wish for a change.
    private static async Task<RegistryReply> ToldAsync(HttpContext context, string what, Task<RegistryReply> asked)
    {
        var outcome = ", which had no answer";
        try
        {
            var reply = await asked;
            outcome = reply is Refused refused ? $", which was refused: {refused.Message}" : "";
            return reply;
        }
        finally
        {
            Tell(context, what, outcome);
        }
    }

    private static void Tell(HttpContext context, string what, string outcome) => context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(nameof(NodeEndpoints))
        .LogInformation("{Caller} asked for {What}{Outcome}", new Caller(context.User).Name ?? "A caller", what, outcome);

    private static string InWords(LimitsBody body) => string.Join(", ", new[]
    {
        ("max concurrent creates", body.MaxConcurrentCreates), ("max tubes", body.MaxTubes), ("per owner", body.MaxTubesPerOwner), ("max waiting", body.MaxWaiting),
    }.Where(limit => limit.Item2 is not null).Select(limit => $"{limit.Item1}: {limit.Item2}"));

    private static string InWords(DrainNode command) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(command.Deadline is { } deadline ? $" within {deadline.TotalSeconds:0.###} s" : "")}{(command.UntilAtMost > 0 ? $", until at most {command.UntilAtMost} are left" : "")}");

    private static IResult Translate(RegistryReply reply, int status) => reply switch
    {
        CapacityRead read => Results.Json(CapacityBody.Of(read.Capacity), ApiJson.Options, statusCode: status),
        Refused refused => Problem.Of(refused) with { AnyNodeCan = false },
        _ => Replies.Translate(reply),
    };

    // The actor system starts before the first address is bound: whoever is answered finds the registry running.
    // Once it stops, the registry drains before anyone else is told.
    private static IResult ReadReadiness(ITubeRegistry registry, IHostApplicationLifetime lifetime, ActorSystem system, AuditLog audit)
    {
        var state = registry.Capacity.IsDraining || lifetime.ApplicationStopping.IsCancellationRequested ? NodeState.Draining : ClusterMembership.Of(system)?.State ?? NodeState.Up;
        return state switch
        {
            NodeState.Up when !audit.IsAvailable => Problem.Of(AuditTrail.Refuse()),
            NodeState.Up => Results.Text("ready"),
            NodeState.Joining => new Problem(StatusCodes.Status503ServiceUnavailable, ProblemCodes.Joining, "The gateway has not joined its cluster yet; use another one.") { Retryable = true },
            _ => new Problem(StatusCodes.Status503ServiceUnavailable, RefusalCode.Draining.Text, "The gateway is going out of service.") { Retryable = true },
        };
    }
}
