using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Registry.Actors.Cluster.Membership;
using Registry.Actors.Hosting;
using Registry.Actors.ReadModel;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Nodes;

/// <summary>A node left the cluster, in order or not: what the others hold is announced anew, for entries may have gone with it.</summary>
internal sealed record Reannounce : INoSerializationVerificationNeeded
{
    public static readonly Reannounce Instance = new();
}

/// <summary>Follows the cluster's members, and tells them this node's load each second and when it changed.</summary>
internal sealed class MembershipActor(ClusterRoomContext room, TubeRegistryNode node) : UntypedActor, IWithTimers
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private const int LooksPerReport = 10;
    private static readonly TimeSpan JoinedBy = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Reminder = TimeSpan.FromSeconds(10);

    private readonly Akka.Cluster.Cluster cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly HashSet<NodeAddress> downed = [];
    private RegistryCapacity? told;
    private int looks;
    private bool hasLeft;

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterRoomContext room, TubeRegistryNode node) => Akka.Actor.Props.Create(() => new MembershipActor(room, node));

    protected override void PreStart()
    {
        cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsSnapshot, typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));
        Timers.StartPeriodicTimer(nameof(Look), LookAgain.Instance, Look);
        Timers.StartPeriodicTimer(RemindToJoin.Instance, RemindToJoin.Instance, JoinedBy, Reminder);
    }

    protected override void PostStop() => cluster.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ClusterEvent.CurrentClusterState state:
                foreach (var lost in room.Nodes.Update(state, downed))
                    log.Warning("Node {Node} is lost, and the cluster goes on without it; tubes that went with it: {Tubes}", lost.Name, lost.Tubes);
                downed.RemoveWhere(gone => !room.Nodes.IsMember(gone));
                Report(node.Admission.Read());
                if (hasLeft)
                    room.NodeActor.Tell(Reannounce.Instance);
                hasLeft = false;
                break;
            case ClusterEvent.IClusterDomainEvent change:
                Tell(change);
                hasLeft |= change is ClusterEvent.MemberRemoved;
                if (change is ClusterEvent.MemberRemoved { PreviousStatus: MemberStatus.Down } down)
                    downed.Add(ClusterNodes.Of(down.Member.UniqueAddress));
                cluster.SendCurrentClusterState(Self); // The cluster's own view may be a moment behind its events.
                break;
            case LookAgain:
                var capacity = node.Admission.Read();
                if (++looks >= LooksPerReport || capacity != told)
                    Report(capacity);
                break;
            case RemindToJoin:
                SayWhyNotJoined();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Tell(ClusterEvent.IClusterDomainEvent change)
    {
        switch (change)
        {
            case ClusterEvent.MemberUp up:
                log.Info("Node {Node} is up", NodeName.Of(up.Member.Address));
                break;
            case ClusterEvent.UnreachableMember { Member: { Status: not MemberStatus.Exiting } silent }:
                log.Warning("Node {Node} does not answer", NodeName.Of(silent.Address));
                break;
            case ClusterEvent.ReachableMember { Member: var heard }:
                log.Info("Node {Node} answers again", NodeName.Of(heard.Address));
                break;
            case ClusterEvent.MemberRemoved removed when removed.Member.Address == cluster.SelfAddress:
                break; // Whoever stopped it says why.
            // To a node that goes all others are removed, out of whatever state they are in.
            case ClusterEvent.MemberRemoved { PreviousStatus: MemberStatus.Exiting } left:
                log.Info("Node {Node} has left the cluster", NodeName.Of(left.Member.Address));
                break;
            default:
                break;
        }
    }

    private void SayWhyNotJoined()
    {
        if (cluster.SelfMember.Status == MemberStatus.Removed && !cluster.IsTerminated)
            log.Warning("Node {Node} has not joined a cluster yet: {Why}", node.Name, ClusterMembership.Of(Context.System)?.WhyNotJoined ?? "");
        else if (cluster.SelfMember.Status is MemberStatus.Joining or MemberStatus.WeaklyUp)
            log.Warning("Node {Node} is not up yet: the nodes of the cluster must all hear each other for that", node.Name);
        else
            Timers.Cancel(RemindToJoin.Instance);
    }

    private void Report(RegistryCapacity capacity)
    {
        (told, looks) = (capacity, 0);
        var load = new NodeLoad(room.Nodes.Self, node.Name, capacity, RegistryReads.Version, node.Reads.Since, room.SupersededTubes);
        foreach (var one in room.Nodes.Members)
            room.Nodes.ActorOf(one).Tell(load);
    }

    private sealed record LookAgain : INoSerializationVerificationNeeded
    {
        public static readonly LookAgain Instance = new();
    }
    private sealed record RemindToJoin : INoSerializationVerificationNeeded
    {
        public static readonly RemindToJoin Instance = new();
    }
}
