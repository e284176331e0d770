using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Every node is stopped and started anew, one after the other, while clients work.</summary>
[Collection(nameof(BusyScenarios))]
public sealed class RollingRestartTests(BusyCluster busy, ITestOutputHelper log)
{
    private static readonly TimeSpan BetweenCreates = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan BetweenConnections = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task No_create_is_refused_and_every_clients_next_connection_works()
    {
        var cluster = await busy.OfThreeAsync();
        var nodes = cluster.Running;
        await using var target = new EchoServer();
        var clients = new List<Client>();
        foreach (var batch in Enumerable.Range(0, Size.Clients).Chunk(8))
            clients.AddRange(await Task.WhenAll(batch.Select(number => Client.StartAsync(target.EndPoint, [.. Enumerable.Range(0, 3).Select(turn => nodes[(number + turn) % 3].Url)]))));
        using var stop = new CancellationTokenSource();
        var creating = new Creates(cluster).RunAsync(stop.Token);
        var working = clients.Select(client => client.WorkAsync(stop.Token)).ToArray();
        var whole = Stopwatch.StartNew();

        for (var turn = 0; turn < 3; turn++)
        {
            var node = cluster.Running[0];
            var one = Stopwatch.StartNew();
            node.Terminate();
            (await node.ExitAsync()).ShouldBe(0, node.Errors);
            var stopped = one.Elapsed;
            var again = await cluster.RestartAsync(node);
            log.Figure($"{node.Name} stopped in {stopped.TotalSeconds:0.0} s and is back after {one.Elapsed.TotalSeconds:0.0} s");
            await Task.WhenAll(cluster.Running.Select(each => each.KnowsAsync(cluster.Running)));
            again.Name.ShouldBe(node.Name);
        }

        var took = whole.Elapsed;
        await stop.CancelAsync();
        var creates = await creating;
        await Task.WhenAll(working);
        log.Figure($"rolling restart of 3 nodes: {took.TotalSeconds:0.0} s; {creates.Count} creates, {Figures.Spread(creates)}");
        log.Figure($"{clients.Count} clients, connections: {Figures.Spread(clients.SelectMany(client => client.Connections))}");
        foreach (var client in clients)
        {
            client.Forward.Failure.ShouldBeNull();
            client.Failures.ShouldBeEmpty();
            // What ends a tube here is that its node stops, and nothing else. A connection whose client has all it asked for, as each has here, may end with it.
            string[] ends = [.. client.Forward.Lines.Where(line => !line.Contains("ended with the tube", StringComparison.Ordinal))];
            ends.ShouldAllBe(line => line.Contains("out of service", StringComparison.Ordinal) || line.Contains("The node stopped.", StringComparison.Ordinal));
            if (ends.Length < client.Forward.Lines.Count)
                ends.ShouldContain(line => line.Contains("The node stopped.", StringComparison.Ordinal));
        }

        foreach (var client in clients)
            await client.DisposeAsync();
    }

    /// <summary>20 creates a second, as a load balancer passes them on: to nodes that are ready, and to another one when a connection fails.</summary>
    private sealed class Creates(GatewayCluster cluster)
    {
        private readonly ConcurrentBag<TimeSpan> durations = [];

        public async Task<IReadOnlyCollection<TimeSpan>> RunAsync(CancellationToken cancellationToken)
        {
            var work = new List<Task>();
            using var timer = new PeriodicTimer(BetweenCreates);
            for (var number = 0; !cancellationToken.IsCancellationRequested; number++)
            {
                work.Add(CreateAsync(number));
                await ((Task)timer.WaitForNextTickAsync(cancellationToken).AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await Task.WhenAll(work);
            return durations;
        }

        private async Task CreateAsync(int number)
        {
            var started = Stopwatch.StartNew();
            for (var turn = number; ; turn++)
            {
                var nodes = cluster.Running;
                var node = nodes[turn % nodes.Count];
                try
                {
                    if (!(await node.Http.GetAsync("/readyz")).IsSuccessStatusCode)
                    {
                        started.Elapsed.ShouldBeLessThan(ClusterProcess.Patience, "no node is ready");
                        await Task.Delay(10);
                        continue;
                    }

                    var tube = await node.CreateAsync($"rolling-{number}");
                    durations.Add(started.Elapsed);
                    // At a node that is still there when this one is not any more.
                    await Eventually.HoldsAsync(async () => await TryCloseAsync(tube.TubeId), $"{tube.TubeId} can be closed");
                    return;
                }
                catch (HttpRequestException)
                {
                    started.Elapsed.ShouldBeLessThan(ClusterProcess.Patience);
                    await Task.Delay(10);
                }
            }
        }

        private async Task<bool> TryCloseAsync(string tube)
        {
            try
            {
                return (await cluster.Running[0].SendAsync(HttpMethod.Delete, $"/v1/tubes/{tube}")).Status is HttpStatusCode.NoContent or HttpStatusCode.NotFound;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }

    /// <summary>A client that opens one connection after the other through its forward.</summary>
    private sealed class Client(RunningForward forward) : IAsyncDisposable
    {
        private readonly byte[] sent = new byte[1000];

        public RunningForward Forward => forward;

        public List<TimeSpan> Connections { get; } = [];

        public List<string> Failures { get; } = [];

        public static async Task<Client> StartAsync(IPEndPoint target, Uri[] gateways)
        {
            var forward = new RunningForward(target, gateways);
            await forward.NextReadyAsync();
            return new(forward);
        }

        public async Task WorkAsync(CancellationToken cancellationToken)
        {
            Random.Shared.NextBytes(sent);
            while (!cancellationToken.IsCancellationRequested)
            {
                var started = Stopwatch.StartNew();
                try
                {
                    await EchoAsync();
                    Connections.Add(started.Elapsed);
                }
                catch (Exception e) when (e is SocketException or IOException or TimeoutException)
                {
                    Failures.Add($"after {started.Elapsed}: {e.Message}");
                }

                await Task.Delay(BetweenConnections, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        public async ValueTask DisposeAsync() => await forward.DisposeAsync();

        private async Task EchoAsync()
        {
            using var client = new TcpClient();
            await client.ConnectAsync(forward.Listen).WaitAsync(ClusterProcess.Patience);
            var stream = client.GetStream();
            await stream.WriteAsync(sent);
            var received = new byte[sent.Length];
            await stream.ReadExactlyAsync(received).AsTask().WaitAsync(ClusterProcess.Patience);
            received.ShouldBe(sent);
        }
    }
}
