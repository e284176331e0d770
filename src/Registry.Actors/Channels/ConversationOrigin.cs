using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>Whose a channel is.</summary>
internal readonly record struct ConversationOrigin(TubeId TubeId, ConversationId ConversationId)
{
    /// <summary>On whose behalf it was made.</summary>
    public string? Owner { get; init; }

    /// <summary>Who asked for it.</summary>
    public string? Caller { get; init; }

    /// <summary>The conversation's type.</summary>
    public string? Type { get; init; }
}
