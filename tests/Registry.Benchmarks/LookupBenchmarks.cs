using BenchmarkDotNet.Attributes;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Benchmarks;

/// <summary>What happens beside a lookup.</summary>
public enum Beside
{
    /// <summary>Nothing.</summary>
    Nothing,
    /// <summary>Another thread looks up as fast as it can.</summary>
    Reader,
    /// <summary>Close to a thousand tubes a second are created and closed: several times what two cores can do with real connections.</summary>
    CreatesAndCloses,
    /// <summary>Tubes are created and closed, one after the other, as fast as it goes; on two cores that takes the reader's time as well.</summary>
    CreatesAndClosesAtFullSpeed,
}

/// <summary>
/// Finding one of 1,000 tubes: at most 25 ns and 0 bytes. The bytes of all threads are counted, so those beside creates and closes are the creates'.
/// </summary>
public class LookupBenchmarks
{
    private const int Tubes = 1000;

    private readonly CancellationTokenSource stop = new();
    private BenchmarkNode node = null!;
    private ITubeDirectory directory = null!;
    private TubeId[] tubes = [];
    private ConversationId[] conversations = [];
    private Task beside = Task.CompletedTask;

    /// <summary>The company.</summary>
    [ParamsAllValues]
    public Beside Beside { get; set; }

    /// <summary>Fills the directory.</summary>
    [GlobalSetup]
    public async Task SetUpAsync()
    {
        node = new(maxConcurrentCreates: Tubes);
        directory = node.Registry.Directory;
        tubes = await node.CreateAsync(Tubes);
        // Equal texts, other objects: a caller's id came over the wire.
        tubes = [.. tubes.Select(tube => new TubeId(new string(tube.ToString().AsSpan())))];
        conversations = [.. Enumerable.Range(0, Tubes).Select(BenchmarkNode.Conversation)];
        beside = Beside switch
        {
            Beside.Reader => Task.Factory.StartNew(Read, TaskCreationOptions.LongRunning),
            Beside.CreatesAndCloses => Task.Run(() => CreateAndCloseAsync(TimeSpan.FromMilliseconds(1))),
            Beside.CreatesAndClosesAtFullSpeed => Task.Run(() => CreateAndCloseAsync(TimeSpan.Zero)),
            _ => Task.CompletedTask,
        };
    }

    /// <summary>Empties it.</summary>
    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        await stop.CancelAsync();
        await beside;
        await node.DisposeAsync();
        stop.Dispose();
    }

    /// <summary>By tube id.</summary>
    [Benchmark(OperationsPerInvoke = Tubes)]
    public int ByTube()
    {
        var found = 0;
        foreach (var tube in tubes)
            if (directory.TryGet(tube, out _))
                found++;
        return found;
    }

    /// <summary>By conversation id.</summary>
    [Benchmark(OperationsPerInvoke = Tubes)]
    public int ByConversation()
    {
        var found = 0;
        foreach (var conversation in conversations)
            if (directory.TryGet(conversation, out _))
                found++;
        return found;
    }

    private void Read()
    {
        while (!stop.IsCancellationRequested)
            ByTube();
    }

    private async Task CreateAndCloseAsync(TimeSpan pause)
    {
        while (!stop.IsCancellationRequested)
        {
            await node.CloseAsync([await node.CreateAsync(new ConversationId("beside"))]);
            await Task.Delay(pause);
        }
    }
}
