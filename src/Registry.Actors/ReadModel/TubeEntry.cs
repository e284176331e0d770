using Akka.Actor;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Signals;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.ReadModel;

/// <summary>A tube's place in the read-model. Written by its actor.</summary>
/// <param name="owner">The tube's actor.</param>
/// <param name="snapshot">The tube as it is.</param>
/// <param name="signals">Its signals.</param>
/// <param name="users">When user bytes went through.</param>
internal sealed partial class TubeEntry(IActorRef owner, TubeSnapshot snapshot, TubeSignalBuffer signals, UserTraffic users)
{
    private volatile TubeSnapshot snapshot = snapshot;
    private volatile IPeerConnection? connection;
    private volatile IReadOnlyList<ReportedConversation> conversations = [];

    public TubeId TubeId { get; } = snapshot.TubeId;

    public IActorRef Owner => owner;

    public TubeSnapshot Snapshot { get => snapshot; set => snapshot = value; }

    public TubeSignalBuffer Signals => signals;

    /// <summary>The bytes of its connections that wait; null when nothing counts them.</summary>
    public TubeFlow? Flow { get; init; }

    /// <summary>The conversations that have a channel.</summary>
    public IReadOnlyList<ReportedConversation> Conversations { get => conversations; set => conversations = value; }

    /// <summary>Where the counters are read; null before there is a connection and after the end.</summary>
    public IPeerConnection? Connection { get => connection; set => connection = value; }

    /// <summary>The counters at this moment; after the end those of the last snapshot.</summary>
    public TubeTraffic ReadTraffic()
    {
        if (connection?.GetStatistics() is not { } s)
            return snapshot.Traffic;
        return new(s.BytesSent, s.BytesReceived, s.MessagesSent, s.MessagesReceived, s.RoundTripTime)
        {
            LastSentAt = TimeOf(users.SentAt),
            LastReceivedAt = TimeOf(users.ReceivedAt),
        };
    }

    private DateTimeOffset? TimeOf(long timestamp) => timestamp == 0 ? null : users.Time.GetUtcNow() - users.Time.GetElapsedTime(timestamp);
}
