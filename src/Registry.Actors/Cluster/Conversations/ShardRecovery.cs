using Akka.Actor;
using Akka.Event;
using Registry.Actors.Cluster.Nodes;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Conversations;

/// <summary>An entry that has just started asks who carries its conversation.</summary>
/// <param name="Shard">The entry's shard, this very run of it.</param>
/// <param name="ShardId">The shard's id.</param>
/// <param name="ConversationId">The conversation.</param>
internal sealed record RecoverEntry(IActorRef Shard, string ShardId, ConversationId ConversationId) : INoSerializationVerificationNeeded;

/// <summary>Every node was asked.</summary>
/// <param name="Held">The placement that carries the conversation, or null.</param>
internal sealed record EntryRecovered(ConversationHeld? Held) : INoSerializationVerificationNeeded;

/// <summary>
/// Knows, for each shard that came to this node, what its conversations were placed on before: it asks every node once, when the first entry of the shard
/// starts. A node that does not answer holds up only the entries of shards that have moved since; those that stay here know their conversations.
/// </summary>
internal sealed class ShardRecovery(ClusterRoomContext room) : SteadyActor, IWithTimers
{
    private readonly Dictionary<IActorRef, Shard> shards = [];

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterRoomContext room) => Akka.Actor.Props.Create(() => new ShardRecovery(room));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case RecoverEntry recover:
                Recover(recover);
                break;
            case ShardHeld held:
                foreach (var shard in shards.Values.Where(s => s.Id == held.Shard && !s.IsComplete))
                    Hear(shard, held);
                break;
            case AskAgain:
                foreach (var shard in shards.Values.Where(s => !s.IsComplete))
                    Ask(shard);
                break;
            case Terminated terminated:
                shards.Remove(terminated.ActorRef);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Recover(RecoverEntry recover)
    {
        if (!shards.TryGetValue(recover.Shard, out var shard))
        {
            shards.Add(recover.Shard, shard = new(recover.ShardId));
            Context.Watch(recover.Shard);
            Ask(shard);
        }

        if (shard.IsComplete)
            Answer(shard, recover.ConversationId, Sender);
        else
            shard.Waiting.Add((recover.ConversationId, Sender));
    }

    private void Ask(Shard shard)
    {
        foreach (var node in room.Nodes.Carriers.Where(n => !shard.Answered.Contains(n)))
            room.Nodes.ActorOf(node).Tell(new RecoverShard(shard.Id));
        Complete(shard);
        if (!shard.IsComplete)
            Timers.StartSingleTimer(nameof(AskAgain), AskAgain.Instance, room.Settings.AskAgain);
    }

    private void Hear(Shard shard, ShardHeld held)
    {
        shard.Answered.Add(held.Node);
        foreach (var one in held.Held)
        {
            if (!shard.Held.TryGetValue(one.ConversationId, out var known))
                shard.Held.Add(one.ConversationId, [one]);
            else
                known.Add(one);
        }

        Complete(shard);
    }

    // A node that has left meanwhile took its tubes with it.
    private void Complete(Shard shard)
    {
        if (shard.IsComplete || !room.Nodes.AreAll(shard.Answered))
            return;
        shard.IsComplete = true;
        Log.Debug("Shard {Shard} has {Conversations} conversations", shard.Id, shard.Held.Count);
        foreach (var (conversation, waiting) in shard.Waiting)
            Answer(shard, conversation, waiting);
        shard.Waiting.Clear();
    }

    // Once told, the entry knows better. A second tube for a conversation is told as an announcement: the entry decides which of the two stays.
    private void Answer(Shard shard, ConversationId conversation, IActorRef entry)
    {
        ConversationHeld[] held = shard.Held.Remove(conversation, out var all) ? [.. all.Where(h => room.Nodes.Members.Contains(h.Node))] : [];
        entry.Tell(new EntryRecovered(held.FirstOrDefault()));
        foreach (var further in held.Skip(1))
            entry.Tell(further);
    }

    private sealed class Shard(string id)
    {
        public string Id => id;

        public bool IsComplete { get; set; }

        public HashSet<NodeAddress> Answered { get; } = [];

        public Dictionary<ConversationId, List<ConversationHeld>> Held { get; } = [];

        public List<(ConversationId Conversation, IActorRef Entry)> Waiting { get; } = [];
    }

    private sealed record AskAgain : INoSerializationVerificationNeeded
    {
        public static readonly AskAgain Instance = new();
    }
}
