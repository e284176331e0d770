using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Hosting;
using Registry.Actors;
using Registry.Actors.Hosting;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>A registry in real time whose tubes are real and whose peer connections are scripted.</summary>
internal sealed class BenchmarkNode : IAsyncDisposable
{
    // Nobody answers these tubes, and they must stay for as long as a benchmark runs.
    private static readonly Config Patient = ConfigurationFactory.ParseString("""
        akka { loglevel = OFF, stdout-loglevel = OFF }
        registry.tube { initializing-timeout = 1h, connecting-timeout = 1h }
        """);

    private readonly ActorSystem system;

    /// <param name="maxConcurrentCreates">Limit on creates in flight; null for the default.</param>
    public BenchmarkNode(int? maxConcurrentCreates = null)
    {
        var options = new TubeRegistryOptions { PeerConnections = Peers, Node = "bench", MaxConcurrentCreates = maxConcurrentCreates, MaxTubes = int.MaxValue };
        system = ActorSystem.Create("bench", ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(Patient), new TubeRegistrySetup(options)));
        Actor = system.ActorOf(RegistryActor.Props(TubeRegistryNode.Get(system).ContextFor(null)), RegistryActor.ActorName);
        ActorRegistry.For(system).Register<RegistryActor>(Actor);
        Registry = system.GetTubeRegistry();
    }

    public ScriptedPeerConnectionFactory Peers { get; } = new();

    public IActorRef Actor { get; }

    public ITubeRegistry Registry { get; }

    /// <summary>The name of one of the conversations that <see cref="CreateAsync(int)"/> makes.</summary>
    public static ConversationId Conversation(int number) => new($"4ef3c7a2-6f0b-4a53-9f4e-{number:x12}");

    /// <summary>Makes one tube, up to its offer.</summary>
    public async Task<TubeId> CreateAsync(ConversationId conversation) =>
        await Registry.CreateAsync(new(conversation, new EchoSettings())) is TubeCreated created
            ? created.TubeId
            : throw new InvalidOperationException("The registry refused a tube.");

    /// <summary>Makes tubes at once.</summary>
    public Task<TubeId[]> CreateAsync(int count) => Task.WhenAll(Enumerable.Range(0, count).Select(number => CreateAsync(Conversation(number))));

    /// <summary>Closes tubes at once and waits until everything of them was released.</summary>
    public Task CloseAsync(IEnumerable<TubeId> tubes) => Task.WhenAll(tubes.Select(tube => Registry.CloseTubeAsync(new(tube))));

    public async ValueTask DisposeAsync() => await system.Terminate();
}
