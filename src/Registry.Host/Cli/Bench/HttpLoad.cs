using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Host.Cli.Bench;

/// <summary>
/// Creates over HTTP at a steady rate against a gateway in a process of its own. Each, or so many of a hundred, has a peer here that
/// connects to its tube and waits until the channel is open; all are held for a while and closed over HTTP; watchers of all events count what they are told meanwhile.
/// </summary>
internal sealed class HttpLoad : IAsyncDisposable
{
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly GatewayProcess gateway;
    private readonly GatewayClient client;
    private readonly PeerConnectionFactory peers = PeerConnectionFactory.Create(new() { SocketPerConnection = true });
    private readonly ConcurrentBag<double> creates = [];
    private readonly ConcurrentBag<double> readies = [];
    private readonly ConcurrentBag<double> closes = [];
    private readonly ConcurrentDictionary<string, int> failures = [];
    private double latest;

    private HttpLoad(GatewayProcess gateway)
    {
        this.gateway = gateway;
        client = new(new(gateway.Url));
    }

    /// <summary>Runs it and returns the figures to print as JSON.</summary>
    /// <param name="rate">Creates per second.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="watchers">Clients of <c>/v1/events</c>.</param>
    /// <param name="peers">Of 100 creates, how many have a peer that connects.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Dictionary<string, object?>> RunAsync(int rate, TimeSpan duration, int watchers, int peers, CancellationToken cancellationToken)
    {
        await using var load = new HttpLoad(await GatewayProcess.StartAsync());
        return await load.gateway.MeasureAsync(async () =>
        {
            await load.ConnectAsync("warm", measured: false); // what both processes load once
            return await load.MeasureAsync(rate, (int)(rate * duration.TotalSeconds), watchers, peers);
        }, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await peers.DisposeAsync();
        await gateway.DisposeAsync();
    }

    private async Task<Dictionary<string, object?>> MeasureAsync(int rate, int n, int count, int answered)
    {
        using var stop = new CancellationTokenSource();
        EventWatcher[] watchers = [.. Enumerable.Range(0, count).Select(_ => new EventWatcher(gateway.Url))];
        Task[] watching = [.. watchers.Select(watcher => watcher.RunAsync(stop.Token))];
        await Task.WhenAll(watchers.Select(watcher => watcher.Listed)).WaitAsync(Patience);
        var (rss, cpu, ownCpu) = (gateway.Rss, gateway.CpuSeconds, ProcessFigures.CpuSeconds);
        var started = Stopwatch.GetTimestamp();
        var running = new List<Task>(n);
        for (var i = 0; i < n; i++)
        {
            var due = TimeSpan.FromSeconds(i / (double)rate) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.Zero)
                await Task.Delay(due);
            latest = Math.Max(latest, -due.TotalMilliseconds);
            running.Add(i % 100 < answered ? ConnectAsync($"load-{i}", measured: true) : CreateAsync($"load-{i}"));
        }

        var sent = Stopwatch.GetElapsedTime(started);
        await Task.WhenAll(running);
        var deadline = Stopwatch.StartNew();
        while (watchers.Any(watcher => watcher.Closed < creates.Count) && deadline.Elapsed < Patience)
            await Task.Delay(50);
        var (usedCpu, usedHere, peak) = (gateway.CpuSeconds - cpu, ProcessFigures.CpuSeconds - ownCpu, gateway.Rss);
        await stop.CancelAsync();
        await Task.WhenAll(watching);
        var left = await client.ReadCapacityAsync();
        var figures = new Dictionary<string, object?>
        {
            ["creates_per_s"] = Benchmarks.Round(n / sent.TotalSeconds),
            ["n"] = n,
            ["created"] = creates.Count,
            ["ready"] = readies.Count,
            ["closed"] = closes.Count,
            ["failures"] = failures,
            ["create_ms"] = Spread(creates),
            ["ready_ms"] = Spread(readies),
            ["close_ms"] = Spread(closes),
            ["latest_start_ms"] = Benchmarks.Round(latest),
            ["watchers"] = count,
            ["watchers_complete"] = watchers.Count(watcher => watcher.Closed == creates.Count && watcher.Ready == readies.Count && watcher is { Missed: 0, Repeated: 0 }),
            ["events"] = watchers.Sum(watcher => watcher.Events),
            ["missed"] = watchers.Sum(watcher => watcher.Missed),
            ["tubes_left"] = left.Tubes,
            ["gateway_cpu_s"] = Benchmarks.Round(usedCpu),
            ["load_cpu_s"] = Benchmarks.Round(usedHere),
            ["gateway_rss_kib"] = new[] { rss, peak },
            ["load_average"] = (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0],
        };
        foreach (var watcher in watchers)
            watcher.Dispose();
        return figures;
    }

