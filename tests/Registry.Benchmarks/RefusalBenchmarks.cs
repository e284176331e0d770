using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>A create that is refused because 100 slow ones are in flight: p99 below 10 ms. The percentiles are printed when it ends.</summary>
public class RefusalBenchmarks
{
    private const int Limit = 100;
    private const int Rounds = 100;

    private readonly List<double> microseconds = [];
    private readonly CreateTube oneMore = new(new("one-more"), new EchoSettings());
    private BenchmarkNode node = null!;
    private TaskCompletionSource hold = null!;
    private Task<TubeId[]> slow = null!;

    /// <summary>Fills the limit.</summary>
    [GlobalSetup]
    public async Task SetUpAsync()
    {
        node = new(Limit);
        hold = node.Peers.Hold("CreateOffer");
        slow = node.CreateAsync(Limit);
        while (node.Registry.Capacity.CanAcceptMore)
            await Task.Delay(1);
    }

    /// <summary>Lets the slow creates go and tells the percentiles.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        hold.SetResult();
        await slow;
        await node.DisposeAsync();
        microseconds.Sort();
        Console.WriteLine(FormattableString.Invariant(
            $"// {microseconds.Count} refusals, warm-up included: p50 {Percentile(50):0.0} us, p99 {Percentile(99):0.0} us, p99.9 {Percentile(99.9):0.0} us, max {Percentile(100):0.0} us"));
    }

    /// <summary>Creates above the limit, one after the other.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public async Task Refuse()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            if (await node.Registry.CreateAsync(oneMore) is not Refused)
                throw new InvalidOperationException("The registry took one too many.");
            microseconds.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
    }

    private double Percentile(double percent) => microseconds[(int)((microseconds.Count - 1) * percent / 100)];
}
