using Registry.Actors;

namespace Registry.Host.Api;

/// <summary>The node itself: load, liveness, readiness.</summary>
internal static class NodeEndpoints
{
    public static void MapNode(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/capacity", (ITubeRegistry registry) => Results.Json(registry.Capacity, ApiJson.Options));
        routes.MapGet("/healthz", () => Results.Text("ok"));
        routes.MapGet("/readyz", ReadReadiness);
    }

    private static IResult ReadReadiness(ITubeRegistry registry, IHostApplicationLifetime lifetime)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            return new Problem(StatusCodes.Status503ServiceUnavailable, "stopping", "The gateway is stopping; use another one.") { Retryable = true };
        // The registry's load is written by its actor: reading it shows that the actor was started.
        return Results.Text(registry.Capacity.MaxConcurrentCreates > 0 ? "ready" : "starting");
    }
}
