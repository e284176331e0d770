using Akka.Actor;
using Akka.Actor.Setup;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.ReadModel;
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

    public TubeRegistryNode(ActorSystem system)
    {
        options = system.Settings.Setup.Get<TubeRegistrySetup>() is { HasValue: true } setup ? setup.Value.Options : new();
        var configured = RegistrySettings.From(system.Settings.Config);
        Settings = configured with
        {
            MaxConcurrentCreates = AtLeastOne(options.MaxConcurrentCreates, nameof(options.MaxConcurrentCreates)) ?? configured.MaxConcurrentCreates,
            MaxTubes = AtLeastOne(options.MaxTubes, nameof(options.MaxTubes)) ?? configured.MaxTubes,
            ListenBeyondLoopback = options.ListenBeyondLoopback ?? configured.ListenBeyondLoopback,
            AllowTargets = [.. configured.AllowTargets, .. options.AllowTargets],
        };
        Name = options.Node ?? Environment.MachineName;
        Directory = new(Settings.ClosedKept);
        Admission = new(Settings.MaxConcurrentCreates, Settings.MaxTubes, () => Directory.Count);
        channels = new(Settings, TargetPolicy.Parse(Settings.AllowTargets), TimeProvider.System, new()) { ConnectionRefused = options.ConnectionRefused };
    }

    public string Name { get; }

    public RegistrySettings Settings { get; }

    public TubeDirectory Directory { get; }

    public CreateAdmission Admission { get; }

    public ChannelGauges Gauges => channels.Gauges;

    public static TubeRegistryNode Get(ActorSystem system) => system.WithExtension<TubeRegistryNode, Provider>();

    public TubeContext ContextFor(IPeerConnectionFactory? fromContainer) => new(
        Name,
        Settings,
        Directory,
        Admission,
        new(channels),
        options.PeerConnections ?? fromContainer
            ?? throw new InvalidOperationException($"The registry needs an {nameof(IPeerConnectionFactory)}: set {nameof(TubeRegistryOptions)}.{nameof(options.PeerConnections)} or add one to the service container."),
        options.PeerConnectionConfiguration);

    private static int? AtLeastOne(int? value, string name) =>
        value is < 1 ? throw new ArgumentOutOfRangeException(name, value, "Must be at least 1.") : value;

    public sealed class Provider : ExtensionIdProvider<TubeRegistryNode>
    {
        public override TubeRegistryNode CreateExtension(ExtendedActorSystem system) => new(system);
    }
}
