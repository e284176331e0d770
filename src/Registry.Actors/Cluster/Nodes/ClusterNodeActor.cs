using Akka.Actor;
using Akka.Event;
using Registry.Actors.Cluster.Conversations;
using Registry.Actors.Cluster.Owners;
using Registry.Actors.Hosting;
using Registry.Actors.ReadModel;
using Registry.Actors.Tubes;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Nodes;

/// <summary>
/// Acts for this node: makes what entries place here, says what the node carries, and does with the node's own registry whatever another node asks. It is the one
/// actor of a node that commands of other nodes come to, and acts on this node only.
/// </summary>
internal sealed class ClusterNodeActor : SteadyActor
{
    /// <summary>The actor's name, the same on every node.</summary>
    public const string ActorName = "tube-cluster-node";

    private readonly ClusterRoomContext room;
    private readonly TubeRegistryNode node;
    private readonly IActorRef registry;
    private readonly TubeRegistryClient local;
    private readonly Dictionary<Guid, Placement> placements = [];
    private readonly Dictionary<ConversationId, List<Placement>> placementsOf = [];
    private readonly Dictionary<ConversationId, (TubeId TubeId, long Epoch)> epochs = [];
    private readonly Dictionary<string, long> releases = []; // when the last of an owner was told
    private long releasesSweptAt;
    private readonly IActorRef self;

    public ClusterNodeActor(ClusterRoomContext room, TubeRegistryNode node, IActorRef registry)
    {
        this.room = room;
        this.node = node;
        this.registry = registry;
        local = new(Context.System);
        self = Self;
    }

    public static Props Props(ClusterRoomContext room, TubeRegistryNode node, IActorRef registry) => Akka.Actor.Props.Create(() => new ClusterNodeActor(room, node, registry));

    // Called by the tubes' actors, which only ever tell.
    protected override void PreStart()
    {
        node.Directory.ConversationReleased = (conversation, tube) => self.Tell(new Released(conversation, tube));
        node.Directory.TubeRemoved = tube =>
        {
            if (tube.Owner is { } owner && room.Limits.MaxTubesPerOwner > 0)
                self.Tell(new ReleaseTube(owner, tube.TubeId));
        };
    }

    protected override void PostStop() => (node.Directory.ConversationReleased, node.Directory.TubeRemoved) = (null, null);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case NodeLoad load:
                room.Nodes.Hear(load);
                break;
            case IRegistryCommand read when RegistryReads.CanRead(read):
                node.Reads.ReadAsync(read, CancellationToken.None).PipeTo(Sender, Self);
                break;
            case IRegistryCommand command and not (CreateTube or AssociateConversation):
                registry.Forward(command);
                break;
            case Place place:
                Take(place);
                break;
            case Settled settled:
                Settle(settled);
                break;
            case Unplace unplace:
                Close(unplace.OpenId);
                break;
            case Supersede supersede:
                GiveUp(supersede);
                break;
            case Released released:
                Forget(released);
                break;
            case RecoverShard recover:
                Sender.Tell(new ShardHeld(recover.Shard, room.Nodes.Self, [.. Held().Where(h => ConversationExtractor.Instance.ShardId(h.ConversationId.ToString(), null) == recover.Shard)]));
                break;
            case Reannounce:
                foreach (var held in Held())
                    room.Conversations.Tell(held);
                break;
            case RecoverOwner recover:
                Answer(recover);
                break;
            case ReleaseTube release:
                Release(release);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Take(Place place)
    {
        var conversation = ((IWithConversationId)place.Command).ConversationId;
        // To the entry itself: a region whose coordinator is gone holds up what it cannot place.
        Sender.Tell(new PlaceTaken(conversation, place.OpenId, place.Epoch, room.Nodes.Self), Self);
        if (placements.TryGetValue(place.OpenId, out var known))
        {
            (known.Epoch, known.Entry) = (place.Epoch, Sender);
            Tell(known); // What it was told may have been lost.
            return;
        }

        var placement = new Placement(place.OpenId, conversation, place.Command, place.Command is CreateTube create ? create.TubeId ?? TubeId.NewId() : ((AssociateConversation)place.Command).TubeId) { Epoch = place.Epoch, Entry = Sender };
        placements.Add(place.OpenId, placement);
        if (!placementsOf.TryGetValue(conversation, out var all))
            placementsOf.Add(conversation, all = []);
        all.Add(placement);
        if (place.OnlyIfHeld && WhyNotHeld(placement) is { } refused)
            Settle(new(placement, refused));
        else
            MakeAsync(placement).PipeTo(self, success: reply => new Settled(placement, reply), failure: e => new Settled(placement, new Refused(RefusalCode.InternalError, $"The placement failed: {e.Message}")));
    }

