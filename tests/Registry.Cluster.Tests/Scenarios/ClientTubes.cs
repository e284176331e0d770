using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Registry.Actors.Channels;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Clients in this process, each as the <c>forward</c> command is: a tube of its own to whichever node the gateway chose, and a local port.</summary>
internal sealed class ClientTubes : IAsyncDisposable
{
    // Fewer than a node admits, so that none is refused.
    private const int AtOnce = 8;

    private readonly CancellationTokenSource stop = new();
    private readonly InProcessRegistry registry;
    private readonly GatewayClient gateway;
    private readonly IReadOnlyList<TunnelListener> listeners;
    private readonly IReadOnlyList<ClientTube> tubes;

    private ClientTubes(InProcessRegistry registry, ClusterProcess gateway, IReadOnlyList<TunnelListener> listeners)
    {
        this.registry = registry;
        this.gateway = new(new GatewayAddress(gateway.Url));
        this.listeners = listeners;
        tubes = [.. listeners.Select(_ => new ClientTube())];
    }

    public IReadOnlyList<ClientTube> Tubes => tubes;

    /// <summary>Connects tubes and returns when all carry traffic.</summary>
    public static async Task<ClientTubes> ConnectAsync(ClusterProcess gateway, IPEndPoint target, int count)
    {
        TunnelListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TunnelListener(new(IPAddress.Loopback, 0)))];
        var clients = new ClientTubes(await InProcessRegistry.StartAsync(new() { PeerConnections = new() { SocketPerConnection = true }, Listeners = listeners }), gateway, listeners);
        try
        {
            var specification = new ForwardSpecification(new(IPAddress.Loopback, 0), target.Address.ToString(), target.Port);
            await Parallel.ForEachAsync(clients.tubes.Zip(listeners), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (one, _) =>
                await one.First.StartAsync(new(clients.registry.Registry, [clients.gateway], specification, one.Second, one.First, new(((IForwardReport)one.First).Warn, TimeProvider.System), new(((IForwardReport)one.First).Warn)), clients.stop.Token));
            return clients;
        }
        catch
        {
            await clients.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(tubes.Select(tube => tube.Running)).WaitAsync(ClusterProcess.Patience);
        await registry.DisposeAsync();
        gateway.Dispose();
        foreach (var listener in listeners)
            listener.Dispose();
        stop.Dispose();
    }
}

/// <summary>One client's tube.</summary>
internal sealed class ClientTube : IForwardReport
{
    private readonly TaskCompletionSource<ForwardReady> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<string> complaints = [];

    /// <summary>What it said when it could carry traffic.</summary>
    public ForwardReady Ready => ready.Task.Result;

    /// <summary>That the tube was lost, and whatever else was not as it should be.</summary>
    public IReadOnlyCollection<string> Complaints => complaints;

    public Task Running { get; private set; } = Task.CompletedTask;

    public async Task StartAsync(Forwarder forwarder, CancellationToken stop)
    {
        Running = forwarder.RunAsync(stop);
        if (await Task.WhenAny(ready.Task, Running).WaitAsync(ClusterProcess.Patience, stop) == Running)
            await Running;
    }

    void IForwardReport.Forwarding(ForwardReady forwarding)
    {
        if (!ready.TrySetResult(forwarding))
            complaints.Enqueue($"{forwarding.TubeId} replaced {Ready.TubeId}");
    }

    void IForwardReport.Warn(string what) => complaints.Enqueue(what);
}

/// <summary>One connection through a tube to a server that answers <c>/n</c> with n bytes of a known pattern; one request follows the other.</summary>
internal sealed class Transfer(ClientTube tube) : IDisposable
{
    private static readonly TimeSpan BetweenRequests = TimeSpan.FromMilliseconds(250);
    private readonly HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = new($"http://{tube.Ready.Listen}") };

    /// <summary>Answers that arrived whole.</summary>
    public int Answers { get; private set; }

    /// <summary>The longest time from a request to the end of its answer.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>Asks on until told to end.</summary>
    public async Task GoOnAsync(Task end)
    {
        for (var length = 1_000; !end.IsCompleted; length += 101)
        {
            var (_, time) = await GatewayApi.TimedAsync(() => DownloadAsync(length));
            Longest = new[] { Longest, time }.Max();
            Answers++;
            await Task.WhenAny(end, Task.Delay(BetweenRequests));
        }
    }

    /// <summary>Fetches so many bytes, and compares their hash.</summary>
    public async Task<long> DownloadAsync(long length)
    {
        await using var stream = await http.GetStreamAsync(new Uri($"/{length}", UriKind.Relative)).WaitAsync(ClusterProcess.Patience);
        (await SHA256.HashDataAsync(stream)).ShouldBe(ByteServer.HashOf(length));
        return length;
    }

    public void Dispose() => http.Dispose();
}
