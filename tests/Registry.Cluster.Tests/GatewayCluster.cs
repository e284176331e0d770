using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Registry.Cluster.Tests;

/// <summary>Gateways that are one cluster, each a process.</summary>
public sealed class GatewayCluster : IAsyncDisposable
{
    private readonly List<ClusterProcess> nodes = [];
    private readonly string[] arguments;

    private GatewayCluster(string[] arguments) => this.arguments = arguments;

    /// <summary>The nodes that run, in the order they were started in.</summary>
    public IReadOnlyList<ClusterProcess> Running => [.. nodes.Where(node => !node.HasExited)];

    /// <summary>Those that were started, in that order, also when they have ended.</summary>
    public IReadOnlyList<ClusterProcess> Nodes => nodes;

    /// <summary>Starts a cluster and returns when every node is up and ready.</summary>
    /// <param name="count">How many nodes.</param>
    /// <param name="arguments">Options of <c>serve</c> for each of them.</param>
    public static Task<GatewayCluster> StartAsync(int count, params string[] arguments) => StartAsync(Enumerable.Repeat<NetworkPlace?>(null, count), arguments);

    /// <summary>The same, each node in a place of its own.</summary>
    /// <param name="places">Where each runs; null for this machine's network.</param>
    /// <param name="arguments">Options of <c>serve</c> for each of them.</param>
    public static async Task<GatewayCluster> StartAsync(IEnumerable<NetworkPlace?> places, params string[] arguments)
    {
        var cluster = new GatewayCluster(arguments);
        try
        {
            NetworkPlace?[] all = [.. places];
            await cluster.AddAsync(all[0]);
            await Task.WhenAll(all.Skip(1).Select(place => cluster.AddAsync(place)));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a further node and returns when it is up and ready.</summary>
    /// <param name="more">Options of <c>serve</c> besides those of every node.</param>
    public Task<ClusterProcess> AddAsync(params string[] more) => AddAsync(null, more);

    /// <summary>Starts a further node and returns when it is up and ready.</summary>
    /// <param name="place">Where it runs; null for this machine's network.</param>
    /// <param name="more">Options of <c>serve</c> besides those of every node.</param>
    public async Task<ClusterProcess> AddAsync(NetworkPlace? place, params string[] more)
    {
        string[] options = [.. arguments, .. Seeds, .. more];
        var added = await (place is null ? ClusterProcess.StartAsync(options) : ClusterProcess.StartAsync(place, options));
        lock (nodes)
            nodes.Add(added);
        await added.ReadyAsync();
        return added;
    }

    /// <summary>Starts a node that has ended at its addresses anew, and returns when it is up and ready.</summary>
    public async Task<ClusterProcess> RestartAsync(ClusterProcess ended)
    {
        var again = await ended.StartAgainAsync([.. arguments, .. Seeds]);
        lock (nodes)
            nodes.Add(again);
        await again.ReadyAsync();
        return again;
    }

    /// <summary>A port of loopback that was free a moment ago, for what must be known before it is bound; outside the range that the system hands out by itself.</summary>
    public static string FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 30_000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port.ToString(CultureInfo.InvariantCulture);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Another one.
            }
        }
    }

    private IEnumerable<string> Seeds => Running.SelectMany(node => new[] { "--seed", node.Name });

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
            await node.DisposeAsync();
    }
}
