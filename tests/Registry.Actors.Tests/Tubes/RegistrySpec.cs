using System.Net;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Hosting;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Registry.Actors.Hosting;
using Registry.Actors.Tests.Scripted;
using Registry.Actors.Tubes;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>A registry over scripted peer connections whose clock only moves when a test moves it.</summary>
public abstract class RegistrySpec : TestKit
{
    private static readonly Config VirtualTime = ConfigurationFactory.ParseString("""
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        akka.actor.serialize-messages = on
        akka.loglevel = OFF
        akka.stdout-loglevel = OFF
        registry.channels.listen = loopback
        """);

    private protected RegistrySpec(ITestOutputHelper output, string hocon = "", Action<TubeRegistryOptions>? configure = null)
        : base(Setup(hocon, configure, out var peers, out var time), null, output)
    {
        time.Follow(Sys.Scheduler);
        Peers = peers;
        Node = TubeRegistryNode.Get(Sys);
        Actor = Sys.ActorOf(RegistryActor.Props(Node.ContextFor(null)), RegistryActor.ActorName);
        ActorRegistry.For(Sys).Register<RegistryActor>(Actor);
        Registry = Sys.GetTubeRegistry();
    }

    private protected ScriptedPeerConnectionFactory Peers { get; }

    private protected TubeRegistryNode Node { get; }

    private protected IActorRef Actor { get; }

    private protected ITubeRegistry Registry { get; }

    private protected TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    private protected static ConversationSettings Echo { get; } = new EchoSettings();

    private protected static ConversationSettings Listen { get; } = TunnelSettings.Listen(new(IPAddress.Loopback, 0));

    private protected static CreateTube Create(string conversation, ConversationSettings? settings = null) => new(new(conversation), settings ?? Echo);

    private protected async Task<TubeCreated> CreatedAsync(CreateTube command) => (await Registry.CreateAsync(command)).ShouldBeOfType<TubeCreated>();

    private protected async Task<Refused> RefusedAsync(CreateTube command) => (await Registry.CreateAsync(command)).ShouldBeOfType<Refused>();

    /// <summary>Two tubes of this registry that are connected to each other, each with an open channel.</summary>
    private protected async Task<(TubeCreated Offerer, TubeCreated Answerer)> PairAsync(string name = "c", ConversationSettings? near = null, ConversationSettings? far = null)
    {
        var offerer = await CreatedAsync(Create($"{name}-near", near));
        // Both ends live in one directory here, so they cannot share a conversation id: the answerer takes the offerer's label as the peer's.
        var answerer = await CreatedAsync(Create($"{name}-far", far) with { Offer = offerer.Offer });
        (await Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!))).ShouldBeOfType<Done>();
        await StateAsync(offerer.TubeId, TubeState.Ready);
        await StateAsync(answerer.TubeId, TubeState.Ready);
        return (offerer, answerer);
    }

    /// <summary>A ready tube whose other end is the test's.</summary>
    private protected async Task<(TubeCreated Tube, ScriptedPeerConnection Near, ScriptedPeerConnection Far)> ReadyAsync(CreateTube command)
    {
        var created = await CreatedAsync(command);
        var near = Peers.Connections[^1];
        var far = (ScriptedPeerConnection)Peers.CreatePeerConnection();
        near.Connect(far);
        await StateAsync(created.TubeId, TubeState.Ready);
        return (created, near, far);
    }

    private protected Task StateAsync(TubeId tube, TubeState state) => AwaitAssertAsync(() =>
    {
        Registry.Directory.TryGet(tube, out var snapshot).ShouldBeTrue();
        snapshot.State.ShouldBe(state);
    });

    private protected Task<List<TubeSignal>> SignalsAsync(TubeId tube) => CollectAsync(Registry.Signals(tube)!);

    private protected static async Task<List<TubeSignal>> CollectAsync(IAsyncEnumerable<TubeSignal> signals)
    {
        var list = new List<TubeSignal>();
        await foreach (var signal in signals)
            list.Add(signal);
        return list;
    }

    /// <summary>Stops the registry as its system's end does.</summary>
    private protected async Task StopAsync()
    {
        var watcher = CreateTestProbe();
        await watcher.WatchAsync(Actor);
        Sys.Stop(Actor);
        await watcher.ExpectTerminatedAsync(Actor);
    }

    /// <summary>Everything is back to nothing: tubes, conversations, actors, peer connections, creates in flight, sockets.</summary>
    private protected Task NothingLeftAsync() => AwaitAssertAsync(() =>
    {
        Registry.Directory.Count.ShouldBe(0, string.Join("; ", Registry.Directory.List().Select(t => $"{t.TubeId} {t.CloseReason}: {string.Join(' ', t.History.Select(h => h.State.Text))}")));
        Node.Directory.ConversationCount.ShouldBe(0);
        Peers.OpenConnections.ShouldBe(0);
        Peers.Connections.ShouldAllBe(c => !c.HasListeners);
        (Registry.Capacity.ActiveCreates, Registry.Capacity.Tubes, Registry.Capacity.Waiting, Node.Admission.Owners).ShouldBe((0, 0, 0, 0));
        Node.Holdings.All.ShouldBeEmpty();
        Node.Metrics.Registrations.ShouldBe(0);
        Node.Gauges.Connections.ShouldBe(0);
        Node.Gauges.Sockets.ShouldBe(0);
        Node.Gauges.Listeners.ShouldBe(0);
        ((ActorRefWithCell)Actor).Children.ShouldBeEmpty();
    });

    private static ActorSystemSetup Setup(string hocon, Action<TubeRegistryOptions>? configure, out ScriptedPeerConnectionFactory peers, out SchedulerTime time)
    {
        var factory = peers = new();
        var options = new TubeRegistryOptions { PeerConnections = factory, Node = "here", TimeProvider = time = new() };
        configure?.Invoke(options);
        var config = ConfigurationFactory.ParseString(hocon).WithFallback(VirtualTime).WithFallback(DefaultConfig);
        return ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config), new TubeRegistrySetup(options), RegistryProtocolSerialization.Setup);
    }
}
