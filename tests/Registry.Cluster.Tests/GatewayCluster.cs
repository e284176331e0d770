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

    /// <summary>Those that were started, in that order, also when they have ended.</summary>
    public IReadOnlyList<ClusterProcess> Nodes => nodes;

    /// <summary>Starts a cluster and returns when every node is up and ready.</summary>
    /// <param name="count">How many nodes.</param>
    /// <param name="arguments">Options of <c>serve</c> for each of them.</param>
    public static async Task<GatewayCluster> StartAsync(int count, params string[] arguments)
    {
        var cluster = new GatewayCluster(arguments);
        try
        {
            await cluster.AddAsync();
            await Task.WhenAll(Enumerable.Range(1, count - 1).Select(_ => cluster.AddAsync()));
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
    public async Task<ClusterProcess> AddAsync(params string[] more)
    {
        var seeds = nodes.Where(node => !node.HasExited).SelectMany(node => new[] { "--seed", node.Name }).ToArray();
        var added = await ClusterProcess.StartAsync([.. arguments, .. seeds, .. more]);
        lock (nodes)
            nodes.Add(added);
        await added.ReadyAsync();
        return added;
    }

    /// <summary>A port of loopback that was free a moment ago, for what must be known before it is bound.</summary>
    public static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
            await node.DisposeAsync();
    }
}
