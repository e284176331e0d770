using System.Diagnostics;
using System.Net;
using Akka.Configuration;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Cli.Bench;

/// <summary>
/// Tubes made, connected and closed again and again between two registries in this process, a client's and a gateway's, over the real
/// stack: what is left when they are gone.
/// </summary>
internal sealed class CycleBenchmark
{
    private const int Concurrency = 8;
    private const int Samples = 10;
    // So many fill what registries keep of the past by design: ended tubes and the log of events.
    private const int WarmUp = 600;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    // Threads that handshakes borrowed end after 5 s without work.
    private static readonly TimeSpan ThreadsEnd = TimeSpan.FromSeconds(7);
    private static readonly IPEndPoint Target = new(IPAddress.Loopback, 9);

    private readonly InProcessRegistry client;
    private readonly InProcessRegistry gateway;
    private readonly List<double> readyMilliseconds = [];
    private readonly List<double> milliseconds = [];
    private readonly Dictionary<string, int> failures = [];

    private CycleBenchmark(InProcessRegistry client, InProcessRegistry gateway) => (this.client, this.gateway) = (client, gateway);

    /// <summary>Runs the cycles and returns the figures to print as JSON.</summary>
    /// <param name="n">How many, after the warm-up.</param>
    public static async Task<Dictionary<string, object?>> RunAsync(int n)
    {
        await using var client = await InProcessRegistry.StartAsync(new()
        {
            Configuration = ConfigurationFactory.ParseString("registry.channels.listen = loopback"),
            PeerConnections = new() { SocketPerConnection = true },
        });
        await using var gateway = await InProcessRegistry.StartAsync(new() { AllowTargets = [Target.ToString()] });
        return await new CycleBenchmark(client, gateway).MeasureAsync(n);
    }

    private async Task<Dictionary<string, object?>> MeasureAsync(int n)
    {
        await CycleAsync(WarmUp);
        if (milliseconds.Count == 0)
            throw new CommandException(ExitCode.Failed, $"No tubes could be connected on this machine: {failures.First().Key}");
        readyMilliseconds.Clear();
        milliseconds.Clear();
        // What they grow by must not look like what the registries leave.
        readyMilliseconds.EnsureCapacity(n);
        milliseconds.EnsureCapacity(n);
        var start = await ReadAsync(0, ThreadsEnd);
        var tenths = new List<CycleFigures>();
        var (seconds, cpu) = (0.0, 0.0);
        for (var sample = 1; sample <= Samples; sample++)
        {
            var (from, to) = ((int)((long)n * (sample - 1) / Samples), (int)((long)n * sample / Samples));
            var (started, cpuBefore) = (Stopwatch.GetTimestamp(), ProcessFigures.CpuSeconds);
            await CycleAsync(to - from);
            seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
            cpu += ProcessFigures.CpuSeconds - cpuBefore;
            tenths.Add(await ReadAsync(to, TimeSpan.Zero));
        }

        var end = await ReadAsync(n, ThreadsEnd);
        return new()
        {
            ["n"] = n,
            ["concurrency"] = Concurrency,
            ["warm_up"] = WarmUp,
            ["fail"] = failures.Values.Sum(),
            ["failures"] = failures,
            ["wall_s"] = Benchmarks.Round(seconds),
            ["cycles_s"] = Benchmarks.Round(n / seconds),
            ["ready_p50_ms"] = Benchmarks.Round(Benchmarks.Percentile(readyMilliseconds, 0.5)),
            ["ready_p99_ms"] = Benchmarks.Round(Benchmarks.Percentile(readyMilliseconds, 0.99)),
            ["p50_ms"] = Benchmarks.Round(Benchmarks.Percentile(milliseconds, 0.5)),
            ["p99_ms"] = Benchmarks.Round(Benchmarks.Percentile(milliseconds, 0.99)),
            ["max_ms"] = Benchmarks.Round(milliseconds.Max()),
            ["cpu_s_per_cycle"] = Benchmarks.Round(cpu / n),
            ["above_baseline"] = end.AboveBaseline(start).ToArray(),
            ["managed_kb_growth"] = end.ManagedKb - start.ManagedKb,
            ["rss_kb_growth"] = end.RssKb - start.RssKb,
            ["start"] = start,
            ["tenths"] = tenths,
            ["end"] = end,
        };
    }

