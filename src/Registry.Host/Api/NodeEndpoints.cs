using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>The node itself: load, liveness, readiness.</summary>
internal static class NodeEndpoints
{
    public static void MapNode(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/capacity", (ITubeRegistry registry) => Results.Json(registry.Capacity, ApiJson.Options));
        routes.MapPut("/v1/capacity/limits", ChangeLimitsAsync);
        routes.MapGet("/healthz", () => Results.Text("ok"));
        routes.MapGet("/readyz", ReadReadiness);
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
        return await registry.ChangeLimitsAsync(change, request.HttpContext.RequestAborted) is var reply && reply is CapacityRead read
            ? Results.Json(read.Capacity, ApiJson.Options)
            : Replies.Translate(reply);
    }

    private static IResult ReadReadiness(ITubeRegistry registry, IHostApplicationLifetime lifetime)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            return new Problem(StatusCodes.Status503ServiceUnavailable, "stopping", "The gateway is stopping; use another one.") { Retryable = true };
        // The registry's load is written by its actor: reading it shows that the actor was started.
        return Results.Text(registry.Capacity.MaxConcurrentCreates > 0 ? "ready" : "starting");
    }
}
