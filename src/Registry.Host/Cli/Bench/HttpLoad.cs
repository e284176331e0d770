using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Host.Cli.Bench;

/// <summary>
/// Creates over HTTP at a steady rate against a gateway in a process of its own. Each has a peer here that connects to its tube, waits until the channel is open, holds it
/// for a while and closes it over HTTP; watchers of all events count what they are told meanwhile.
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
    public static async Task<Dictionary<string, object?>> RunAsync(int rate, TimeSpan duration, int watchers)
    {
        await using var load = new HttpLoad(await GatewayProcess.StartAsync());
        await load.CreateAsync("warm", measured: false); // what both processes load once
        return await load.MeasureAsync(rate, (int)(rate * duration.TotalSeconds), watchers);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await peers.DisposeAsync();
        await gateway.DisposeAsync();
    }

    private async Task<Dictionary<string, object?>> MeasureAsync(int rate, int n, int count)
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
            running.Add(CreateAsync($"load-{i}", measured: true));
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

    private async Task CreateAsync(string conversation, bool measured)
    {
        try
        {
            await using var peer = peers.CreatePeerConnection();
            var channel = peer.CreateDataChannel(conversation);
            await peer.SetLocalDescriptionAsync(await peer.CreateOfferAsync());
            await GatheredAsync(peer);
            var asked = Stopwatch.GetTimestamp();
            var tube = await client.CreateTubeAsync(new()
            {
                ConversationId = conversation,
                Settings = new() { ["conversationType"] = JsonSerializer.SerializeToElement("echo") },
                TrickleIce = false,
                Offer = SdpText.Encode(peer.LocalDescription!.Sdp),
            });
            Note(creates, asked);
            await peer.SetRemoteDescriptionAsync(new(SdpType.Answer, Encoding.UTF8.GetString(Convert.FromBase64String(tube.Answer!))));
            await channel.WaitForOpenAsync().WaitAsync(Patience);
            Note(readies, asked);
            await Task.Delay(Hold);
            var closing = Stopwatch.GetTimestamp();
            await client.CloseTubeAsync(tube.TubeId, nameof(CloseReason.Client));
            Note(closes, closing);
        }
        catch (Exception e) when (e is GatewayException or TimeoutException or InvalidOperationException)
        {
            failures.AddOrUpdate((e as GatewayRefusedException)?.Code ?? e.GetType().Name, 1, (_, times) => times + 1);
        }

        void Note(ConcurrentBag<double> figures, long since)
        {
            if (measured)
                figures.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
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
