using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Registry.Actors.Cluster;
using Registry.Actors.Cluster.Membership;
using Registry.Actors.Hosting;
using Registry.WebRtc;

namespace Registry.Actors;

/// <summary>Puts the tube registry into an application.</summary>
public static class TubeRegistryHostingExtensions
{
    /// <summary>Starts a <see cref="RegistryActor"/> with the actor system.</summary>
    /// <param name="builder">The actor system's configuration.</param>
    /// <param name="configure">Sets options; what it leaves alone comes from the section <c>registry</c> of the HOCON configuration.</param>
    /// <example>
    /// <code>
    /// services.AddTubeRegistry();
    /// services.AddAkka("gateway", (akka, sp) => akka.WithTubeRegistry(o => o.AllowTargets.Add("10.0.0.0/8:22")));
    /// </code>
    /// </example>
    public static AkkaConfigurationBuilder WithTubeRegistry(this AkkaConfigurationBuilder builder, Action<TubeRegistryOptions>? configure = null)
    {
        var options = new TubeRegistryOptions();
        configure?.Invoke(options);
        return builder
            .AddSetup(new TubeRegistrySetup(options))
            .WithRegistryProtocol()
            .WithActors((system, registry, resolver) =>
            {
                var context = TubeRegistryNode.Get(system).ContextFor(resolver.GetService<IPeerConnectionFactory>());
                registry.Register<RegistryActor>(system.ActorOf(RegistryActor.Props(context), RegistryActor.ActorName));
            });
    }

    /// <summary>
    /// Makes <see cref="ITubeRegistry"/> and <see cref="ITubeDirectory"/> of the application's actor system injectable, and closes the
    /// tubes when the application stops. Peer connections are those of the managed stack unless the application has an
    /// <see cref="IPeerConnectionFactory"/> of its own.
    /// </summary>
    public static IServiceCollection AddTubeRegistry(this IServiceCollection services)
    {
        services.TryAddSingleton(sp => sp.GetRequiredService<ActorSystem>().GetTubeRegistry());
        services.TryAddSingleton(sp => sp.GetRequiredService<ITubeRegistry>().Directory);
        services.TryAddSingleton<IPeerConnectionFactory>(_ => PeerConnectionFactory.Create());
        services.AddHostedService<TubeRegistryStop>();
        return services;
    }

    /// <summary>The registry of an actor system made without a service container; in a cluster, the registry of all its nodes.</summary>
    public static ITubeRegistry GetTubeRegistry(this ActorSystem system) =>
        system.Settings.Setup.Get<ClusterMembershipSetup>().HasValue ? new ClusterRegistry(system) : new TubeRegistryClient(system);
}
