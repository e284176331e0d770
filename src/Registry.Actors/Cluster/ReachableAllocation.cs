using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Sharding;

namespace Registry.Actors.Cluster;

/// <summary>
/// Gives new shards only to nodes that answer. A node that is missed and not removed yet, or was removed a moment ago, may have the fewest shards; one more would hold
/// up every create of the shard's conversations until it is removed.
/// </summary>
/// <param name="inner">Chooses among those.</param>
/// <param name="answering">The addresses of the members that answer.</param>
internal sealed class ReachableAllocation(IShardAllocationStrategy inner, Func<IReadOnlySet<Address>> answering) : IActorSystemDependentAllocationStrategy
{
    public void Start(ActorSystem system)
    {
        (inner as IStartableAllocationStrategy)?.Start();
        (inner as IActorSystemDependentAllocationStrategy)?.Start(system);
    }

    public Task<IActorRef> AllocateShard(IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations)
    {
        var members = answering();
        // The coordinator's own node names no host.
        var left = currentShardAllocations.Where(region => region.Key.Path.Address.HasLocalScope || members.Contains(region.Key.Path.Address)).ToImmutableDictionary();
        return inner.AllocateShard(requester, shardId, left.IsEmpty ? currentShardAllocations : left);
    }

    public Task<IImmutableSet<string>> Rebalance(IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress) =>
        inner.Rebalance(currentShardAllocations, rebalanceInProgress);
}
