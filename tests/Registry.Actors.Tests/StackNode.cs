using System.Net;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Hosting;
using Registry.Actors.Hosting;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests;

/// <summary>A registry over the managed stack on loopback.</summary>
internal sealed class StackNode : IAsyncDisposable
{
    private readonly PeerConnectionFactory peers;
    private readonly ActorSystem system;

    /// <param name="name">The node's name.</param>
    /// <param name="socketPerConnection">What a side needs that has several tubes to one other node.</param>
    /// <param name="configure">Sets further options.</param>
    public StackNode(string name, bool socketPerConnection = false, Action<TubeRegistryOptions>? configure = null)
    {
        peers = PeerConnectionFactory.Create(new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback], SocketPerConnection = socketPerConnection });
        var options = new TubeRegistryOptions { PeerConnections = peers, Node = name, Listen = ListenScope.Loopback };
        options.AllowTargets.Add("127.0.0.0/8:*");
        configure?.Invoke(options);
        system = ActorSystem.Create(name, ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString("akka { loglevel = OFF, stdout-loglevel = OFF }")),
            new TubeRegistrySetup(options)));
        ActorRegistry.For(system).Register<RegistryActor>(
            system.ActorOf(RegistryActor.Props(TubeRegistryNode.Get(system).ContextFor(null)), RegistryActor.ActorName));
        Registry = system.GetTubeRegistry();
    }

    public ITubeRegistry Registry { get; }

    /// <summary>Tubes, tube actors, peer connections, metric registrations and what else tubes hold; all 0 when nothing is left.</summary>
    public (int Tubes, int Actors, int Connections, int Registrations, int Holdings, int Creates) Count => (
        Registry.Directory.Count,
        ((ActorRefWithCell)ActorRegistry.For(system).Get<RegistryActor>()).Children.Count(),
        peers.OpenConnections,
        Node.Metrics.Registrations,
        Node.Holdings.All.Count(),
        Registry.Capacity.ActiveCreates);

    /// <summary>The live tubes' peer connections.</summary>
    public IEnumerable<WeakReference> Connections => Node.Directory.Entries.Select(e => new WeakReference(e.Connection));

    public bool IsEmpty => Count == default && Node.Gauges is { Sockets: 0, Connections: 0, Listeners: 0 };

    private TubeRegistryNode Node => TubeRegistryNode.Get(system);

    /// <summary>Waits until a tube can carry data.</summary>
    public async Task ReadyAsync(TubeId tube, CancellationToken cancellationToken)
    {
        await foreach (var signal in Registry.Signals(tube, 0, cancellationToken)!)
            if (signal is ConnectionStateChanged { State: TubeState.Ready })
                return;
        Assert.Fail($"{Registry.Node}'s tube ended before it was ready.");
    }

    public async ValueTask DisposeAsync()
    {
        await system.Terminate();
        await peers.DisposeAsync();
    }
}
