using Akka.Actor;
using Registry.Actors.Admission;
using Registry.Actors.Cluster.Nodes;
using Registry.Actors.Hosting;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster;

/// <summary>What the actors of the cluster room on one node share.</summary>
internal sealed class ClusterRoomContext(TubeRegistryNode node, ClusterNodes nodes, ClusterSettings settings)
{
    private long superseded;

    public ClusterNodes Nodes => nodes;

    public ClusterSettings Settings => settings;

    public TimeProvider Time => node.Time;

    public RegistryLimits Limits => node.Admission.Limits;

    /// <summary>Where tubes of other nodes were found last.</summary>
    public TubePlaces Places { get; } = new();

    /// <summary>The region of the conversations' entries.</summary>
    public IActorRef Conversations { get; set; } = ActorRefs.Nobody;

    /// <summary>The region of the owners' entries.</summary>
    public IActorRef Owners { get; set; } = ActorRefs.Nobody;

    /// <summary>This node's <see cref="Conversations.ShardRecovery"/>.</summary>
    public IActorRef Recovery { get; set; } = ActorRefs.Nobody;

    /// <summary>This node's <see cref="ClusterNodeActor"/>.</summary>
    public IActorRef NodeActor { get; set; } = ActorRefs.Nobody;

    /// <summary>Tubes of this node that were closed because another node's carry their conversations.</summary>
    public long SupersededTubes => Interlocked.Read(ref superseded);

    public void CountSuperseded() => Interlocked.Increment(ref superseded);

    /// <summary>Asks for one more tube of an owner, again and again until there is an answer.</summary>
    public Task<RegistryReply> ReserveAsync(string owner, TubeId tube, CancellationToken cancellationToken) =>
        Owners.AskUntilAnsweredAsync(new ReserveTube(owner, tube, nodes.Self), settings.Try, node.Settings.InitializingTimeout, cancellationToken);
}

/// <summary>How entries are asked: a hand-off may lose a message, so each try is short.</summary>
internal static class Asking
{
    /// <exception cref="TimeoutException">There was no answer within the time.</exception>
    public static Task<RegistryReply> AskUntilAnsweredAsync(this IActorRef entries, object question, TimeSpan oneTry, TimeSpan limit, CancellationToken cancellationToken) =>
        entries.AskUntilAnsweredAsync(_ => question, oneTry, limit, cancellationToken);

    /// <summary>The same with a question that says how much of the time is left.</summary>
    public static async Task<RegistryReply> AskUntilAnsweredAsync(this IActorRef entries, Func<TimeSpan, object> question, TimeSpan oneTry, TimeSpan limit, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var left = limit - TimeProvider.System.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                throw new TimeoutException($"The cluster did not answer within {limit.TotalSeconds:0.###} s.");
            try
            {
                return await entries.Ask<RegistryReply>(question(left), left < oneTry ? left : oneTry, cancellationToken);
            }
            catch (AskTimeoutException)
            {
                // Asked again.
            }
        }
    }
}
