using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Guacd;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>What a tube's actor tells itself and hears from its registry. Late ones, after the tube's end, are of no interest to anyone.</summary>
internal abstract record TubeMessage : INoSerializationVerificationNeeded, IDeadLetterSuppression;

/// <summary>Begin the work of a create.</summary>
internal sealed record Begin : TubeMessage
{
    public static readonly Begin Instance = new();
}

/// <summary>The beginning is recorded, or cannot be and must.</summary>
internal sealed record BeginRecorded(bool MayGoOn) : TubeMessage;

/// <summary>A create for this live tube: open one more channel.</summary>
internal sealed record OpenChannel(PendingCreate Create) : TubeMessage;

/// <summary>Nobody wants what a create makes or made.</summary>
internal sealed record CancelCreate(PendingCreate Create, Refused Why) : TubeMessage;

/// <summary>The relay's servers, or why there are none.</summary>
internal sealed record RelayKnown(IReadOnlyList<IceServer> Servers, Refused? Refusal) : TubeMessage;

/// <summary>Look whether user bytes went through lately.</summary>
internal sealed record IdleCheck : TubeMessage
{
    public static readonly IdleCheck Instance = new();
}

/// <summary>The tube is as old as it may become.</summary>
internal sealed record AgeReached : TubeMessage
{
    public static readonly AgeReached Instance = new();
}

/// <summary>The node goes out of service: tell those who should move.</summary>
internal sealed record AnnounceDrain(DateTimeOffset Deadline) : TubeMessage;

/// <summary>A close of one of this tube's conversations.</summary>
internal sealed record CloseChannel(CloseConversation Command) : INoSerializationVerificationNeeded;

/// <summary>guacd said something that a conversation's subscribers want to know.</summary>
internal sealed record GuacdSpoke(ConversationId Conversation, GuacdNotice Notice) : TubeMessage;

internal sealed record Negotiated(string Sdp) : TubeMessage;

internal sealed record NegotiationFailed(Refused Refusal) : TubeMessage;

internal sealed record PeerStateChanged(PeerConnectionState State) : TubeMessage;

internal sealed record PathChanged : TubeMessage
{
    public static readonly PathChanged Instance = new();
}

/// <summary>This machine got or lost an address.</summary>
internal sealed record LocalAddressesChanged : TubeMessage
{
    public static readonly LocalAddressesChanged Instance = new();
}

/// <summary>A restart of ICE may be made now.</summary>
internal sealed record RestartDue : TubeMessage
{
    public static readonly RestartDue Instance = new();
}

/// <summary>The peer's first answer was wrong; another may follow.</summary>
internal sealed record AnswerRefused(RefusalCode Code) : TubeMessage;

/// <summary>The offer that restarts ICE, as SDP; null when the connection ended before it was made.</summary>
internal sealed record RestartOffer(string? Sdp, IActorRef? Asker) : TubeMessage;

internal sealed record CandidateGathered(IceCandidate? Candidate) : TubeMessage;

internal sealed record PeerOpenedChannel(IDataChannel Channel) : TubeMessage;

/// <summary>A channel's data channel is open, or never will be.</summary>
internal sealed record ChannelSettled(TubeChannel Channel, bool IsOpen) : TubeMessage;

internal sealed record ChannelRan(TubeChannel Channel, ChannelEnd End) : TubeMessage;

internal sealed record StateDeadline(TubeState State) : TubeMessage;

/// <summary>A channel took too long to open or to close.</summary>
internal sealed record ChannelDeadline(TubeChannel Channel) : TubeMessage;

internal sealed record PeerConnectionClosed : TubeMessage
{
    public static readonly PeerConnectionClosed Instance = new();
}

/// <summary>A task of the tube broke.</summary>
internal sealed record WorkFailed(Exception Cause) : TubeMessage
{
    public static object From(Exception cause) => new WorkFailed(cause);
}
