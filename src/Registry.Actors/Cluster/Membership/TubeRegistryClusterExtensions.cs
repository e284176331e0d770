using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Configuration;
using Akka.Discovery;
using Akka.Event;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Registry.Actors.Cluster;
using Registry.Actors.Cluster.Membership;
using Registry.Actors.Hosting;

namespace Registry.Actors;

/// <summary>Makes the tube registries of several processes one.</summary>
public static class TubeRegistryClusterExtensions
{
    private static readonly Config Always = ConfigurationFactory.ParseString(
        $"""
        # Reads no JSON of strangers.
        akka.actor.serializers.json = "{typeof(ForeignMessageRefusal).FullName}, {typeof(ForeignMessageRefusal).Assembly.GetName().Name}"
        # To .NET it is SO_REUSEPORT too: a second node could bind the same address, and each would get some of the other's connections.
        akka.remote.dot-netty.tcp.tcp-reuse-addr = off
        """);

    /// <summary>Lets the actor system join a cluster of its kind, or form one.</summary>
    /// <param name="builder">The actor system's configuration. Its HOCON must have been added before.</param>
    /// <param name="configure">Changes what the section <c>registry.cluster</c> says.</param>
    /// <exception cref="ConfigurationException">An option is wrong; the message names its key.</exception>
    /// <example>
    /// <code>
    /// services.AddAkka("gateway", (akka, sp) => akka.WithTubeRegistry().WithTubeRegistryCluster(o =>
    /// {
    ///     (o.Hostname, o.Port) = ("10.0.0.1", 4053);
    ///     o.SeedNodes.Add("10.0.0.1:4053");
    ///     o.SeedNodes.Add("10.0.0.2:4053");
    /// }));
    /// </code>
    /// </example>
    public static AkkaConfigurationBuilder WithTubeRegistryCluster(this AkkaConfigurationBuilder builder, Action<TubeRegistryClusterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = TubeRegistryClusterOptions.From(builder.Configuration.GetOrElse(Config.Empty));
        configure?.Invoke(options);
        var certificate = options.Check();
        builder
            .AddSetup(new ClusterMembershipSetup(options))
            .AddHocon(TubeRegistryClusterOptions.Default, HoconAddMode.Append)
            .WithRemoting(remote => Bind(remote, options, certificate))
            .WithClustering(new ClusterOptions { Roles = [.. RolesIn(builder.Configuration.GetOrElse(Config.Empty)), ClusterRoom.Role] })
            .WithStrictSerialization()
            .AddHocon(Always, HoconAddMode.Prepend)
            .WithActors((system, _) =>
            {
                var membership = ClusterMembership.Of(system)!;
                system.GetTubeTargets().NeverDial(ProtocolType.Tcp, new(IPAddress.Any, membership.BoundPort));
                system.ActorOf(QuarantineWatch.Props(membership), "quarantine-watch");
            })
            .WithActors((system, registry) =>
            {
                CloseTubesBeforeLeaving(system, registry);
                TellOfLeaving(system);
            });
        ClusterRoom.Configure(builder);
        return builder.AddStartup((system, _) => Join(system, options));
    }

    private static IEnumerable<string> RolesIn(Config config) => config.HasPath("akka.cluster.roles") ? config.GetStringList("akka.cluster.roles").Where(role => role != ClusterRoom.Role) : [];

    private static void Bind(RemoteOptions remote, TubeRegistryClusterOptions options, ClusterCertificate? certificate)
    {
        remote.HostName = options.Hostname;
        remote.Port = options.Port;
        remote.PublicHostName = options.PublicHostname;
        remote.PublicPort = options.PublicPort;
        remote.EnableSsl = certificate is not null;
        if (certificate is null)
            return;
        remote.Ssl.X509Certificate = certificate.Own;
        remote.Ssl.RequireMutualAuthentication = true;
        remote.Ssl.CustomValidator = certificate.Accepts;
    }

    // Nothing is left to close when the host stops: it has done so before. This is for a node that its cluster ends.
    private static void CloseTubesBeforeLeaving(ActorSystem system, IActorRegistry registry) =>
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseServiceStop, "close-tubes", async () =>
        {
            if (ClusterMembership.Of(system)?.Loss is { } why)
                Logging.GetLogger(system, typeof(ClusterMembership)).Error("{Loss}", why);
            if (registry.TryGet<RegistryActor>(out var actor))
                await TubeRegistryStop.CloseTubesAsync(system, actor, hasTime: false, CancellationToken.None);
            return Akka.Done.Instance;
        });

    private static void TellOfLeaving(ActorSystem system) =>
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseClusterLeave, "tell-of-leaving", () =>
        {
            if (ClusterMembership.Of(system)?.Loss is null)
                Logging.GetLogger(system, typeof(ClusterMembership)).Info("Leaving the cluster; where no other node stays to take over, that takes up to {Seconds} s", system.Settings.Config.GetTimeSpan("akka.coordinated-shutdown.phases.cluster-exiting.timeout").TotalSeconds);
            return Task.FromResult(Akka.Done.Instance);
        });

    private static Task Join(ActorSystem system, TubeRegistryClusterOptions options)
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        if (options.Discovery.Method is not null)
            system.ActorOf(SeedSearch.Props(options.Discovery, Discovery.Get(system).LoadServiceDiscovery(options.Discovery.Method)), "seed-search");
        else if (options.SeedNodes.Count > 0)
            cluster.JoinSeedNodes(options.SeedNodes.Select(seed => TubeRegistryClusterOptions.ParseEndPoint(seed)!)
                .Select(seed => new Address(cluster.SelfAddress.Protocol, cluster.SelfAddress.System, seed.Host, seed.Port)));
        else
            cluster.Join(cluster.SelfAddress);
        return Task.CompletedTask;
    }
}
