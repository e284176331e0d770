using Akka.Actor;
using Akka.Cluster.Sharding;
using Registry.Actors.Admission;
using Registry.Actors.Cluster.Conversations;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Owners;

/// <summary>Says which entry of which shard a message about an owner is for.</summary>
internal sealed class OwnerExtractor() : HashCodeMessageExtractor(ConversationExtractor.Shards)
{
    public static readonly OwnerExtractor Instance = new();

    public override string? EntityId(object message) => (message as IWithOwner)?.Owner;
}

/// <summary>
/// The entry of one owner, sharded by name: counts its tubes over all nodes, so that its limit holds exactly. The nodes know what they hold; before the entry
/// counts anything, and before it refuses, it asks them.
/// </summary>
internal sealed class OwnerActor : SteadyActor, IWithTimers
{
    /// <summary>What was granted no longer ago may not be known to the node's actor yet, and is let go of only when it is released.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private readonly ClusterRoomContext room;
    private readonly string owner;
    private readonly Dictionary<TubeId, Grant> tubes = [];
    private readonly List<(ReserveTube Request, IActorRef Asker)> waiting = [];
    private readonly HashSet<NodeAddress> answered = [];
    private bool isAsking = true;

    public OwnerActor(ClusterRoomContext room, string owner)
    {
        this.room = room;
        this.owner = owner;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterRoomContext room, string owner) => Akka.Actor.Props.Create(() => new OwnerActor(room, owner));

    protected override void PreStart()
    {
        Context.SetReceiveTimeout(room.Settings.IdleEntry);
        Ask();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReserveTube reserve:
                Reserve(reserve);
                break;
            case ReleaseTube release:
                tubes.Remove(release.TubeId);
                waiting.RemoveAll(w => w.Request.TubeId == release.TubeId);
                break;
            case OwnerHeld held when isAsking:
                Hear(held);
                break;
            case AskAgain when isAsking:
                Ask();
                break;
            case ReceiveTimeout when tubes.Count == 0 && !isAsking:
                Context.Parent.Tell(new Passivate(PoisonPill.Instance));
                break;
            case ReceiveTimeout when !isAsking:
                Verify(); // What ended unheard must not keep the entry for ever.
                break;
            case OwnerHeld or AskAgain or ReceiveTimeout:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private int Limit => room.Limits.MaxTubesPerOwner;

    private bool HasRoom => Limit == 0 || tubes.Count < Limit;

    private void Reserve(ReserveTube reserve)
    {
        if (tubes.ContainsKey(reserve.TubeId))
        {
            Sender.Tell(Done.Instance);
        }
        else if (!isAsking && HasRoom)
        {
            Allow(reserve, Sender);
        }
        else
        {
            waiting.RemoveAll(w => w.Request.TubeId == reserve.TubeId); // it asks again
            waiting.Add((reserve, Sender));
            if (!isAsking)
                Verify();
        }
    }

    private void Verify()
    {
        isAsking = true;
        answered.Clear();
        Ask();
    }

    private void Ask()
    {
        foreach (var node in room.Nodes.Carriers.Where(n => !answered.Contains(n)))
            room.Nodes.ActorOf(node).Tell(new RecoverOwner(owner));
        Timers.StartSingleTimer(nameof(AskAgain), AskAgain.Instance, room.Settings.AskAgain);
        Decide();
    }

    private void Hear(OwnerHeld held)
    {
        answered.Add(held.Node);
        foreach (var (tube, grant) in tubes.Where(t => t.Value.Node == held.Node && room.Time.GetElapsedTime(t.Value.At) > Fresh).ToArray())
            if (!held.Tubes.Contains(tube))
                tubes.Remove(tube);
        foreach (var tube in held.Tubes)
            tubes.TryAdd(tube, new(held.Node, room.Time.GetTimestamp()));
        Decide();
    }

    // A node that has left took its tubes with it.
    private void Decide()
    {
        if (!room.Nodes.AreAll(answered))
            return;
        isAsking = false;
        Timers.Cancel(nameof(AskAgain));
        foreach (var (tube, _) in tubes.Where(t => !room.Nodes.IsMember(t.Value.Node)).ToArray())
            tubes.Remove(tube);
        foreach (var (request, asker) in waiting)
        {
            if (tubes.ContainsKey(request.TubeId))
                asker.Tell(Done.Instance);
            else if (HasRoom)
                Allow(request, asker);
            else
                asker.Tell(CreateAdmission.OwnerLimit(owner, tubes.Count, Limit));
        }

        waiting.Clear();
    }

    private void Allow(ReserveTube request, IActorRef asker)
    {
        tubes[request.TubeId] = new(request.Node, room.Time.GetTimestamp());
        asker.Tell(Done.Instance);
    }

    private readonly record struct Grant(NodeAddress Node, long At);

    private sealed record AskAgain : INoSerializationVerificationNeeded
    {
        public static readonly AskAgain Instance = new();
    }
}
