using Akka.Actor;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.Reconciling;
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

    /// <summary>The note of what the conversation holds.</summary>
    public Holding? Held { get; init; }

    /// <summary>The one target that it dials; null for none.</summary>
    public string? Target { get; init; }

    public IDataChannel? DataChannel { get; set; }

    /// <summary>Whether the peer opened the data channel.</summary>
    public bool OpenedByPeer { get; set; }

    /// <summary>Whether the data channel carries data.</summary>
    public bool IsOpen { get; set; }

    /// <summary>The create that made it; null when the peer or an association did.</summary>
    public PendingCreate? Create { get; init; }

    /// <summary>Who waits for its end.</summary>
    public List<IActorRef> Closers { get; } = [];

    /// <summary>Why it is being closed, once it is.</summary>
    public ChannelEnd? Closing { get; set; }

    /// <summary>Key of its deadline timer.</summary>
    public string TimerKey => $"channel {Id}";

    public ConversationSnapshot Snapshot => new(Id, Type, IsOpen) { LocalListenAddress = Conversation?.ListenEndPoint?.ToString(), Target = Target };
}
