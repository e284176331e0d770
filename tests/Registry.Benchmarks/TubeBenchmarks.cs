using BenchmarkDotNet.Attributes;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>A whole tube from its create to the release of everything, one at a time.</summary>
public class TubeBenchmarks
{
    private const int Rounds = 100;

    private BenchmarkNode node = null!;

    /// <summary>Starts the registry.</summary>
    [GlobalSetup]
    public void SetUp() => node = new();

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync() => await node.DisposeAsync();

    /// <summary>Created up to its offer, and closed.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public async Task CreateAndClose()
    {
        for (var round = 0; round < Rounds; round++)
            await node.CloseAsync([await node.CreateAsync(BenchmarkNode.Conversation(0))]);
    }
}

/// <summary>1,000 whole tubes at once; the figures are for one of them.</summary>
public class TubesAtOnceBenchmarks
{
    private const int Tubes = 1000;

    private BenchmarkNode node = null!;
    private TubeId[] tubes = [];

    /// <summary>Starts the registry.</summary>
    [GlobalSetup]
    public void SetUp() => node = new(maxConcurrentCreates: Tubes);

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync() => await node.DisposeAsync();

    /// <summary>Makes what is to be closed.</summary>
    [IterationSetup(Target = nameof(Close))]
    public void CreateBefore() => Create().GetAwaiter().GetResult();

    /// <summary>Closes what was made.</summary>
    [IterationCleanup(Target = nameof(Create))]
    public void CloseAfter() => Close().GetAwaiter().GetResult();

    /// <summary>From the first create to the last offer.</summary>
    [Benchmark(OperationsPerInvoke = Tubes)]
    public async Task Create() => tubes = await node.CreateAsync(Tubes);

    /// <summary>From the first close to the last release.</summary>
    [Benchmark(OperationsPerInvoke = Tubes)]
    public Task Close() => node.CloseAsync(tubes);
}
