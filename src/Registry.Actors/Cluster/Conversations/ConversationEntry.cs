using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Conversations;

/// <summary>Which tube of which node carries a conversation, and by which placement.</summary>
internal readonly record struct Holder(NodeAddress Node, TubeId TubeId, long Epoch);

/// <summary>Someone's wish for a tube or channel that carries the conversation.</summary>
/// <param name="Id">Names it across its repetitions.</param>
/// <param name="Command">A <see cref="CreateTube"/> or an <see cref="AssociateConversation"/>.</param>
/// <param name="At">The node that must do it, or null.</param>
internal sealed record Wish(Guid Id, IRegistryCommand Command, NodeAddress? At);

/// <summary>What the entry of a conversation wants done.</summary>
internal abstract record EntryEffect
{
    /// <summary>Ask a node; it says at once whether it works on it, or is given up.</summary>
    public sealed record Place(NodeAddress Node, Wish Wish, long Epoch, IRegistryCommand Command, bool OnlyIfHeld) : EntryEffect;

    /// <summary>Ask it again: it works on it, but what it said of the outcome may have been lost.</summary>
    public sealed record Remind(Place Placed) : EntryEffect;

    /// <summary>Have a node close what a wish made there.</summary>
    public sealed record Unplace(NodeAddress Node, Guid WishId) : EntryEffect;

    /// <summary>Have a node close a tube's part in the conversation, because a later placement carries it.</summary>
    public sealed record Supersede(Holder Loser) : EntryEffect;

    /// <summary>Answer who has the wish.</summary>
    public sealed record Answer(Guid WishId, RegistryReply Reply) : EntryEffect;
}

/// <summary>
/// The one place that decides where a conversation lives. It knows no actor, clock or network: it is told what happened and says what to do.
/// <code>
///   Recovering ──recovered──▶ Vacant ──wish──▶ Placing ──settled──▶ Placed
///        └────────held───────────┼───────────────┼──────────held─────▶ │
///                                ◀───────────────┴──refused            │
///                                ◀──────────ended, node lost───────────┘
/// </code>
/// One wish is worked on at a time. While the conversation is placed, its node's registry answers the wishes: it knows their request keys, and whether it carries
/// the conversation at all. So what the entry missed does not stay wrong.
/// </summary>
/// <param name="candidates">The nodes that may take one more tube, the best first.</param>
/// <param name="nowMs">Milliseconds since 1970, so that the epochs of an entry that lost its memory go on above those it gave before.</param>
internal sealed class ConversationEntry(Func<IReadOnlyList<NodeAddress>> candidates, Func<long> nowMs)
{
    /// <summary>Wishes that may wait for another one to be settled.</summary>
    public const int MaxWaiting = 64;

    /// <summary>Nodes that may leave a placement unanswered before it is given up.</summary>
    public const int MaxSilent = 3;

    private static readonly TimeSpan NoNodeRetry = TimeSpan.FromSeconds(1);

    private readonly LinkedList<Wish> waiting = [];
    private readonly HashSet<(NodeAddress, TubeId)> endedEarly = [];
    private readonly List<EntryEffect> effects = [];
    private bool isRecovered;
    private Attempt? attempt;
    private long epoch;

    /// <summary>Who carries the conversation; null when nobody does.</summary>
    public Holder? Holder { get; private set; }

    /// <summary>Whether it is known who carries the conversation, if anyone does.</summary>
    public bool IsRecovered => isRecovered;

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsIdle => isRecovered && Holder is null && attempt is null && waiting.Count == 0;

    /// <summary>The node that is being asked, if one is.</summary>
    public NodeAddress? Asked => attempt?.Node;

    /// <summary>Takes what is to be done, in order.</summary>
    public IReadOnlyList<EntryEffect> TakeEffects()
    {
        EntryEffect[] taken = [.. effects];
        effects.Clear();
        return taken;
    }

    /// <summary>Every node has said whether it carries the conversation.</summary>
    public void Recovered(Holder? held)
    {
        if (isRecovered)
            return;
        isRecovered = true;
        // What was told may be older than an end that was told since.
        if (held is { } holder && !endedEarly.Contains((holder.Node, holder.TubeId)))
            Held(holder);
        endedEarly.Clear();
        Pump();
    }

    /// <summary>A wish, which may be a repetition.</summary>
    public void Open(Wish wish)
    {
        if (attempt?.Wish.Id == wish.Id)
        {
            if (attempt.IsTaken)
                effects.Add(new EntryEffect.Remind(attempt.Placed));
            return;
        }

        if (waiting.Any(w => w.Id == wish.Id))
            return;
        if (waiting.Count >= MaxWaiting)
        {
            effects.Add(new EntryEffect.Answer(wish.Id, new Refused(RefusalCode.Overloaded, $"{waiting.Count} creates wait for this conversation already: try again in {NoNodeRetry.TotalSeconds} s.") { RetryAfter = NoNodeRetry }));
            return;
        }

        waiting.AddLast(wish);
        Pump();
    }

