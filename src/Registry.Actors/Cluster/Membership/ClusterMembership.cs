using System.Net;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
using Akka.Remote;
using Registry.Messages;

namespace Registry.Actors.Cluster.Membership;

/// <summary>Carries the options into the actor system.</summary>
internal sealed class ClusterMembershipSetup(TubeRegistryClusterOptions options) : Setup
{
    public TubeRegistryClusterOptions Options { get; } = options;
}

/// <summary>The node is refused by another one, which took it for dead.</summary>
internal sealed class QuarantinedReason(Address by) : CoordinatedShutdown.Reason
{
    public Address By { get; } = by;

    public override int ExitCode => CoordinatedShutdown.ClusterDowningReason.Instance.ExitCode;
}

/// <summary>Where a node stands in its cluster. Stays readable when its actor system has ended.</summary>
public sealed class ClusterMembership : IExtension
{
    private const int TlsHandshakeFailed = 79;

    private readonly Akka.Cluster.Cluster cluster;
    private readonly CoordinatedShutdown shutdown;
    private readonly TubeRegistryClusterOptions options;

    private ClusterMembership(ExtendedActorSystem system, TubeRegistryClusterOptions options)
    {
        this.options = options;
        cluster = Akka.Cluster.Cluster.Get(system);
        shutdown = CoordinatedShutdown.Get(system);
    }

    /// <summary>Where the other nodes reach this one, as <c>host:port</c>.</summary>
    public string Address => NodeName.Of(cluster.SelfAddress);

    /// <summary>Whether whoever reaches the node's port can take part in the cluster: it is bound beyond loopback, without TLS.</summary>
    public bool IsOpen => !HasTls && options.Hostname != "localhost" && !(IPAddress.TryParse(options.Hostname, out var address) && IPAddress.IsLoopback(address));

    /// <summary><see cref="NodeState.Joining"/>, <see cref="NodeState.Up"/> or <see cref="NodeState.Leaving"/>, the last one also when it has left.</summary>
    public NodeState State => shutdown.ShutdownReason is not null || cluster.IsTerminated
        ? NodeState.Leaving
        : cluster.SelfMember.Status switch
        {
            MemberStatus.Up => NodeState.Up,
            // Removed is also what a node is that has not joined yet.
            MemberStatus.Joining or MemberStatus.WeaklyUp or MemberStatus.Removed => NodeState.Joining,
            _ => NodeState.Leaving,
        };

    /// <summary>Why the node ended or is ending although nobody told it to, and what to do, as one line; null otherwise.</summary>
    public string? Loss => shutdown.ShutdownReason switch
    {
        CoordinatedShutdown.ClusterJoinUnsuccessfulReason =>
            $"node {Address} could not join a cluster within {cluster.Settings.ShutdownAfterUnsuccessfulJoinSeedNodes?.TotalSeconds} s {Tried}. {LastError}"
            + "Check that a node runs there, that it announces exactly that address, and that all nodes have the same registry.cluster.tls; then start this one again. "
            + "Of seeds only the first forms a cluster when no other answers.",
        CoordinatedShutdown.ClusterDowningReason =>
            $"node {Address} was removed from its cluster: it and the majority of the nodes did not hear each other. Its tubes are closed. "
            + "Start it again and it joins as a new node; look at the network between the nodes, and at those that are gone. Of two nodes the one with the lowest address counts as the majority: have three.",
        QuarantinedReason quarantined =>
            $"node {Address} was removed from its cluster: node {NodeName.Of(quarantined.By)} took it for dead and refuses it. Its tubes are closed. "
            + "Start it again and it joins as a new node; look at the network between the nodes, or at pauses of this process.",
        // Akka's transport ends its node when another one fails to prove what it is; its reason is internal.
        { ExitCode: TlsHandshakeFailed } failed =>
            $"node {Address} ended: {failed}. {LastError}Check that all nodes have the same registry.cluster.tls and that no certificate has expired; then start this one again.",
        _ => null,
    };

    /// <summary>The port that is bound, whatever is announced.</summary>
    internal int BoundPort => options.PublicPort is null ? cluster.SelfAddress.Port!.Value : options.Port;

    /// <summary>The last thing that went wrong between this node and another.</summary>
    internal string? LastAssociationError { get; set; }

    /// <summary>Where the node asks to join, in words; null when it forms a cluster alone.</summary>
    internal string? Tried =>
        options.Discovery.Method is { } method ? $"at what {method} finds under {options.Discovery.ServiceName}"
        : options.SeedNodes.Count > 0 ? $"at {string.Join(", ", options.SeedNodes)}"
        : null;

    /// <summary>Whether it speaks TLS with the other nodes.</summary>
    internal bool HasTls => options.Tls.CertificateFile is not null;

    /// <summary>What is known of why it has not joined yet, in words.</summary>
    internal string WhyNotJoined => LastAssociationError is { } error ? $"it asks {Tried}. Last error: {error}"
        : HasTls ? $"none answers {Tried}. What is sent there is lost on the way, or is not understood: this node has registry.cluster.tls, and one that has none does not answer it"
        : $"none answers {Tried}";

    private string LastError => LastAssociationError is { } error ? $"Last error: {error.TrimEnd('.')}. " : "";

    /// <summary>The membership of an actor system that was made with <c>WithTubeRegistryCluster</c>; null for any other.</summary>
    public static ClusterMembership? Of(ActorSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        return system.Settings.Setup.Get<ClusterMembershipSetup>().HasValue ? system.WithExtension<ClusterMembership, Provider>() : null;
    }

    private sealed class Provider : ExtensionIdProvider<ClusterMembership>
    {
        public override ClusterMembership CreateExtension(ExtendedActorSystem system) => new(system, system.Settings.Setup.Get<ClusterMembershipSetup>().Value.Options);
    }
}

/// <summary>Listens to what remoting says about this node, and ends a node that others refuse.</summary>
internal sealed class QuarantineWatch : ReceiveActor
{
    public QuarantineWatch(ClusterMembership membership)
    {
        Receive<ThisActorSystemQuarantinedEvent>(e => CoordinatedShutdown.Get(Context.System).Run(new QuarantinedReason(e.RemoteAddress)));
        Receive<AssociationErrorEvent>(e => membership.LastAssociationError = $"{NodeName.Of(e.RemoteAddress)}: {WhatOf(e, membership.HasTls)}");
    }

    public static Props Props(ClusterMembership membership) => Akka.Actor.Props.Create(() => new QuarantineWatch(membership));

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
    }

    // The transport says the address too, in its own form; and of whoever hangs up or is silent only that.
    private static string WhatOf(AssociationErrorEvent error, bool hasTls)
    {
        var text = Innermost(error.Cause).Message.ReplaceLineEndings(" ");
        if (text.Contains("explicitly disassociated", StringComparison.Ordinal))
            return "it ended the connection without a word, as a node with registry.cluster.tls does to one that has none";
        if (text.StartsWith("No response from remote for outbound association", StringComparison.Ordinal))
            return $"it accepted the connection and said nothing{(hasTls ? ", as a node without registry.cluster.tls does to one that has it" : "")}";
        return text.Replace($" tcp://{error.RemoteAddress.System}@{NodeName.Of(error.RemoteAddress)}", "", StringComparison.Ordinal);
    }

    private static Exception Innermost(Exception cause) => cause.InnerException is { } inner ? Innermost(inner) : cause;
}
