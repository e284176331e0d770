using Akka.Actor;
using Registry.Actors;
using Registry.Actors.Cluster.Membership;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>The node itself: load and limits, liveness, readiness.</summary>
internal static class NodeEndpoints
{
    public static void MapNode(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/capacity", (ITubeRegistry registry) => Results.Json(registry.Capacity, ApiJson.Options));
        routes.MapPut("/v1/capacity/limits", ChangeLimitsAsync);
        routes.MapGet("/v1/nodes", (ITubeRegistry registry) => Results.Json(new ListBody<NodeBody>([.. registry.Nodes.Select(NodeBody.Of)]), ApiJson.Options));
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
        return await registry.ChangeLimitsAsync(change, request.HttpContext.RequestAborted) switch
        {
            CapacityRead read => Results.Json(read.Capacity, ApiJson.Options),
            var reply => Replies.Translate(reply),
        };
    }

    // The actor system starts before the first address is bound: whoever is answered finds the registry running.
    private static IResult ReadReadiness(IHostApplicationLifetime lifetime, ActorSystem system)
    {
        var state = lifetime.ApplicationStopping.IsCancellationRequested ? NodeState.Leaving : ClusterMembership.Of(system)?.State ?? NodeState.Up;
        return state switch
        {
            NodeState.Up => Results.Text("ready"),
            NodeState.Joining => new Problem(StatusCodes.Status503ServiceUnavailable, "joining", "The gateway has not joined its cluster yet; use another one.") { Retryable = true },
            _ => new Problem(StatusCodes.Status503ServiceUnavailable, "stopping", "The gateway is stopping; use another one.") { Retryable = true },
        };
    }
}
