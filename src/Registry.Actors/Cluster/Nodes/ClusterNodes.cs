using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Cluster;
using Registry.Actors.Hosting;
using Registry.Actors.ReadModel;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster.Nodes;

/// <summary>A node that the cluster has given up.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Tubes">The tubes that it had by its last report.</param>
/// <param name="At">When this node learnt of it.</param>
internal readonly record struct LostNode(string Name, int Tubes, DateTimeOffset At);

/// <summary>What this node knows of the cluster's nodes and their load. Written by <see cref="MembershipActor"/> and the receiver of loads, read by anyone.</summary>
internal sealed class ClusterNodes(ExtendedActorSystem system, TubeRegistryNode node, TimeProvider time)
{
    /// <summary>A load that is older says nothing about its node.</summary>
    public static readonly TimeSpan LoadLife = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<NodeAddress, Heard> loads = new();
    private readonly ConcurrentDictionary<NodeAddress, IActorRef> actors = new();
    private readonly ConcurrentDictionary<NodeAddress, CancellationTokenSource> losses = new();
    private volatile ImmutableDictionary<NodeAddress, MemberStatus> members = ImmutableDictionary<NodeAddress, MemberStatus>.Empty;
    private volatile ImmutableHashSet<NodeAddress> unreachable = [];
    private volatile ImmutableList<LostNode> lost = [];
    private volatile TaskCompletionSource changed = NewSource();

    /// <summary>This node.</summary>
    public NodeAddress Self { get; } = Of(Akka.Cluster.Cluster.Get(system).SelfUniqueAddress);

    /// <summary>The nodes that may hold tubes: all that are in the cluster and not yet gone.</summary>
    public IEnumerable<NodeAddress> Members => members.Keys;

    /// <summary>The same without this node.</summary>
    public IEnumerable<NodeAddress> Others => members.Keys.Where(n => n != Self);

    /// <summary>Ends when the members change.</summary>
    public Task Changed => changed.Task;

    /// <summary>The nodes that may carry something: all but those on their way out that have said that they are empty, to which there is no way back.</summary>
    public IEnumerable<NodeAddress> Carriers => members
        .Where(m => m.Value is not (MemberStatus.Leaving or MemberStatus.Exiting) || loads.GetValueOrDefault(m.Key) is not { Load.Capacity: { IsDraining: true, Tubes: 0, ActiveCreates: 0 } })
        .Select(m => m.Key);

    /// <summary>Whether every node that may carry something is among some.</summary>
    public bool AreAll(IReadOnlySet<NodeAddress> some) => IsMember(Self) && Carriers.All(some.Contains);

    /// <summary>The nodes that were lost no longer ago than ended tubes are kept: what became of theirs nobody here keeps.</summary>
    public IEnumerable<LostNode> LostLately => lost.Where(n => time.GetUtcNow() - n.At < node.Settings.ClosedKeptFor);

    public bool IsMember(NodeAddress one) => members.ContainsKey(one);

    /// <summary>The actor that acts for a node.</summary>
    public IActorRef ActorOf(NodeAddress one) =>
        actors.GetOrAdd(one, static (n, s) => s.Provider.ResolveActorRef($"{n.Address}/user/{ClusterNodeActor.ActorName}"), system);

    /// <summary>Ends when the cluster has given the node up.</summary>
    public CancellationToken LossOf(NodeAddress one) => losses.GetOrAdd(one, static _ => new()).Token;

    /// <summary>The node's name, as replies carry it.</summary>
    public string NameOf(NodeAddress one) => loads.TryGetValue(one, out var heard) ? heard.Load.Name : one == Self ? node.Name : Short(one.Address);

    /// <summary>The node of a name.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out NodeAddress? found)
    {
        found = members.Keys.Where(n => NameOf(n) == name).Select(n => (NodeAddress?)n).FirstOrDefault();
        return found is not null;
    }

    /// <summary>
    /// The nodes to ask for one more tube, the least loaded first: those that are up, answer, and take some by their last report. Those that are full come late, for a
    /// report is a moment old; those that are going out of service, or have come and not reported yet, come last.
    /// </summary>
    public IReadOnlyList<NodeAddress> Candidates() =>
    [
        .. from one in members
           where one.Value is MemberStatus.Up or MemberStatus.WeaklyUp && !unreachable.Contains(one.Key)
           let heard = loads.GetValueOrDefault(one.Key)
           where heard is null || time.GetElapsedTime(heard.At) < LoadLife
           orderby heard is null || heard.Load.Capacity.IsDraining, heard?.IsFull, heard?.Fullness, one.Key.Address
           select one.Key,
    ];

