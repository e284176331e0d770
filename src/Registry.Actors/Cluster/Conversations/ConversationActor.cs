using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Event;
using Registry.Actors.Cluster.Nodes;
using Registry.Actors.Tubes;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Conversations;

/// <summary>
/// The entry of one conversation, sharded by its id: the single writer of where the conversation lives. <see cref="ConversationEntry"/> decides; this actor
/// brings it what happens and does what it says. It holds no socket and no disk, so being moved to another node costs nothing.
/// </summary>
internal sealed class ConversationActor : SteadyActor, IWithTimers, IWithUnboundedStash
{
    private static readonly TimeSpan LeaseCheck = TimeSpan.FromSeconds(5);

    private readonly ClusterRoomContext room;
    private readonly ConversationId conversation;
    private readonly ConversationEntry entry;
    private readonly Dictionary<Guid, Asking> asking = [];
    private readonly Dictionary<Guid, (RegistryReply Reply, long At)> answered = []; // for an asker whose repetition crossed the answer
    private NodeAddress? watched;
    private bool wasClosed; // by a call: closing it once more succeeds

    public ConversationActor(ClusterRoomContext room, string entityId)
    {
        this.room = room;
        conversation = new(entityId);
        entry = new(room.Nodes.Candidates, () => room.Time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    public static Props Props(ClusterRoomContext room, string entityId) => Akka.Actor.Props.Create(() => new ConversationActor(room, entityId));

    protected override void PreStart()
    {
        room.Recovery.Tell(new RecoverEntry(Context.Parent, ConversationExtractor.Instance.ShardId(conversation.ToString(), null), conversation));
        Context.SetReceiveTimeout(room.Settings.IdleEntry);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case EntryRecovered recovered:
                entry.Recovered(recovered.Held is { } known ? new Holder(known.Node, known.TubeId, known.Epoch) : null);
                Stash.UnstashAll();
                break;
            case OpenConversation open:
                Open(open);
                break;
            case AbandonOpen abandon:
                asking.Remove(abandon.OpenId);
                answered.Remove(abandon.OpenId);
                entry.Abandon(abandon.OpenId);
                break;
            case PlaceTaken taken:
                entry.Taken(taken.OpenId, taken.Node);
                break;
            // What was on its way when its node was lost is of no use any more.
            case PlaceSettled settled when !room.Nodes.IsMember(settled.Node):
            case ConversationHeld held when !room.Nodes.IsMember(held.Node):
                break;
            case PlaceSettled outcome:
                entry.Settled(outcome.OpenId, outcome.Epoch, outcome.Node, outcome.Reply);
                break;
            case PlaceOverdue overdue:
                entry.Overdue(overdue.OpenId, overdue.Node);
                break;
            case ConversationHeld announced:
                entry.Held(new(announced.Node, announced.TubeId, announced.Epoch));
                break;
            case ConversationEnded ended:
                entry.Ended(ended.Node, ended.TubeId);
                break;
            case FindConversation or CloseConversation when !entry.IsRecovered:
                Stash.Stash();
                break;
            case FindConversation find:
                AskHolder(find, TubeActor.NotFound(conversation));
                break;
            case CloseConversation close:
                AskHolder(close, wasClosed ? Done.Instance : TubeActor.NotFound(conversation));
                wasClosed |= entry.Holder is not null;
                break;
            case Terminated terminated when watched is { } node && room.Nodes.ActorOf(node).Equals(terminated.ActorRef):
                watched = null;
                entry.NodeLost(node);
                break;
            case CheckLeases:
                AbandonSilent();
                break;
            case ReceiveTimeout when entry.IsIdle && answered.Count == 0:
                Context.Parent.Tell(new Passivate(PoisonPill.Instance));
                break;
            case ReceiveTimeout or Terminated:
                break;
            default:
                Unhandled(message);
                break;
        }

        foreach (var effect in entry.TakeEffects())
            Do(effect);
        Watch(entry.Asked ?? entry.Holder?.Node);
    }

    private void Open(OpenConversation open)
    {
        if (answered.TryGetValue(open.OpenId, out var before))
        {
            Sender.Tell(before.Reply);
            return;
        }

        var now = room.Time.GetTimestamp();
        if (asking.TryGetValue(open.OpenId, out var known))
        {
            (known.Asker, known.SeenAt) = (Sender, now);
        }
        else
        {
            asking.Add(open.OpenId, new() { Asker = Sender, AskedAt = now, SeenAt = now });
            CheckLater();
        }

        entry.Open(new(open.OpenId, open.Command, open.At));
    }

    // An asker whose node is gone cannot abandon what it asked for.
    private void AbandonSilent()
    {
        foreach (var (wish, asked) in asking.Where(a => room.Time.GetElapsedTime(a.Value.SeenAt) > room.Settings.Lease).ToArray())
        {
            asking.Remove(wish);
            entry.Abandon(wish);
        }

        foreach (var (wish, _) in answered.Where(a => room.Time.GetElapsedTime(a.Value.At) > room.Settings.Lease).ToArray())
            answered.Remove(wish);
        if (asking.Count > 0 || answered.Count > 0)
            CheckLater();
    }

    private void CheckLater()
    {
        if (!Timers.IsTimerActive(nameof(CheckLeases)))
            Timers.StartSingleTimer(nameof(CheckLeases), CheckLeases.Instance, LeaseCheck);
    }

    private void Send(EntryEffect.Place place) =>
        room.Nodes.ActorOf(place.Node).Tell(new Place(place.Wish.Id, place.Epoch, Remaining(place), place.OnlyIfHeld));

    private void AskHolder(IRegistryCommand command, RegistryReply otherwise)
    {
        if (entry.Holder is { } holder)
            room.Nodes.ActorOf(holder.Node).Forward(command);
        else
            Sender.Tell(otherwise);
    }

    private void Do(EntryEffect effect)
    {
        switch (effect)
        {
            case EntryEffect.Place place:
                if (place is { Command: CreateTube, OnlyIfHeld: false })
                    room.Nodes.CountPlacement(place.Node);
                Send(place);
                Timers.StartSingleTimer(nameof(PlaceOverdue), new PlaceOverdue(place.Wish.Id, place.Node), room.Settings.PlacementTimeout);
                break;
            case EntryEffect.Remind remind:
                Send(remind.Placed);
                break;
            case EntryEffect.Unplace unplace:
                room.Nodes.ActorOf(unplace.Node).Tell(new Unplace(unplace.WishId));
                break;
            case EntryEffect.Supersede { Loser: var loser }:
                Log.Warning("Conversation {ConversationId} has a second tube, {TubeId} on {Node}, of the earlier placement {Epoch}: it is closed", conversation, loser.TubeId, loser.Node, loser.Epoch);
                room.Nodes.ActorOf(loser.Node).Tell(new Supersede(conversation, loser.TubeId, loser.Epoch));
                break;
            case EntryEffect.Answer answer:
                if (answer.Reply is TubeCreated or Done)
                    wasClosed = false;
                if (!asking.Remove(answer.WishId, out var asked))
                    break;
                asked.Asker.Tell(answer.Reply);
                answered[answer.WishId] = (answer.Reply, room.Time.GetTimestamp());
                CheckLater();
                break;
        }
    }

    // What is left of the time that the asker gave: clocks of nodes differ, durations do not.
    private IRegistryCommand Remaining(EntryEffect.Place place)
    {
        if (place.Command is not CreateTube { Timeout: { } timeout } create || !asking.TryGetValue(place.Wish.Id, out var asked))
            return place.Command;
        var left = timeout - room.Time.GetElapsedTime(asked.AskedAt);
        return create with { Timeout = left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1) };
    }

    private void Watch(NodeAddress? node)
    {
        if (node == watched)
            return;
        if (watched is { } before)
            Context.Unwatch(room.Nodes.ActorOf(before));
        watched = node;
        if (node is { } now)
            Context.Watch(room.Nodes.ActorOf(now));
    }

    private sealed class Asking
    {
        public required IActorRef Asker { get; set; }

        public required long AskedAt { get; init; }

        public required long SeenAt { get; set; }
    }

    private sealed record PlaceOverdue(Guid OpenId, NodeAddress Node) : INoSerializationVerificationNeeded;

    private sealed record CheckLeases : INoSerializationVerificationNeeded
    {
        public static readonly CheckLeases Instance = new();
    }
}
