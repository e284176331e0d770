using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Registry.Actors.Cluster;

namespace Registry.Actors.Tests.Cluster;

public sealed class ReachableAllocationSpecs
{
    [Fact]
    public async Task A_shard_goes_to_a_node_that_answers_although_another_has_fewer()
    {
        await using var cluster = await InProcessCluster.StartAsync(1);
        var here = cluster[0].System.DeadLetters;
        var (answering, missed) = (RegionOf("akka.tcp://registry@127.0.0.1:1"), RegionOf("akka.tcp://registry@127.0.0.1:2"));
        var allocation = new ReachableAllocation(new FewestShards(), () => new HashSet<Address> { answering.Path.Address });

        (await AllocateAsync((here, 2), (answering, 1), (missed, 0))).ShouldBe(answering);
        (await AllocateAsync((here, 0), (answering, 1), (missed, 0))).ShouldBe(here);
        (await AllocateAsync((missed, 1))).ShouldBe(missed, "there is no other");

        IActorRef RegionOf(string node) => ((ExtendedActorSystem)cluster[0].System).Provider.ResolveActorRef($"{node}/system/sharding/conversations");
        Task<IActorRef> AllocateAsync(params (IActorRef Region, int Shards)[] regions) => allocation.AllocateShard(here, "7", regions.ToImmutableDictionary(
            region => region.Region, IImmutableList<string> (region) => [.. Enumerable.Range(0, region.Shards).Select(shard => $"{shard}")]));
    }

    private sealed class FewestShards : IShardAllocationStrategy
    {
        public Task<IActorRef> AllocateShard(IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations) =>
            Task.FromResult(currentShardAllocations.MinBy(region => region.Value.Count).Key);

        public Task<IImmutableSet<string>> Rebalance(IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress) =>
            Task.FromResult<IImmutableSet<string>>(ImmutableHashSet<string>.Empty);
    }
}