    // One that is being made for another wish counts as held: the registry knows what to answer.
    private Refused? WhyNotHeld(Placement placement)
    {
        var conversation = placement.ConversationId;
        if (!node.Directory.TryGet(conversation, out var tube))
            return Of(conversation).Any(p => p != placement && p.Reply is null) ? null : TubeActor.NotFound(conversation);
        return placement.Command is AssociateConversation associate && associate.TubeId != tube.TubeId ? TubeActor.Exists(conversation, tube.TubeId) : null;
    }

    private async Task<RegistryReply> MakeAsync(Placement placement)
    {
        if (placement.Command is AssociateConversation associate)
            return await local.AssociateAsync(associate, placement.Stop.Token);
        var create = (CreateTube)placement.Command with { TubeId = placement.TubeId };
        var reserved = false;
        try
        {
            if (NeedsTubeOfOwner(create))
            {
                reserved = true; // or may be, from here on
                if (await room.ReserveAsync(create.Owner!, placement.TubeId, placement.Stop.Token) is Refused full)
                    return full;
                placement.IsReserved = true;
            }

            var reply = await local.CreateAsync(create, placement.Stop.Token);
            if (reserved && (reply as TubeCreated)?.TubeId != placement.TubeId)
                self.Tell(new ReleaseTube(create.Owner!, placement.TubeId));
            return reply;
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            if (reserved)
                self.Tell(new ReleaseTube(create.Owner!, placement.TubeId));
            return e is TimeoutException
                ? new Refused(RefusalCode.CreateTimeout, "The create did not finish in time. Try again.")
                : new Refused(RefusalCode.CreateCancelled, "The create was cancelled because its asker gave up.");
        }
    }

    // One that is here already is not counted again.
    private bool NeedsTubeOfOwner(CreateTube create) =>
        create.Owner is not null && node.Admission.Limits.MaxTubesPerOwner > 0 && !node.Directory.TryGet(create.TubeId!.Value, out _) && !node.Directory.TryGet(create.ConversationId, out _);

    private void Settle(Settled settled)
    {
        var placement = settled.Placement;
        placement.Reply = settled.Reply;
        TubeId? made = settled.Reply is TubeCreated created ? created.TubeId : settled.Reply is Done ? placement.TubeId : null;
        var isHeld = made is { } tube && node.Directory.TryGet(placement.ConversationId, out var holder) && holder.TubeId == tube;
        if (isHeld)
            epochs[placement.ConversationId] = (made!.Value, placement.Epoch);
        if (placement.Stop.IsCancellationRequested)
            CloseMade(placement);
        Tell(placement);
        if (isHeld && !placement.Stop.IsCancellationRequested)
            return; // Remembered while it lives, for the one who asks again.
        // It was not made, or has ended already; an entry may have been told that it was on its way.
        if (!isHeld)
            room.Conversations.Tell(new ConversationEnded(placement.ConversationId, made ?? placement.TubeId, room.Nodes.Self));
        Drop(placement);
    }

    private void Tell(Placement placement)
    {
        if (placement.Reply is { } reply)
            placement.Entry.Tell(new PlaceSettled(placement.ConversationId, placement.OpenId, placement.Epoch, room.Nodes.Self, reply));
    }

    private void Close(Guid openId)
    {
        if (!placements.TryGetValue(openId, out var placement))
            return;
        placement.Stop.Cancel();
        if (placement.Reply is null)
            return; // It settles shortly.
        CloseMade(placement);
        Drop(placement);
    }

    // What another wish was answered with too is someone's.
    private void CloseMade(Placement placement)
    {
        if (placement.Reply is not (TubeCreated or Done) || !node.Directory.TryGet(placement.ConversationId, out var tube)
            || Of(placement.ConversationId).Any(p => p != placement && p.Reply is TubeCreated or Done))
            return;
        CloseOn(tube, placement.ConversationId, CloseReason.Client, "The create was cancelled because its asker gave up.");
    }

    private void CloseOn(TubeSnapshot tube, ConversationId conversation, CloseReason reason, string? text = null)
    {
        if (tube.Conversations.Length <= 1)
            registry.Tell(new CloseTube(tube.TubeId, reason, text));
        else
            registry.Tell(new CloseConversation(conversation, reason, text));
    }

