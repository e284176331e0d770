using System.Diagnostics;
using System.Text;

namespace Registry.Fuzzing;

/// <summary>
/// Fuzzes one target: an input that takes new edges joins those that others are made from. An input fails when an exception escapes, when it
/// allocates beyond its bound, or when it takes longer than <see cref="Deadline"/>; the run fails when the target keeps memory.
/// </summary>
internal sealed class FuzzingLoop(IFuzzTarget target, FuzzingOptions options)
{
    private const long AllocationPerByte = 256;
    private const long MaxRetained = 32 * 1024 * 1024;
    private const int MaxFindings = 20;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly Coverage coverage = new();
    private readonly List<byte[]> corpus = [];
    private readonly HashSet<string> findings = [];
    private volatile byte[] current = [];
    private long startedAt;
    private long executions;
    private long mostAllocated;

    /// <summary>Runs for the time or the number of inputs of the options.</summary>
    /// <returns>How many different findings there were.</returns>
    public int Run()
    {
        var watch = Stopwatch.StartNew();
        using var watchdog = new Timer(_ => CheckDeadline(), null, Deadline / 4, Deadline / 4);
        ReadCorpus();
        var seeds = corpus.Count;
        var heap = GC.GetTotalMemory(forceFullCollection: true);
        var random = new Random(options.Seed);
        var mutator = new Mutator(random, target.MaxLength, [.. target.Tokens.Select(Encoding.UTF8.GetBytes)]);
        while ((options.Executions is { } most ? executions < most : watch.Elapsed < options.Duration) && findings.Count < MaxFindings)
        {
            var input = mutator.Mutate(Choose(random), Choose(random));
            if (Execute(input))
                Keep(input);
        }
        Volatile.Write(ref startedAt, 0);
        var perSecond = executions / watch.Elapsed.TotalSeconds;
        var retained = GC.GetTotalMemory(forceFullCollection: true) - heap - corpus.Skip(seeds).Sum(input => (long)input.Length);
        if (retained > MaxRetained)
            Report(current, $"The target keeps {retained} bytes after {executions} executions");
        Console.WriteLine(
            $"{target.Name}: {executions} executions, {perSecond:F0} per second, {coverage.Edges} edges, {seeds} seeds, {corpus.Count - seeds} inputs kept, "
            + $"{mostAllocated} bytes allocated at most, {retained / 1024} KiB retained, {findings.Count} findings, seed {options.Seed}");
        return findings.Count;
    }

    private void ReadCorpus()
    {
        var folder = Path.Combine(options.Corpus, target.Name);
        var files = Directory.Exists(folder) ? Directory.GetFiles(folder) : [];
        if (files.Length == 0)
            throw new InvalidOperationException($"There are no seeds in {folder}.");
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            var input = File.ReadAllBytes(file);
            Execute(input);
            corpus.Add(input);
        }
    }

    /// <summary>Every second time one of the newest, which lead on; mostly the shorter of two, for long ones are slow and say little.</summary>
    private byte[] Choose(Random random)
    {
        var from = random.Next(2) == 0 ? 0 : Math.Max(0, corpus.Count - 32);
        var (one, other) = (corpus[random.Next(from, corpus.Count)], corpus[random.Next(from, corpus.Count)]);
        return one.Length <= other.Length == (random.Next(4) != 0) ? one : other;
    }

    private bool Execute(byte[] input)
    {
        current = input;
        Volatile.Write(ref startedAt, Stopwatch.GetTimestamp());
        executions++;
        coverage.Begin();
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            target.Run(input);
        }
        catch (Exception e)
        {
            // Whatever it is: nothing may escape.
            Report(input, e.ToString());
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        // The first input also pays for what is made once.
        if (executions > 1)
            mostAllocated = Math.Max(mostAllocated, allocated);
        if (executions > 1 && allocated > target.BaseAllocation + AllocationPerByte * input.Length)
            Report(input, $"{input.Length} bytes of input made the target allocate {allocated} bytes");
        return coverage.End();
    }

    private void Keep(byte[] input)
    {
        corpus.Add(input);
        if (options.Save is { } folder)
            Write(folder, input);
    }

    /// <summary>Tells a finding once, by where it came from.</summary>
    private void Report(byte[] input, string what)
    {
        var lines = what.Split('\n');
        var place = string.Join('\n', lines.Where(line => line.Contains(" at ", StringComparison.Ordinal)).Take(2));
        if (findings.Add(place.Length > 0 ? place : "memory"))
            Console.Error.WriteLine($"{target.Name}: seed {options.Seed}, execution {executions}: {Write(options.Findings, input)}\n{what}");
    }

    private string Write(string folder, byte[] input)
    {
        var path = Path.Combine(folder, target.Name, $"{options.Seed}-{executions}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, input);
        return path;
    }

    private void CheckDeadline()
    {
        if (Volatile.Read(ref startedAt) is var start && (start == 0 || Stopwatch.GetElapsedTime(start) < Deadline))
            return;
        Console.Error.WriteLine($"{target.Name}: seed {options.Seed}, execution {executions}: no end after {Deadline.TotalSeconds} s: {Write(options.Findings, current)}");
        Environment.Exit(1);
    }
}
