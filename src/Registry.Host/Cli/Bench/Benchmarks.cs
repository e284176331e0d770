using System.Diagnostics;
using Registry.WebRtc;

namespace Registry.Host.Cli.Bench;

/// <summary>
/// Measurements of the WebRTC stack with both ends in this process, each returning the figures to print as JSON: times in the
/// unit their key names, MB = 10⁶ bytes.
/// </summary>
internal static class Benchmarks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Pairs one after the other, from creating both ends to the channel open on both.</summary>
    public static async Task<Dictionary<string, object?>> ConnectAsync(int n)
    {
        await using var pairs = new BenchmarkPairs(null);
        var milliseconds = new List<double>();
        var cpu = new List<double>();
        for (var i = 0; i < n; i++)
        {
            var cpuBefore = ProcessFigures.CpuSeconds;
            var start = Stopwatch.GetTimestamp();
            await using var pair = await pairs.ConnectAsync().WaitAsync(Patience);
            milliseconds.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            cpu.Add(ProcessFigures.CpuSeconds - cpuBefore);
            await Task.Delay(100);
        }
        return new()
        {
            ["n"] = n,
            ["fail"] = 0,
            ["ms"] = milliseconds.Select(ms => Math.Round(ms, 1)).ToArray(),
            ["first_ms"] = Round(milliseconds[0]),
            ["median_ms"] = Round(Percentile(milliseconds, 0.5)),
            ["max_ms"] = Round(milliseconds.Max()),
            ["cpu_s_per_pair"] = Round(Percentile(cpu, 0.5)),
            ["cpu_s_first"] = Round(cpu[0]),
        };
    }

    /// <summary>Pairs started at once.</summary>
    public static async Task<Dictionary<string, object?>> BulkAsync(int n)
    {
        await using var pairs = new BenchmarkPairs(null);
        var cpuBefore = ProcessFigures.CpuSeconds;
        var start = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, n).Select(_ => Task.Run(async () =>
        {
            try
            {
                await pairs.ConnectAsync().WaitAsync(Patience);
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
            catch (TimeoutException)
            {
                return double.NaN;
            }
        })));
        var cpu = ProcessFigures.CpuSeconds - cpuBefore;
        var open = times.Where(double.IsFinite).ToArray();
        return new()
        {
            ["n"] = n,
            ["ok"] = open.Length,
            ["fail"] = n - open.Length,
            ["wall_s"] = open.Length > 0 ? Round(open.Max()) : null,
            ["median_open_s"] = open.Length > 0 ? Round(Percentile(open, 0.5)) : null,
            ["cpu_s"] = Round(cpu),
        };
    }

    /// <summary>One ordered reliable channel in one direction, until <paramref name="mebibytes"/> were sent or the time is over.</summary>
    public static async Task<Dictionary<string, object?>> ThroughputAsync(int size, int mebibytes, TimeSpan limit, RelayPorts? relay, CongestionControl control)
    {
        await using var pairs = new BenchmarkPairs(relay, new() { CongestionControl = control });
        await using var pair = await pairs.ConnectAsync().WaitAsync(Patience);
        var message = new byte[size];
        Array.Fill(message, (byte)0x5a);
        var total = (long)mebibytes << 20;
        var cpuBefore = ProcessFigures.CpuSeconds;
        var start = Stopwatch.GetTimestamp();
        long received = 0, sent = 0, last = start;

        var receiving = Task.Run(async () =>
        {
            while (await pair.B.ReceiveAsync() is { } arrived)
            {
                received += arrived.Data.Length;
                arrived.Dispose();
                last = Stopwatch.GetTimestamp();
            }
        });
        await Task.Run(async () =>
        {
            while (sent < total && Stopwatch.GetElapsedTime(start) < limit)
            {
                await pair.A.SendAsync(message);
                sent += size;
            }
        });
        pair.A.Close();
        await receiving.WaitAsync(Patience);

        var seconds = Stopwatch.GetElapsedTime(start, last).TotalSeconds;
        var cpu = ProcessFigures.CpuSeconds - cpuBefore;
        var statistics = pair.Client.GetStatistics();
        return new()
        {
            ["size"] = size,
            ["sent_mb"] = Round(sent / 1e6),
            ["recv_mb"] = Round(received / 1e6),
            ["secs"] = Round(seconds),
            ["mb_s"] = Round(received / 1e6 / seconds),
            ["cpu_s"] = Round(cpu),
            ["cpu_s_per_gb"] = Round(cpu / (received / 1e9)),
            ["complete"] = received == sent,
            ["retransmissions"] = statistics.Retransmissions,
            ["allocated_mb"] = Round(GC.GetTotalAllocatedBytes() / 1e6),
        };
    }

    /// <summary>Small messages there and back, one at a time.</summary>
    public static async Task<Dictionary<string, object?>> LatencyAsync(int n, int size)
    {
        const int warmUp = 500;
        await using var pairs = new BenchmarkPairs(null);
        await using var pair = await pairs.ConnectAsync().WaitAsync(Patience);
        var echo = Task.Run(async () =>
        {
            while (await pair.B.ReceiveAsync() is { } message)
            {
                pair.B.TrySend(message.Data.Span);
                message.Dispose();
            }
        });
        var payload = new byte[size];
        var microseconds = new List<double>(n);
        double cpuBefore = 0;
        for (var i = 0; i < n + warmUp; i++)
        {
            if (i == warmUp)
                cpuBefore = ProcessFigures.CpuSeconds;
            var start = Stopwatch.GetTimestamp();
            await pair.A.SendAsync(payload);
            (await pair.A.ReceiveAsync())?.Dispose();
            if (i >= warmUp)
                microseconds.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }
        var cpu = ProcessFigures.CpuSeconds - cpuBefore;
        pair.A.Close();
        await echo.WaitAsync(Patience);
        return new()
        {
            ["n"] = n,
            ["p50_us"] = Round(Percentile(microseconds, 0.5)),
            ["p99_us"] = Round(Percentile(microseconds, 0.99)),
            ["p999_us"] = Round(Percentile(microseconds, 0.999)),
            ["max_us"] = Round(microseconds.Max()),
            ["cpu_us_per_rt"] = Round(cpu / n * 1e6),
        };
    }

    /// <summary>Idle pairs: memory, sockets, threads, processor time and keepalives of each connection, and what is left after closing.</summary>
    public static async Task<Dictionary<string, object?>> FootprintAsync(int n, TimeSpan idle)
    {
        await using var pairs = new BenchmarkPairs(null);
        await using (await pairs.ConnectAsync().WaitAsync(Patience))
            await Task.Delay(300);
        var before = await SettleAsync(TimeSpan.FromSeconds(1.5));
        var connected = new List<BenchmarkPair>();
        for (var i = 0; i < n; i++)
            connected.Add(await pairs.ConnectAsync().WaitAsync(Patience));
        var after = await SettleAsync(TimeSpan.FromSeconds(6));

        var (checksBefore, packetsBefore) = CountSent(connected);
        var cpuBefore = ProcessFigures.CpuSeconds;
        var start = Stopwatch.GetTimestamp();
        await Task.Delay(idle);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var idleCpu = (ProcessFigures.CpuSeconds - cpuBefore) / seconds;
        var (checks, packets) = CountSent(connected);
        var alive = connected.Count(pair => pair.Client.ConnectionState == PeerConnectionState.Connected && pair.Server.ConnectionState == PeerConnectionState.Connected);
        foreach (var pair in connected)
            await pair.DisposeAsync();
        connected.Clear();
        var closed = await SettleAsync(TimeSpan.FromSeconds(3));

        double PerConnection(long difference) => Round(difference / (2.0 * n));
        double PerMinute(long sent) => Round(sent / (2.0 * n) / (seconds / 60));
        return new()
        {
            ["pairs"] = n,
            ["rss_kb_per_pc"] = PerConnection(after.Rss - before.Rss),
            ["udp_per_pc"] = PerConnection(after.Udp - before.Udp),
            ["threads_per_pc"] = PerConnection(after.Threads - before.Threads),
            ["fds_per_pc"] = PerConnection(after.Fds - before.Fds),
            ["base"] = before,
            ["after"] = after,
            ["idle_cpu_pct"] = Round(idleCpu * 100),
            ["idle_cpu_ms_per_pc_per_min"] = Round(idleCpu * 60000 / (2 * n)),
            ["idle_s"] = Round(seconds),
            ["pairs_alive"] = alive,
            ["checks_per_pc_per_min"] = PerMinute(checks - checksBefore),
            ["checks_by_setting"] = Round(TimeSpan.FromMinutes(1) / PeerConnectionConfiguration.Default.ConsentInterval),
            ["packets_per_pc_per_min"] = PerMinute(packets - packetsBefore),
            ["closed"] = closed,
        };
    }

    /// <summary>Consent checks, and datagrams of every kind, that both ends of the pairs have sent so far.</summary>
    private static (long Checks, long Packets) CountSent(List<BenchmarkPair> pairs)
    {
        long checks = 0, packets = 0;
        foreach (var report in pairs.SelectMany(pair => new[] { pair.Client.GetStatsReport(), pair.Server.GetStatsReport() }))
        {
            checks += report.CandidatePairs.Sum(pair => pair.ConsentRequestsSent);
            packets += report.Transport.PacketsSent;
        }
        return (checks, packets);
    }

    /// <summary>What the process uses after a wait and a collection of garbage.</summary>
    internal static async Task<ProcessFigures> SettleAsync(TimeSpan wait)
    {
        await Task.Delay(wait);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        await Task.Delay(500);
        return ProcessFigures.Read();
    }

    internal static double Percentile(IReadOnlyCollection<double> values, double fraction)
    {
        var sorted = values.Order().ToArray();
        return sorted[Math.Min(sorted.Length - 1, (int)(fraction * sorted.Length))];
    }

    internal static double Round(double value) => Math.Round(value, 3);
}
