using Akka.Cluster.Sharding;
using Registry.Messages;

namespace Registry.Actors.Cluster.Conversations;

/// <summary>Says which entry of which shard a message is for.</summary>
internal sealed class ConversationExtractor() : HashCodeMessageExtractor(Shards)
{
    /// <summary>About ten for each node of the largest cluster that is planned. The same on every node, for ever.</summary>
    public const int Shards = 100;

    public static readonly ConversationExtractor Instance = new();

    public override string? EntityId(object message) => (message as IWithConversationId)?.ConversationId.ToString();
}
