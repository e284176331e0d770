using Registry.WebRtc;

namespace Registry.Host.Cli.Bench;

/// <summary>Pairs that all send at once: how evenly they share the machine.</summary>
internal static class FairnessBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Time for every pair to find its rate.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    /// <summary>Sends on all pairs and returns the figures to print as JSON: Jain's index is 1 when all got the same, 1/n when one got all.</summary>
    public static async Task<Dictionary<string, object?>> RunAsync(int n, int size, TimeSpan time, CongestionControl control)
    {
        await using var pairs = new BenchmarkPairs(null, new() { CongestionControl = control });
        var connected = await Task.WhenAll(Enumerable.Range(0, n).Select(_ => Task.Run(pairs.ConnectAsync))).WaitAsync(Patience);
        var received = new long[n];
        using var stop = new CancellationTokenSource();
        var running = connected.SelectMany((pair, i) => new[]
        {
            Task.Run(() => ReceiveAsync(pair.B, received, i, stop.Token)),
            Task.Run(() => SendAsync(pair.A, size, stop.Token)),
        }).ToArray();

        await Task.Delay(WarmUp);
        var before = Snapshot(received);
        await Task.Delay(time);
        var shares = Snapshot(received).Zip(before, (after, start) => (after - start) / 1e6 / time.TotalSeconds).ToArray();
        await stop.CancelAsync();
        await Task.WhenAll(running);
        foreach (var pair in connected)
            await pair.DisposeAsync();

        var sum = shares.Sum();
        return new()
        {
            ["n"] = n,
            ["size"] = size,
            ["secs"] = time.TotalSeconds,
            ["mb_s"] = Benchmarks.Round(sum),
            ["jain"] = Benchmarks.Round(sum * sum / (n * shares.Sum(share => share * share))),
            ["least_mb_s"] = Benchmarks.Round(shares.Min()),
            ["median_mb_s"] = Benchmarks.Round(Benchmarks.Percentile(shares, 0.5)),
            ["most_mb_s"] = Benchmarks.Round(shares.Max()),
        };
    }

    private static long[] Snapshot(long[] received) => [.. Enumerable.Range(0, received.Length).Select(i => Volatile.Read(ref received[i]))];

    private static async Task ReceiveAsync(IDataChannel channel, long[] received, int index, CancellationToken stop)
    {
        try
        {
            while (await channel.ReceiveAsync(stop) is { } message)
            {
                Volatile.Write(ref received[index], received[index] + message.Data.Length);
                message.Dispose();
            }
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }

    private static async Task SendAsync(IDataChannel channel, int size, CancellationToken stop)
    {
        var message = new byte[size];
        try
        {
            while (!stop.IsCancellationRequested)
                await channel.SendAsync(message, cancellationToken: stop);
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }
}
