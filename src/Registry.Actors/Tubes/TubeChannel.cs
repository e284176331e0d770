using Akka.Actor;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>One conversation of a tube and its data channel. Touched by the tube's actor only.</summary>
internal sealed class TubeChannel(ConversationId id, string type, bool isClaimed, IConversation? conversation)
{
    public ConversationId Id { get; } = id;

    /// <summary>The conversation type.</summary>
    public string Type { get; } = type;

    /// <summary>Whether the directory names this tube for the conversation; not so for channels the peer opened unasked.</summary>
    public bool IsClaimed { get; } = isClaimed;

    /// <summary>What it does; null for a conversation that was only associated and has no channel.</summary>
    public IConversation? Conversation { get; } = conversation;

    public IDataChannel? DataChannel { get; set; }

    /// <summary>Whether the data channel carries data.</summary>
    public bool IsOpen { get; set; }

    /// <summary>The create that waits for this channel to open, beyond the tube's first.</summary>
    public PendingCreate? Pending { get; set; }

    /// <summary>Who waits for its end.</summary>
    public List<IActorRef> Closers { get; } = [];

    /// <summary>Why it is being closed, once it is.</summary>
    public ChannelEnd? Closing { get; set; }

    /// <summary>Key of its deadline timer.</summary>
    public string TimerKey => $"channel {Id}";

    public ConversationSnapshot Snapshot => new(Id, Type, IsOpen) { LocalListenAddress = Conversation?.ListenEndPoint?.ToString() };
}
