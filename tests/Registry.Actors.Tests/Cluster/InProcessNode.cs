using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Hosting;
using Registry.Actors.Cluster;
using Registry.Actors.Cluster.Membership;
using Registry.Actors.Hosting;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;

namespace Registry.Actors.Tests.Cluster;

/// <summary>Several nodes of one cluster in this process, over scripted peer connections and real remoting on loopback.</summary>
internal sealed class InProcessCluster : IAsyncDisposable
{
    private readonly string hocon;
    private readonly Action<TubeRegistryOptions>? configure;

    private InProcessCluster(string hocon, Action<TubeRegistryOptions>? configure)
    {
        this.hocon = hocon;
        this.configure = configure;
    }

    public List<InProcessNode> Nodes { get; } = [];

    /// <summary>The peer connections of all nodes, so that two of them can be connected.</summary>
    public ScriptedPeerConnectionFactory Peers { get; } = new();

    public InProcessNode this[int index] => Nodes[index];

    /// <summary>Starts nodes and waits until each knows every other's load.</summary>
    public static async Task<InProcessCluster> StartAsync(int nodes, string hocon = "", Action<TubeRegistryOptions>? configure = null)
    {
        var cluster = new InProcessCluster(hocon, configure);
        for (var i = 0; i < nodes; i++)
            cluster.Begin();
        await cluster.UpAsync();
        return cluster;
    }

    public async Task<InProcessNode> AddAsync(Action<TubeRegistryOptions>? configureOne = null)
    {
        var node = Begin(configureOne);
        await UpAsync();
        return node;
    }

    private InProcessNode Begin(Action<TubeRegistryOptions>? configureOne = null)
    {
        var node = new InProcessNode(Nodes.FirstOrDefault(n => n.IsRunning)?.Address, Peers, hocon, configureOne ?? configure);
        Nodes.Add(node);
        return node;
    }

    private async Task UpAsync()
    {
        foreach (var each in Nodes.Where(n => n.IsRunning))
            await each.UpAsync(Nodes.Count(n => n.IsRunning));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
            await node.DisposeAsync();
    }
}

internal sealed class InProcessNode : IAsyncDisposable
{
    // As between processes, but quicker to see what happened to a node.
    private static readonly Config Common = ConfigurationFactory.ParseString("""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor.provider = cluster
          actor.serialization-settings.allow-unregistered-types = off
          # A test's nodes end at once, and not in order, for which each may wait for the others until a time-out of 10 s.
          coordinated-shutdown.run-by-actor-system-terminate = off
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
          cluster {
            roles = [tube-registry]
            gossip-interval = 200ms
            leader-actions-interval = 200ms
            # Nodes start together, so that the first may not be ready when the second asks.
            retry-unsuccessful-join-after = 1s
            down-removal-margin = 500ms
            split-brain-resolver.stable-after = 2s
            failure-detector { heartbeat-interval = 300ms, acceptable-heartbeat-pause = 2s }
            sharding.retry-interval = 500ms
          }
        }
        """).WithFallback(TubeRegistryClusterOptions.Default).WithFallback(Akka.Cluster.Sharding.ClusterSharding.DefaultConfig());

    private readonly ActorSystem system;

    public InProcessNode(Address? seed, ScriptedPeerConnectionFactory peers, string hocon, Action<TubeRegistryOptions>? configure)
    {
        var options = new TubeRegistryOptions { PeerConnections = peers, MaxTubes = 100 };
        configure?.Invoke(options);
        var config = ConfigurationFactory.ParseString(hocon).WithFallback(Common);
        var port = FreePort();
        options.Node = $"127.0.0.1:{port}";
        system = ActorSystem.Create("registry", ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString($"akka.remote.dot-netty.tcp.port = {port}").WithFallback(config)),
            new TubeRegistrySetup(options),
            RegistryProtocolSerialization.Setup,
            new ClusterMembershipSetup(TubeRegistryClusterOptions.From(config))));
        Node = TubeRegistryNode.Get(system);
        ActorRegistry.For(system).Register<RegistryActor>(system.ActorOf(RegistryActor.Props(Node.ContextFor(null)), RegistryActor.ActorName));
        ClusterRoom.Start((ExtendedActorSystem)system, ActorRegistry.For(system), new() { Lease = TimeSpan.FromSeconds(3) });
        Registry = system.GetTubeRegistry();
        var cluster = Akka.Cluster.Cluster.Get(system);
        Address = cluster.SelfAddress;
        cluster.Join(seed ?? Address);
    }

    public ActorSystem System => system;

    public Address Address { get; }

    public TubeRegistryNode Node { get; }

    public ITubeRegistry Registry { get; }

    /// <summary>The actor for those that use Ask.</summary>
    public IActorRef Asked => ActorRegistry.For(system).Get<ClusterRegistryActor>();

    public ClusterRoomContext Room => ClusterRoom.Of(system);

    public bool IsRunning => !system.WhenTerminated.IsCompleted;

    public IEnumerable<ConversationId> Conversations => Node.Directory.Claims.Select(c => c.Conversation);

    /// <summary>Waits until this node knows the load of so many.</summary>
    public async Task UpAsync(int nodes)
    {
        var limit = DateTime.UtcNow + TimeSpan.FromSeconds(30);
        while (Registry.Nodes.Count(n => n is { State: NodeState.Up, Capacity: not null }) != nodes)
        {
            if (DateTime.UtcNow > limit)
                Assert.Fail($"{Node.Name} knows {string.Join("; ", Registry.Nodes)}, not {nodes} nodes.");
            await Task.Delay(20);
        }
    }

    public async Task<TubeCreated> CreateAsync(string conversation, Func<CreateTube, CreateTube>? with = null)
    {
        var command = new CreateTube(new(conversation), new EchoSettings());
        var reply = await Registry.CreateAsync(with?.Invoke(command) ?? command);
        return reply.ShouldBeOfType<TubeCreated>($"{reply}");
    }

    /// <summary>Ends it as a crash does: nobody is told.</summary>
    public async Task CrashAsync()
    {
        var provider = ((ExtendedActorSystem)system).Provider;
        await ((Akka.Remote.RemoteActorRefProvider)provider).Transport.Shutdown();
        await system.Terminate();
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
            await system.Terminate();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