    /// <summary>Nobody has the wish any more.</summary>
    public void Abandon(Guid wishId)
    {
        if (waiting.FirstOrDefault(w => w.Id == wishId) is { } queued)
        {
            waiting.Remove(queued);
        }
        else if (attempt?.Wish.Id == wishId)
        {
            effects.Add(new EntryEffect.Unplace(attempt.Node, wishId));
            attempt = null;
            Pump();
        }
        else if (Holder is { } holder)
        {
            effects.Add(new EntryEffect.Unplace(holder.Node, wishId)); // The node knows whether the wish made anything.
        }
    }

    /// <summary>A node works on a placement.</summary>
    public void Taken(Guid wishId, NodeAddress node)
    {
        if (IsAsked(wishId, node))
            attempt!.IsTaken = true;
    }

    /// <summary>A node should have said by now that it works on a placement.</summary>
    public void Overdue(Guid wishId, NodeAddress node)
    {
        if (!IsAsked(wishId, node) || attempt!.IsTaken)
            return;
        if (attempt.OnlyIfHeld)
        {
            // Nobody else can say. The asker repeats its wish, until the node answers or is lost.
            attempt = null;
            Pump();
            return;
        }

        effects.Add(new EntryEffect.Unplace(node, wishId));
        attempt.Silent++;
        Next();
    }

    /// <summary>What became of a placement.</summary>
    public void Settled(Guid wishId, long placed, NodeAddress node, RegistryReply reply)
    {
        if (!IsAsked(wishId, node))
        {
            SettledLate(wishId, placed, node, reply);
            return;
        }

        if (attempt!.Epoch != placed)
            return; // of an earlier placement of the wish on this node, which was given up and told so

        if (reply is Refused refused)
        {
            Refuse(refused);
            return;
        }

        if (Carrier(attempt.Wish.Command, reply) is { } tube)
            Hold(new(node, tube, placed));
        Finish(reply);
    }

    /// <summary>A node says that it carries the conversation.</summary>
    public void Held(Holder held)
    {
        if (attempt is { } asking && Holder is null && asking.Node != held.Node)
        {
            // It lives already; what is being made beside it is not needed.
            effects.Add(new EntryEffect.Unplace(asking.Node, asking.Wish.Id));
            waiting.AddFirst(asking.Wish);
            attempt = null;
        }

        if (attempt is null || Holder is not null)
            Hold(held);
        Pump();
    }

    /// <summary>A tube no longer carries the conversation.</summary>
    public void Ended(NodeAddress node, TubeId tube)
    {
        if (!isRecovered)
            endedEarly.Add((node, tube));
        if (Holder is not { } holder || holder.Node != node || holder.TubeId != tube)
            return;
        Holder = null;
        Pump();
    }

    /// <summary>A node is gone with everything it had.</summary>
    public void NodeLost(NodeAddress node)
    {
        if (Holder?.Node == node)
            Holder = null;
        if (attempt is { OnlyIfHeld: true } asked && asked.Node == node)
        {
            waiting.AddFirst(asked.Wish);
            attempt = null;
        }
        else if (attempt?.Node == node)
        {
            attempt.Silent++;
            Next();
        }

        Pump();
    }

    // ------------------------------------------------------------------ placing

    private bool IsAsked(Guid wishId, NodeAddress node) => attempt is not null && attempt.Wish.Id == wishId && attempt.Node == node;

    private void Pump()
    {
        if (!isRecovered || attempt is not null || waiting.First is not { Value: var wish })
            return;
        waiting.RemoveFirst();
        attempt = new(wish, Holder is { } holder ? [holder.Node] : wish.At is { } at ? [at] : candidates(), Holder is not null);
        Next();
    }

    private void Next()
    {
        var asking = attempt!;
        if (asking.Left.Count > 0 && asking.Silent < MaxSilent)
            Ask(asking.Left.Dequeue(), mayWait: false);
        else if (asking.WorthWaiting is { } node)
            Ask(node, mayWait: true);
        else
            Finish(asking.Outcome());
    }

    private void Ask(NodeAddress node, bool mayWait)
    {
        var asking = attempt!;
        epoch = Math.Max(epoch + 1, nowMs());
        asking.Epoch = epoch;
        asking.Node = node;
        asking.IsTaken = false;
        asking.HasWaited = mayWait;
        // A node that is full is passed over before the create waits at one, unless there is no other.
        var command = asking.Wish.Command is CreateTube { MaxWait: not null } create && !mayWait && !asking.IsOnly ? create with { MaxWait = null } : asking.Wish.Command;
        asking.Placed = new(node, asking.Wish, asking.Epoch, command, asking.OnlyIfHeld);
        effects.Add(asking.Placed);
    }

