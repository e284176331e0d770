using Akka.Actor;

namespace Registry.Actors.Cluster.Membership;

/// <summary>What a node of a cluster is called: where the others reach it.</summary>
internal static class NodeName
{
    public static string Of(Address address) => $"{address.Host}:{address.Port}";

    /// <returns>Null for a node that no other can reach.</returns>
    public static string? Of(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress is { HasGlobalScope: true } address ? Of(address) : null;
}