    // The gateway makes the offer, and nobody answers it.
    private Task CreateAsync(string conversation) => TryAsync(async () =>
    {
        var asked = Stopwatch.GetTimestamp();
        var tube = await client.CreateTubeAsync(Echo(conversation));
        creates.Add(Milliseconds(asked));
        await CloseAsync(tube.TubeId, measured: true);
    });

    private async Task CloseAsync(string tube, bool measured)
    {
        await Task.Delay(Hold);
        var closing = Stopwatch.GetTimestamp();
        await client.CloseTubeAsync(tube, nameof(CloseReason.Client));
        if (measured)
            closes.Add(Milliseconds(closing));
    }

    private static CreateTubeBody Echo(string conversation) => new()
    {
        ConversationId = conversation,
        Settings = TubeSettings.Of(new { conversationType = "echo" }),
        TrickleIce = false,
    };

    private static double Milliseconds(long since) => Stopwatch.GetElapsedTime(since).TotalMilliseconds;

    private Task ConnectAsync(string conversation, bool measured) => TryAsync(async () =>
    {
        await using var peer = peers.CreatePeerConnection();
        var channel = peer.CreateDataChannel(conversation);
        await peer.SetLocalDescriptionAsync(await peer.CreateOfferAsync());
        await GatheredAsync(peer);
        var asked = Stopwatch.GetTimestamp();
        var tube = await client.CreateTubeAsync(Echo(conversation) with { Offer = SdpText.Encode(peer.LocalDescription!.Sdp) });
        if (measured)
            creates.Add(Milliseconds(asked));
        await peer.SetRemoteDescriptionAsync(new(SdpType.Answer, Encoding.UTF8.GetString(Convert.FromBase64String(tube.Answer!))));
        await channel.WaitForOpenAsync().WaitAsync(Patience);
        if (measured)
            readies.Add(Milliseconds(asked));
        await CloseAsync(tube.TubeId, measured);
    });

    private async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is GatewayException or TimeoutException or InvalidOperationException or IOException)
        {
            failures.AddOrUpdate((e as GatewayRefusedException)?.Code ?? e.GetType().Name, 1, (_, times) => times + 1);
        }
    }

    private static async Task GatheredAsync(IPeerConnection peer)
    {
        var gathered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        peer.IceGatheringStateChanged += state =>
        {
            if (state == IceGatheringState.Complete)
                gathered.TrySetResult();
        };
        if (peer.IceGatheringState != IceGatheringState.Complete)
            await gathered.Task.WaitAsync(Patience);
    }

    private static Dictionary<string, double> Spread(ConcurrentBag<double> figures) => figures.IsEmpty ? [] : new()
    {
        ["p50"] = Benchmarks.Round(Benchmarks.Percentile(figures, 0.5)),
        ["p90"] = Benchmarks.Round(Benchmarks.Percentile(figures, 0.9)),
        ["p99"] = Benchmarks.Round(Benchmarks.Percentile(figures, 0.99)),
        ["max"] = Benchmarks.Round(figures.Max()),
    };
}
