using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Cluster.Membership;
using Registry.Actors.Metrics;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Relay;
using Registry.Actors.Signals;
using Registry.Actors.Tubes;
using Registry.WebRtc;

namespace Registry.Actors.Hosting;

/// <summary>Carries the options into the actor system.</summary>
internal sealed class TubeRegistrySetup(TubeRegistryOptions options) : Setup
{
    public TubeRegistryOptions Options { get; } = options;
}

/// <summary>What the registry of an actor system shares with its readers. Exists from the first use, before the registry's actor does.</summary>
internal sealed class TubeRegistryNode : IExtension
{
    private readonly TubeRegistryOptions options;
    private readonly ChannelServices channels;
    private readonly TimeProvider time;
    private readonly IceServers iceServers;
    private readonly AuditTrail audit;

    public TubeRegistryNode(ActorSystem system)
    {
        options = system.Settings.Setup.Get<TubeRegistrySetup>() is { HasValue: true } setup ? setup.Value.Options : new();
        Settings = options.Apply(RegistrySettings.From(system.Settings.Config));
        var log = Logging.GetLogger(system, typeof(ConversationFactory));
        Name = options.Node ?? NodeName.Of(system) ?? Environment.MachineName;
        time = options.TimeProvider ?? TimeProvider.System;
        Directory = new(Settings.ClosedKept);
        Events = new(Name, Directory, Settings.EventBuffer);
        Admission = new(new(Settings.MaxConcurrentCreates, Settings.MaxTubes, Settings.MaxTubesPerOwner, Settings.MaxWaiting), Settings.DrainDeadline, time);
        Reads = new(Name, Directory, Events, Admission, time);
        var gauges = new ChannelGauges();
        Metrics = new(Admission, gauges);
        Holdings = new();
        audit = new(options.Audit, Name, time);
        channels = new(Settings, TargetPolicy.Parse(Settings.AllowTargets), time, gauges)
        {
            ConnectionRefused = options.ConnectionRefused,
            ConnectionsCut = options.ConnectionsCut,
            Listeners = [.. options.Listeners],
            Handlers = options.Handlers.ToFrozenDictionary(StringComparer.Ordinal),
            Audit = audit,
            DialDenied = denied =>
            {
                audit.Denied(denied);
                log.Warning(
                    denied.WasOpen ? "Audit: connection to {Host}:{Port} ended, {Rule}; tube {TubeId}, conversation {ConversationId}: {Text}" : "Audit: dial to {Host}:{Port} denied, {Rule}; tube {TubeId}, conversation {ConversationId}: {Text}",
                    denied.Host, denied.Port, denied.Denial.Name(), denied.Origin.TubeId, denied.Origin.ConversationId, denied.Text);
            },
            HandlerFailed = (name, origin, e) => log.Error(e, "The handler {Handler} of conversation {ConversationId} on tube {TubeId} failed", name, origin.ConversationId, origin.TubeId),
        };
        var endpoint = Settings.IceCredentialsUrl is null ? null : new RelayCredentials(Settings, system.Scheduler, time);
        iceServers = new(Settings, endpoint, time);
        system.RegisterOnTermination(() =>
        {
            Metrics.Dispose();
            endpoint?.Dispose();
        });
    }

    public string Name { get; }

    public RegistrySettings Settings { get; }

    public TubeDirectory Directory { get; }

    public RegistryReads Reads { get; }

    public RegistryEventLog Events { get; }

    public TimeProvider Time => time;

    public CreateAdmission Admission { get; }

    public RegistryMetrics Metrics { get; }

    public TubeHoldings Holdings { get; }

    public TargetPolicy Targets => channels.Targets;

    public TubeLimits Limits => channels.Limits;

    public ChannelGauges Gauges => channels.Gauges;

    public static TubeRegistryNode Get(ActorSystem system) => system.WithExtension<TubeRegistryNode, Provider>();

    public TubeContext ContextFor(IPeerConnectionFactory? fromContainer)
    {
        var factory = options.PeerConnections ?? fromContainer
            ?? throw new InvalidOperationException($"The registry needs an {nameof(IPeerConnectionFactory)}: set {nameof(TubeRegistryOptions)}.{nameof(options.PeerConnections)} or add one to the service container.");
        if (factory is PeerConnectionFactory { UdpPort: { } port })
            Targets.NeverDial(ProtocolType.Udp, new(IPAddress.Any, port));
        if (factory is PeerConnectionFactory { TcpPort: { } tcpPort })
            Targets.NeverDial(ProtocolType.Tcp, new(IPAddress.Any, tcpPort));
        return Context(factory);
    }

    private TubeContext Context(IPeerConnectionFactory factory) => new(
        Name,
        Settings,
        Limits,
        time,
        Directory,
        Reads,
        Events,
        Admission,
        Metrics,
        Holdings,
        audit,
        new(channels),
        factory,
        options.PeerConnectionConfiguration ?? PeerConnectionConfiguration.Default with
        {
            IceTransportPolicy = Settings.IceTransportPolicy,
            GatheringTimeout = Settings.IceGatheringTimeout,
            CongestionControl = Settings.CongestionControl,
            SendBufferSize = Settings.SendBuffer,
        },
        iceServers);

    public sealed class Provider : ExtensionIdProvider<TubeRegistryNode>
    {
        public override TubeRegistryNode CreateExtension(ExtendedActorSystem system) => new(system);
    }
}