    private Task<CycleFigures> ReadAsync(int cycles, TimeSpan settle) => CycleFigures.ReadAsync(cycles, settle, client, gateway);

    /// <summary>Some cycles, a few of them at once, until nothing of them is left or that has been waited for in vain.</summary>
    private async Task CycleAsync(int n)
    {
        await Parallel.ForAsync(0, n, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (number, _) =>
        {
            try
            {
                var (ready, released) = await OneCycleAsync(number);
                lock (failures)
                {
                    readyMilliseconds.Add(ready);
                    milliseconds.Add(released);
                }
            }
            catch (Exception e)
            {
                var failure = $"{e.GetType().Name}: {e.Message}";
                lock (failures)
                    failures[failure] = failures.GetValueOrDefault(failure) + 1;
            }
        });
        var waiting = Stopwatch.GetTimestamp();
        while ((client.PeerConnections.OpenConnections > 0 || gateway.PeerConnections.OpenConnections > 0) && Stopwatch.GetElapsedTime(waiting) < Patience)
            await Task.Delay(10);
    }

    /// <summary>One pair of tubes from its creation until both ends released everything; either end closes in turn.</summary>
    /// <returns>Milliseconds until both were ready, and until the end.</returns>
    private async Task<(double Ready, double Released)> OneCycleAsync(int number)
    {
        using var limit = new CancellationTokenSource(Patience);
        var started = Stopwatch.GetTimestamp();
        var conversation = new ConversationId($"cycle-{Guid.NewGuid():N}");
        End? near = null, far = null;
        double ready;
        try
        {
            var offer = Expect<TubeCreated>(await client.Registry.CreateAsync(
                new(conversation, TunnelSettings.Listen(new(IPAddress.Loopback, 0))) { TrickleIce = false }, limit.Token));
            near = new(client, offer.TubeId);
            var answer = Expect<TubeCreated>(await gateway.Registry.CreateAsync(
                new(conversation, TunnelSettings.Dial(Target.Address.ToString(), Target.Port)) { TrickleIce = false, Offer = offer.Offer }, limit.Token));
            far = new(gateway, answer.TubeId);
            Expect<Done>(await client.Registry.SetRemoteDescriptionAsync(new(offer.TubeId, DescriptionType.Answer, answer.Answer!), limit.Token));
            await Task.WhenAll(near.ReadyAsync(limit.Token), far.ReadyAsync(limit.Token));
            ready = Stopwatch.GetElapsedTime(started).TotalMilliseconds;

            var (closing, closed) = number % 2 == 0 ? (near, far) : (far, near);
            await closing.CloseAsync();
            await closed.ClosedByPeerAsync(limit.Token);
        }
        finally
        {
            await Task.WhenAll(near?.CloseAsync() ?? Task.CompletedTask, far?.CloseAsync() ?? Task.CompletedTask);
        }

        return (ready, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    private static T Expect<T>(RegistryReply reply) where T : RegistryReply =>
        reply as T ?? throw new InvalidOperationException(reply is Refused refused ? refused.Message : $"{reply} instead of {typeof(T).Name}.");

    /// <summary>One of the two tubes of a cycle.</summary>
    private sealed record End(InProcessRegistry Node, TubeId Tube)
    {
        public async Task ReadyAsync(CancellationToken cancellationToken)
        {
            await foreach (var signal in SignalsAsync(cancellationToken))
            {
                if (signal is ConnectionStateChanged { State: TubeState.Ready })
                    return;
                if (signal is TubeClosed closed)
                    throw new InvalidOperationException($"A tube ended before it was ready: {closed.Reason}: {closed.Text}");
            }
        }

        public async Task ClosedByPeerAsync(CancellationToken cancellationToken)
        {
            await foreach (var signal in SignalsAsync(cancellationToken))
                if (signal is TubeClosed { Reason: not CloseReason.Client } wrong)
                    throw new InvalidOperationException($"The peer's close reached a tube as {wrong.Reason}: {wrong.Text}");
        }

        // Answered when everything was released, also for a tube that ended by itself.
        public async Task CloseAsync() => Expect<Done>(await Node.Registry.CloseTubeAsync(new(Tube, CloseReason.Client)));

        private IAsyncEnumerable<TubeSignal> SignalsAsync(CancellationToken cancellationToken) =>
            Node.Registry.Signals(Tube, 0, cancellationToken) ?? throw new InvalidOperationException("A registry does not know a tube that it made.");
    }
}