    private void Refuse(Refused refused)
    {
        var asked = attempt!;
        if (asked.OnlyIfHeld && refused.Code == RefusalCode.ConversationNotFound)
        {
            // The node does not carry it after all.
            if (Holder?.Node == asked.Node)
                Holder = null;
            waiting.AddFirst(asked.Wish);
            attempt = null;
            Pump();
            return;
        }

        if (!asked.OnlyIfHeld && !asked.HasWaited && asked.Wish.At is null && refused.Code is RefusalCode.Overloaded or RefusalCode.Draining or RefusalCode.AuditUnavailable)
        {
            asked.Refusals.Add((asked.Node, refused));
            Next();
            return;
        }

        if (refused is { Code: RefusalCode.ConversationExists, TubeId: { } tube } && Holder is null)
            Hold(new(asked.Node, tube, asked.Epoch)); // The node knew better.
        Finish(refused);
    }

    private void Finish(RegistryReply reply)
    {
        effects.Add(new EntryEffect.Answer(attempt!.Wish.Id, reply));
        attempt = null;
        Pump();
    }

    // The entry gave it up, or was another one when it asked.
    private void SettledLate(Guid wishId, long placed, NodeAddress node, RegistryReply reply)
    {
        if (reply is TubeCreated created)
        {
            if (Holder is { } holder && holder.Node == node && holder.TubeId == created.TubeId)
                return;
            if (Holder is null && attempt is null)
                Hold(new(node, created.TubeId, placed)); // It lives. Whoever asked repeats it here, or has it closed.
            else
                effects.Add(new EntryEffect.Unplace(node, wishId));
        }
        else if (reply is Done && Holder?.Node != node)
        {
            effects.Add(new EntryEffect.Unplace(node, wishId));
        }
    }

    // Of two tubes for one conversation the later placement stays.
    private void Hold(Holder held)
    {
        epoch = Math.Max(epoch, held.Epoch);
        if (Holder is not { } holder || holder.Node == held.Node && holder.TubeId == held.TubeId)
        {
            Holder = held with { Epoch = Math.Max(held.Epoch, Holder?.Epoch ?? 0) };
            return;
        }

        var heldWins = held.Epoch != holder.Epoch ? held.Epoch > holder.Epoch : string.CompareOrdinal(held.Node.ToString(), holder.Node.ToString()) < 0;
        effects.Add(new EntryEffect.Supersede(heldWins ? holder : held));
        if (heldWins)
            Holder = held;
    }

    private static TubeId? Carrier(IRegistryCommand command, RegistryReply reply) => (command, reply) switch
    {
        (_, TubeCreated created) => created.TubeId,
        (AssociateConversation associate, Done) => associate.TubeId,
        _ => null,
    };

    /// <summary>One wish on its way from node to node.</summary>
    private sealed class Attempt(Wish wish, IReadOnlyList<NodeAddress> nodes, bool onlyIfHeld)
    {
        public Wish Wish => wish;

        /// <summary>The number of the placement that is asked for: each node is asked for one of its own.</summary>
        public long Epoch { get; set; }

        /// <summary>Whether the node is asked because it carries the conversation.</summary>
        public bool OnlyIfHeld => onlyIfHeld;

        public Queue<NodeAddress> Left { get; } = new(nodes);

        public bool IsOnly { get; } = nodes.Count == 1;

        public NodeAddress Node { get; set; }

        /// <summary>What the node was asked last.</summary>
        public EntryEffect.Place Placed { get; set; } = null!;

        public bool IsTaken { get; set; }

        /// <summary>Whether the node that is asked may let the create wait.</summary>
        public bool HasWaited { get; set; }

        public int Silent { get; set; }

        public List<(NodeAddress Node, Refused Refused)> Refusals { get; } = [];

        /// <summary>The full node that has a place soonest, for a create that may wait and did not yet.</summary>
        public NodeAddress? WorthWaiting => wish.Command is CreateTube { MaxWait: not null } && !HasWaited && !IsOnly && Soonest is { } soonest ? soonest.Node : null;

        /// <summary>What is answered when no node is left.</summary>
        public Refused Outcome()
        {
            if (Soonest is { } soonest)
                return soonest.Refused with { Message = Refusals.Count == 1 ? soonest.Refused.Message : $"None of {Refusals.Count} nodes has a place. {soonest.Refused.Message}" };
            if (Silent > 0)
                return new(RefusalCode.NodeUnreachable, "The nodes that could take it do not answer: try again shortly.") { RetryAfter = NoNodeRetry };
            if (Refusals.Find(refusal => refusal.Refused.Code == RefusalCode.AuditUnavailable).Refused is { } unrecorded)
                return unrecorded;
            return Refusals.Count > 0
                ? new(RefusalCode.Draining, "Every node that could take it is going out of service.") { RetryAfter = NoNodeRetry }
                : new(RefusalCode.Overloaded, "No node of the cluster takes tubes at present: try again shortly.") { RetryAfter = NoNodeRetry };
        }

        private (NodeAddress Node, Refused Refused)? Soonest =>
            Refusals.Where(r => r.Refused.Code == RefusalCode.Overloaded).OrderBy(r => r.Refused.RetryAfter ?? TimeSpan.MaxValue).Select(r => ((NodeAddress, Refused)?)r).FirstOrDefault();
    }
}
