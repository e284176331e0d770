using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Registry.Actors.Cluster.Conversations;
using Registry.Actors.Cluster.Nodes;
using Registry.Actors.Cluster.Owners;
using Registry.Actors.Hosting;

namespace Registry.Actors.Cluster;

/// <summary>Starts the actors by which this node is one registry with the others.</summary>
internal static class ClusterRoom
{
    /// <summary>What a member of the Akka cluster is that has a registry; others may be anything.</summary>
    public const string Role = "tube-registry";

    /// <summary>Adds the room to an actor system that has a registry and is in a cluster.</summary>
    public static void Configure(AkkaConfigurationBuilder builder) => builder.StartActors((system, actors) => Start((ExtendedActorSystem)system, actors, new()));

    /// <summary>The room of a node.</summary>
    public static ClusterRoomContext Of(ActorSystem system) => system.WithExtension<Extension, Provider>().Room;

    internal static void Start(ExtendedActorSystem system, IActorRegistry actors, ClusterSettings settings)
    {
        var node = TubeRegistryNode.Get(system);
        if (!actors.TryGet<RegistryActor>(out var registry))
            throw new InvalidOperationException("WithTubeRegistryCluster needs a registry: call WithTubeRegistry before it.");
        SkipAskers(system);
        var room = new ClusterRoomContext(node, new(system, node, node.Time), settings);
        system.WithExtension<Extension, Provider>().Open(room);
        ClusterMetrics.AddTo(node.Metrics, room);
        room.Recovery = system.ActorOf(ShardRecovery.Props(room), "tube-cluster-recovery");
        room.Conversations = StartRegion(system, "conversations", entity => ConversationActor.Props(room, entity), ConversationExtractor.Instance);
        room.Owners = StartRegion(system, "owners", entity => OwnerActor.Props(room, entity), OwnerExtractor.Instance);
        room.NodeActor = system.ActorOf(ClusterNodeActor.Props(room, node, registry), ClusterNodeActor.ActorName);
        system.ActorOf(MembershipActor.Props(room, node), "tube-cluster-members");
        actors.Register<ClusterRegistryActor>(system.ActorOf(ClusterRegistryActor.Props(new ClusterRegistry(system), registry), ClusterRegistryActor.ActorName));
    }

    // Ask numbers the actors that wait for its answers from the first in every run, and their paths do not say of which run they are: an answer to the run
    // before, which comes late to a node that started again at its address, must not meet a question of this one.
    private static void SkipAskers(ExtendedActorSystem system)
    {
        for (var skipped = Random.Shared.Next(1 << 17); skipped > 0; skipped--)
            _ = system.Provider.TempPath();
    }

    private static IActorRef StartRegion(ActorSystem system, string name, Func<string, Props> props, IMessageExtractor extractor)
    {
        var sharding = ClusterSharding.Get(system);
        var settings = ClusterShardingSettings.Create(system).WithRole(Role);
        var cluster = Akka.Cluster.Cluster.Get(system);
        var allocation = new ReachableAllocation(sharding.DefaultShardAllocationStrategy(settings), () => cluster.State is var state ? state.Members.Except(state.Unreachable).Select(m => m.Address).ToHashSet() : []);
        return sharding.Start(name, props, settings, extractor, allocation, PoisonPill.Instance);
    }

    /// <summary>Where the room is found once the actor system has started.</summary>
    private sealed class Extension : IExtension
    {
        private volatile ClusterRoomContext? room;

        public ClusterRoomContext Room => room ?? throw new InvalidOperationException("The actor system has not started yet.");

        public void Open(ClusterRoomContext opened) => room = opened;
    }

    private sealed class Provider : ExtensionIdProvider<Extension>
    {
        public override Extension CreateExtension(ExtendedActorSystem system) => new();
    }
}
