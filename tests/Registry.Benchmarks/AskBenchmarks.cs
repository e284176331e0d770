using Akka.Actor;
using BenchmarkDotNet.Attributes;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>Questions to the node from an asynchronous caller: through its mailbox, and past it, where the capacity takes less than 1 µs.</summary>
public class AskBenchmarks
{
    private const int Rounds = 1000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private BenchmarkNode node = null!;
    private GetTube getTube = null!;

    /// <summary>Makes a tube to ask for.</summary>
    [GlobalSetup]
    public async Task SetUpAsync()
    {
        node = new();
        getTube = new(await node.CreateAsync(BenchmarkNode.Conversation(0)));
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync() => await node.DisposeAsync();

    /// <summary>The capacity as any thread reads it.</summary>
    [Benchmark]
    public RegistryCapacity ReadCapacity() => node.Registry.Capacity;

    /// <summary>The capacity by Ask.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public Task AskCapacity() => AskAsync(GetCapacity.Instance);

    /// <summary>A tube by Ask.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public Task AskTube() => AskAsync(getTube);

    private async Task AskAsync(IRegistryCommand command)
    {
        for (var round = 0; round < Rounds; round++)
            await node.Actor.Ask<RegistryReply>(command, Patience);
    }
}
