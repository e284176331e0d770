using System.Net;
using Akka.Actor;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Hosting.Logging;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Registry.Actors;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Host.Serving.Stacks;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Host.Serving;

/// <summary>What a program that holds a registry decides about it.</summary>
internal sealed record RegistrySetup
{
    // The host stops first what takes requests and then the actor system; with the hook on, SIGTERM would do both at once.
    private static readonly Config OfEveryHost = ConfigurationFactory.ParseString(
        """
        akka.coordinated-shutdown.run-by-clr-shutdown-hook = off
        # What is asked of a node that is lost meanwhile ends there; whoever asked is answered otherwise.
        akka.log-dead-letters = off
        akka.log-dead-letters-during-shutdown = off
        # Standard output belongs to the command's own lines, also while the loggers are going, when remoting ignores the level.
        akka.stdout-loglevel = OFF
        akka.stdout-logger-class = "Registry.Host.Serving.SilentLogger, Registry.Host"
        # Time-outs here are seconds. Each tick wakes a thread of the pool, which looks for work before it sleeps: with Akka's 10 ms a gateway that does nothing takes 4.5 % of a core.
        akka.scheduler.tick-duration = 50ms
        """);

    /// <summary>Overrides of <c>registry.conf</c> and of Akka's own settings.</summary>
    public Config Configuration { get; init; } = Config.Empty;

    /// <summary>The sockets.</summary>
    public PeerConnectionFactoryOptions PeerConnections { get; init; } = new();

    /// <summary>Target rules added to those of the configuration.</summary>
    public IReadOnlyList<string> AllowTargets { get; init; } = [];

    /// <summary>How long tubes may go on when the program stops; null leaves it to the configuration.</summary>
    public TimeSpan? StopDeadline { get; init; }

    /// <summary>Ports that outlive the tubes that serve them.</summary>
    public IReadOnlyList<TunnelListener> Listeners { get; init; } = [];

    /// <summary>Told when the gateway refuses a connection that a client of a forward made.</summary>
    public Action<CloseReason, string>? ConnectionRefused { get; init; }

    /// <summary>Told when connections of a forward that were up end with their channel, or because the gateway's rules no longer allow their target, with the gateway's words.</summary>
    public Action<IPEndPoint?, int, string?>? ConnectionsCut { get; init; }

    /// <summary>How long the tubes take at most to end when the program stops.</summary>
    public TimeSpan LongestStop
    {
        get
        {
            var settings = RegistrySettings.From(Configuration);
            return (TimeToMove ?? TimeSpan.Zero) + settings.ClosingTimeout;
        }
    }

    /// <summary>How long clients have to move when the program stops; null for not at all.</summary>
    public TimeSpan? TimeToMove => StopDeadline ?? RegistrySettings.From(Configuration).StopDeadline;

    /// <summary>Adds the actor system, the registry, the WebRTC stack and their log.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="log">What is logged, and how.</param>
    public void AddTo(IServiceCollection services, LogSettings log)
    {
        var threshold = new LogThreshold(log);
        services.AddSingleton(threshold);
        LineLog.AddTo(services, threshold);
        // Signals are the command line's business: a second Ctrl-C must end the process at once.
        services.Replace(ServiceDescriptor.Singleton<IHostLifetime, CommandLifetime>());
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IPeerConnectionFactory>(provider =>
            WebRtcStacks.Create(RegistrySettings.From(Configuration), PeerConnections with { LoggerFactory = provider.GetRequiredService<ILoggerFactory>() }));
        services.AddTubeRegistry();
        services.AddAkka("registry", (akka, provider) =>
        {
            Configure(akka, log.LeastOfActors, provider.GetService<IAuditSink>());
            if (TubeRegistryClusterOptions.From(Configuration).Enabled)
                akka.WithTubeRegistryCluster();
            akka.AddStartup((system, _) => WriteLogBeforeEnd(system));
        });
    }

    // Akka stops its loggers without looking at what waits to be written. Whoever answers has written all that came before.
    private static void WriteLogBeforeEnd(ActorSystem system) =>
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseBeforeActorSystemTerminate, "write-log", async () =>
        {
            await system.ActorSelection($"/system/log*-{nameof(LoggerFactoryLogger)}").Ask<ActorIdentity>(new Identify(null));
            return Akka.Done.Instance;
        });

    private void Configure(AkkaConfigurationBuilder akka, LogLevel logLevel, IAuditSink? audit) => akka
        .ConfigureLoggers(loggers =>
        {
            loggers.ClearLoggers();
            loggers.AddLoggerFactory();
        })
        .AddHocon(Configuration.WithFallback(OfEveryHost).WithFallback($"akka.loglevel = {AkkaLevel(logLevel)}"), HoconAddMode.Prepend)
        .WithTubeRegistry(options =>
        {
            foreach (var rule in AllowTargets)
                options.AllowTargets.Add(rule);
            options.StopDeadline = StopDeadline;
            foreach (var listener in Listeners)
                options.Listeners.Add(listener);
            options.ConnectionRefused = ConnectionRefused;
            options.ConnectionsCut = ConnectionsCut;
            options.Audit = audit;
        });

    // Filtered at the source as well: while a system ends, Akka prints past the loggers.
    internal static string AkkaLevel(LogLevel level) => level switch
    {
        <= LogLevel.Debug => "DEBUG",
        LogLevel.Information => "INFO",
        LogLevel.Warning => "WARNING",
        _ => "ERROR",
    };

    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