    /// <summary>Counts a placement of this node until the other's next report says it, so that a burst does not pile up on one.</summary>
    public void CountPlacement(NodeAddress one)
    {
        if (loads.TryGetValue(one, out var heard))
            Interlocked.Increment(ref heard.Placed);
    }

    /// <summary>A node has reported; one that is lost no longer counts.</summary>
    public void Hear(NodeLoad load)
    {
        if (!LossOf(load.Node).IsCancellationRequested)
            loads[load.Node] = new(load, time.GetTimestamp());
    }

    /// <summary>The cluster has changed.</summary>
    /// <param name="state">What it is now.</param>
    /// <param name="downed">Nodes that are gone since and did not leave in order, as its events told.</param>
    /// <returns>The nodes that it has given up since.</returns>
    public IReadOnlyList<LostNode> Update(ClusterEvent.CurrentClusterState state, IReadOnlySet<NodeAddress> downed)
    {
        var before = members;
        members = state.Members.Where(m => m.HasRole(ClusterRoom.Role) && m.Status is not (MemberStatus.Down or MemberStatus.Removed)).ToImmutableDictionary(m => Of(m.UniqueAddress), m => m.Status);
        unreachable = [.. state.Unreachable.Select(m => Of(m.UniqueAddress))];
        var going = state.Members.Where(m => m.Status == MemberStatus.Down).Select(m => Of(m.UniqueAddress)).Concat(downed).ToHashSet();
        List<LostNode> given = [];
        foreach (var gone in before.Keys.Where(n => !members.ContainsKey(n)))
        {
            // To a node that is given up itself all others are gone.
            if (going.Contains(gone) && IsMember(Self))
                given.Add(new(NameOf(gone), loads.GetValueOrDefault(gone)?.Load.Capacity.Tubes ?? 0, time.GetUtcNow()));
            loads.TryRemove(gone, out _);
            losses.GetOrAdd(gone, static _ => new()).Cancel();
        }

        lost = [.. LostLately, .. given];
        Interlocked.Exchange(ref changed, NewSource()).SetResult();
        return given;
    }

    /// <summary>Every node, for people.</summary>
    public IReadOnlyList<NodeSnapshot> Describe() => IsMember(Self)
        ? [.. members.Select(m => Describe(m.Key, m.Value)).OrderBy(n => n.Node, StringComparer.Ordinal)]
        : [new(node.Name, Short(Self.Address), NodeState.Joining) { Capacity = node.Admission.Read() with { CanAcceptMore = false }, Version = RegistryReads.Version, Since = node.Reads.Since }];

    public static NodeAddress Of(UniqueAddress address) => new(address.Address.ToString(), address.Uid);

    private NodeSnapshot Describe(NodeAddress one, MemberStatus status)
    {
        var load = loads.TryGetValue(one, out var heard) && time.GetElapsedTime(heard.At) < LoadLife ? heard.Load : null;
        var state = unreachable.Contains(one) ? NodeState.Unreachable
            : status is MemberStatus.Leaving or MemberStatus.Exiting ? NodeState.Leaving
            : status == MemberStatus.Joining ? NodeState.Joining
            : load?.Capacity.IsDraining == true ? NodeState.Draining
            : NodeState.Up;
        return new(NameOf(one), Short(one.Address), state)
        {
            Capacity = load?.Capacity,
            Version = load?.Version,
            Since = load?.Since,
            SupersededTubes = load?.SupersededTubes ?? 0,
        };
    }

    private static string Short(string address) => address[(address.IndexOf('@', StringComparison.Ordinal) + 1)..];

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Heard(NodeLoad load, long at)
    {
        public NodeLoad Load => load;

        public long At => at;

        public int Placed;

        public bool IsFull => Tubes >= load.Capacity.MaxTubes || load.Capacity.ActiveCreates + Volatile.Read(ref Placed) >= load.Capacity.MaxConcurrentCreates;

        public double Fullness => (double)Tubes / load.Capacity.MaxTubes;

        private int Tubes => load.Capacity.Tubes + Volatile.Read(ref Placed);
    }
}