    private void GiveUp(Supersede supersede)
    {
        if (!node.Directory.TryGet(supersede.ConversationId, out var tube) || tube.TubeId != supersede.TubeId || EpochOf(supersede.ConversationId) > supersede.Epoch)
            return;
        Log.Warning("Tube {TubeId} must not carry conversation {ConversationId}: another node's tube does", supersede.TubeId, supersede.ConversationId);
        room.CountSuperseded();
        CloseOn(tube, supersede.ConversationId, CloseReason.Superseded);
    }

    private void Forget(Released released)
    {
        if (epochs.TryGetValue(released.ConversationId, out var known) && known.TubeId == released.TubeId)
            epochs.Remove(released.ConversationId);
        foreach (var placement in Of(released.ConversationId).Where(p => p.Reply is not null).ToArray())
            Drop(placement);
        room.Conversations.Tell(new ConversationEnded(released.ConversationId, released.TubeId, room.Nodes.Self));
    }

    private void Drop(Placement placement)
    {
        if (!placements.Remove(placement.OpenId))
            return;
        placement.Stop.Dispose();
        if (placementsOf[placement.ConversationId] is var all && all.Remove(placement) && all.Count == 0)
            placementsOf.Remove(placement.ConversationId);
    }

    private List<Placement> Of(ConversationId conversation) => placementsOf.GetValueOrDefault(conversation) ?? [];

    private long EpochOf(ConversationId conversation) => epochs.GetValueOrDefault(conversation).Epoch;

    private IEnumerable<ConversationHeld> Held() =>
        node.Directory.Claims.Select(c => new ConversationHeld(c.Conversation, c.Tube.TubeId, EpochOf(c.Conversation), room.Nodes.Self))
            .Concat(placements.Values.Where(p => p.Reply is null).Select(p => new ConversationHeld(p.ConversationId, p.TubeId, p.Epoch, room.Nodes.Self)))
            .DistinctBy(h => h.ConversationId);

    // The entry lets go of what it granted a moment ago by a release only: the answer must not overtake one that is on its way.
    private void Answer(RecoverOwner recover)
    {
        var held = new OwnerHeld(recover.Owner, room.Nodes.Self, [.. TubesOf(recover.Owner)]);
        var way = releases.TryGetValue(recover.Owner, out var last) && IsFresh(last) ? room.Owners : Sender;
        way.Tell(held);
    }

    private void Release(ReleaseTube release)
    {
        var now = room.Time.GetTimestamp();
        if (!IsFresh(releasesSweptAt))
        {
            foreach (var (owner, _) in releases.Where(r => !IsFresh(r.Value)).ToArray())
                releases.Remove(owner);
            releasesSweptAt = now;
        }

        releases[release.Owner] = now;
        room.Owners.Tell(release);
    }

    private bool IsFresh(long at) => room.Time.GetElapsedTime(at) <= OwnerActor.Fresh;

    private IEnumerable<TubeId> TubesOf(string owner) =>
        node.Directory.List().Where(t => t.Owner == owner).Select(t => t.TubeId)
            .Concat(placements.Values.Where(p => p.Reply is null && p.IsReserved && p.Command is CreateTube create && create.Owner == owner).Select(p => p.TubeId))
            .Distinct();

    /// <summary>Something an entry placed here. Touched by this actor, except where its task says that it has the owner's place.</summary>
    private sealed class Placement(Guid openId, ConversationId conversationId, IRegistryCommand command, TubeId tubeId)
    {
        public Guid OpenId => openId;

        public ConversationId ConversationId => conversationId;

        public IRegistryCommand Command => command;

        /// <summary>The tube that is to carry it, chosen before it exists.</summary>
        public TubeId TubeId => tubeId;

        public long Epoch { get; set; }

        /// <summary>The entry that asked last.</summary>
        public required IActorRef Entry { get; set; }

        public RegistryReply? Reply { get; set; }

        /// <summary>Whether its owner's limit has room for it.</summary>
        public volatile bool IsReserved;

        public CancellationTokenSource Stop { get; } = new();
    }

    private sealed record Settled(Placement Placement, RegistryReply Reply) : INoSerializationVerificationNeeded;

    private sealed record Released(ConversationId ConversationId, TubeId TubeId) : INoSerializationVerificationNeeded;
}
