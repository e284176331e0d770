using Akka.Actor;
using Akka.Event;
using Registry.Actors.ReadModel;
using Registry.Actors.Tubes;
using Registry.WebRtc;

namespace Registry.Actors.Reconciling;

/// <summary>
/// Compares what the registry believes with what exists: read-model, tube actors, peer connections, conversations and metric
/// registrations. What differs may be on its way; what still differs a round later is a defect, and is logged, counted and repaired.
/// </summary>
internal sealed class Reconciler(TubeContext node, Action<IActorRef> stop, ILoggingAdapter log)
{
    private HashSet<Difference> suspected = [];

    /// <summary>One round.</summary>
    /// <param name="tubes">The actors that live.</param>
    public void Run(IEnumerable<IActorRef> tubes)
    {
        var differences = Compare(tubes.ToHashSet()).ToList();
        foreach (var (difference, repair) in differences.Where(d => suspected.Contains(d.Difference)))
        {
            log.Warning("The reconciler found {Finding} of {Subject} and repairs it", difference.Kind, difference.Subject);
            node.Admission.CountFinding();
            node.Metrics.Finding(difference.Kind);
            repair();
        }

        suspected = [.. differences.Select(d => d.Difference)];
    }

    private IEnumerable<(Difference Difference, Action Repair)> Compare(HashSet<IActorRef> actors)
    {
        var listed = new HashSet<IActorRef>();
        foreach (var entry in node.Directory.Entries)
        {
            listed.Add(entry.Owner);
            if (!actors.Contains(entry.Owner))
                yield return (new(DifferenceKind.EntryWithoutActor, entry), () => node.Directory.Remove(entry));
            else if (entry.Connection is { ConnectionState: PeerConnectionState.Closed or PeerConnectionState.Failed } dead)
                yield return (new(DifferenceKind.DeadConnection, entry), () => entry.Owner.Tell(new PeerStateChanged(dead.ConnectionState)));
        }

        foreach (var actor in actors.Where(a => !listed.Contains(a)))
            yield return (new(DifferenceKind.ActorWithoutEntry, actor), () => stop(actor));
        foreach (var (conversation, entry) in node.Directory.Claims)
            if (!node.Directory.Contains(entry))
                yield return (new(DifferenceKind.ClaimWithoutTube, conversation), () => node.Directory.Release(conversation, entry));
        foreach (var holding in node.Holdings.All)
            if (!actors.Contains(holding.Owner))
                yield return (new(KindOf(holding.Kind), holding), () => _ = holding.ReleaseAsync(log));
    }

    private static DifferenceKind KindOf(HoldingKind kind) => kind switch
    {
        HoldingKind.PeerConnection => DifferenceKind.PeerConnectionWithoutTube,
        HoldingKind.Conversation => DifferenceKind.ConversationWithoutTube,
        _ => DifferenceKind.MetricsWithoutTube,
    };

    private readonly record struct Difference(DifferenceKind Kind, object Subject);
}

/// <summary>How record and reality can differ.</summary>
internal enum DifferenceKind
{
    EntryWithoutActor,
    ActorWithoutEntry,
    ClaimWithoutTube,
    DeadConnection,
    PeerConnectionWithoutTube,
    ConversationWithoutTube,
    MetricsWithoutTube,
}
