using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>Whose a channel is.</summary>
internal readonly record struct ConversationOrigin(TubeId TubeId, ConversationId ConversationId);
