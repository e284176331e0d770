using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Discovery;
using Akka.Event;

namespace Registry.Actors.Cluster.Membership;

/// <summary>Looks nodes up until the answer is good enough to join at, joins, and ends.</summary>
internal sealed class SeedSearch : ReceiveActor, IWithTimers
{
    private readonly ClusterDiscoveryOptions options;
    private readonly Akka.Cluster.Cluster cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter log = Context.GetLogger();
    private Address[] found = [];

    public SeedSearch(ClusterDiscoveryOptions options, ServiceDiscovery discovery)
    {
        this.options = options;
        Receive<Look>(_ => discovery.Lookup(options.ServiceName, options.Interval).PipeTo(
            Self,
            success: resolved => new Found(resolved.Addresses),
            failure: cause => new NotFound(cause.Message)));
        Receive<Found>(HandleFound);
        Receive<NotFound>(failed =>
        {
            log.Warning("Looking up {Service} by {Method} failed: {Why}", options.ServiceName, options.Method, failed.Why);
            LookLater();
        });
        Receive<Join>(_ =>
        {
            cluster.JoinSeedNodes(found);
            Context.Stop(Self);
        });
        Receive<GiveUp>(_ => CoordinatedShutdown.Get(Context.System).Run(CoordinatedShutdown.ClusterJoinUnsuccessfulReason.Instance));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ClusterDiscoveryOptions options, ServiceDiscovery discovery) => Akka.Actor.Props.Create(() => new SeedSearch(options, discovery));

    protected override void PreStart()
    {
        if (cluster.Settings.ShutdownAfterUnsuccessfulJoinSeedNodes is { } limit)
            Timers.StartSingleTimer(GiveUp.Instance, GiveUp.Instance, limit);
        Self.Tell(Look.Instance);
    }

    private void HandleFound(Found answer)
    {
        Address[] next = [.. answer.Targets.Where(IsOfOwnFamily).Select(AddressOf).Distinct().OrderBy(address => address.ToString(), StringComparer.Ordinal)];
        if (!next.SequenceEqual(found))
        {
            found = next;
            log.Info("Looking up {Service} by {Method} found {Nodes}", options.ServiceName, options.Method, string.Join(", ", found.Select(NodeName.Of)));
            Timers.Cancel(Join.Instance);
        }
        if (found.Length >= options.RequiredNodes && !Timers.IsTimerActive(Join.Instance))
            Timers.StartSingleTimer(Join.Instance, Join.Instance, options.StableFor);
        LookLater();
    }

    private void LookLater() => Timers.StartSingleTimer(Look.Instance, Look.Instance, options.Interval);

    // A name may have addresses of both families, of which a node announces one.
    private bool IsOfOwnFamily(ServiceDiscovery.ResolvedTarget target) =>
        target.Address is null || !IPAddress.TryParse(cluster.SelfAddress.Host, out var own) || own.AddressFamily == target.Address.AddressFamily;

    private Address AddressOf(ServiceDiscovery.ResolvedTarget target) => new(
        cluster.SelfAddress.Protocol,
        cluster.SelfAddress.System,
        target.Address is { AddressFamily: AddressFamily.InterNetworkV6 } address ? $"[{address}]" : target.Host,
        target.Port ?? options.Port ?? cluster.SelfAddress.Port);

    private sealed class Look : INoSerializationVerificationNeeded
    {
        public static readonly Look Instance = new();
    }

    private sealed class Join : INoSerializationVerificationNeeded
    {
        public static readonly Join Instance = new();
    }

    private sealed class GiveUp : INoSerializationVerificationNeeded
    {
        public static readonly GiveUp Instance = new();
    }

    private sealed record Found(IReadOnlyList<ServiceDiscovery.ResolvedTarget> Targets) : INoSerializationVerificationNeeded;

    private sealed record NotFound(string Why) : INoSerializationVerificationNeeded;
}
