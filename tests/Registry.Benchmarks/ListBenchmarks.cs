using BenchmarkDotNet.Attributes;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>Listing a node with 1,000 tubes.</summary>
public class ListBenchmarks
{
    private const int Tubes = 1000;

    private BenchmarkNode node = null!;
    private ITubeDirectory directory = null!;

    /// <summary>Fills the directory.</summary>
    [GlobalSetup]
    public async Task SetUpAsync()
    {
        node = new(maxConcurrentCreates: Tubes);
        directory = node.Registry.Directory;
        await node.CreateAsync(Tubes);
    }

    /// <summary>Empties it.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync() => await node.DisposeAsync();

    /// <summary>All of them, in no order.</summary>
    [Benchmark]
    public int Walk() => directory.List().Count(tube => tube.State == TubeState.Connecting);

    /// <summary>The largest page, in order.</summary>
    [Benchmark]
    public TubePage LargestPage() => directory.List(new TubeQuery { Limit = TubeQuery.MaxLimit });

    /// <summary>The page of the default size, in order.</summary>
    [Benchmark]
    public TubePage DefaultPage() => directory.List(new TubeQuery());
}
