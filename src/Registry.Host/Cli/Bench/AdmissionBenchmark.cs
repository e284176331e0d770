using System.Diagnostics;
using System.Net;
using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Cli.Bench;

/// <summary>
/// Creates at once against an endpoint for relay credentials that takes its time, in this process: what is admitted, what is refused,
/// and what stays fast meanwhile.
/// </summary>
internal sealed class AdmissionBenchmark : IAsyncDisposable
{
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(3);

    private readonly WebApplication endpoint;
    private readonly InProcessRegistry node;

    private AdmissionBenchmark(WebApplication endpoint, InProcessRegistry node) => (this.endpoint, this.node) = (endpoint, node);

    private ITubeRegistry Registry => node.Registry;

    /// <summary>Runs the three storms and returns the figures to print as JSON.</summary>
    /// <param name="n">Creates at once; the limit is half of it.</param>
    public static async Task<Dictionary<string, object?>> RunAsync(int n)
    {
        var limit = n / 2;
        await using var benchmark = await StartAsync(limit);
        await benchmark.StormAsync("warm", 5, null); // what the process loads once
        return new()
        {
            ["n"] = n,
            ["limit"] = limit,
            ["endpoint_s"] = Slow.TotalSeconds,
            ["at_the_limit"] = await benchmark.StormAsync("a", limit, null),
            ["above_the_limit"] = await benchmark.StormAsync("b", n, null),
            ["with_a_waiting_room"] = await benchmark.StormAsync("c", n, TimeSpan.FromMinutes(1)),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await endpoint.DisposeAsync();
    }

    private static async Task<AdmissionBenchmark> StartAsync(int limit)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        var endpoint = builder.Build();
        endpoint.MapGet("/", async (HttpContext context) =>
        {
            await Task.Delay(Slow, context.RequestAborted);
            await context.Response.WriteAsync("""{"username":"benchmark","password":"benchmark","ttl":60}""");
        });
        await endpoint.StartAsync();
        return new(endpoint, await InProcessRegistry.StartAsync(new()
        {
            Configuration = ConfigurationFactory.ParseString(
                $"registry {{ ice.credentials-url = \"{endpoint.Urls.Single()}\", admission {{ max-concurrent-creates = {limit}, max-waiting = {limit} }} }}"),
        }));
    }

    private async Task<Dictionary<string, object?>> StormAsync(string name, int n, TimeSpan? maxWait)
    {
        var before = Registry.Capacity;
        var bystander = ((TubeCreated)await Registry.CreateAsync(Create($"{name}-bystander", null))).TubeId;
        var start = Stopwatch.GetTimestamp();
        var firstRefusals = new List<double>();
        var creating = Enumerable.Range(0, n).Select(i => CreateAsync($"{name}-{i}", maxWait, firstRefusals)).ToArray();
        while (Handled(before) < n + 1)
            await Task.Yield();
        var handled = Stopwatch.GetElapsedTime(start);
        var active = Registry.Capacity.ActiveCreates;
        var lookups = Measure(1000, () => Registry.Directory.TryGet(bystander, out _));
        var capacities = Measure(1000, () => _ = Registry.Capacity);
        var closing = Stopwatch.GetTimestamp();
        await Registry.CloseTubeAsync(new(bystander));
        var closed = Stopwatch.GetElapsedTime(closing);
        var tubes = await Task.WhenAll(creating);
        var wall = Stopwatch.GetElapsedTime(start);
        await Task.WhenAll(tubes.Select(tube => Registry.CloseTubeAsync(new(tube))));
        return new()
        {
            ["handled_ms"] = Benchmarks.Round(handled.TotalMilliseconds),
            ["active_creates"] = active,
            ["waiting"] = n - active - firstRefusals.Count,
            ["refused_at_first"] = firstRefusals.Count,
            ["refusal_p99_ms"] = firstRefusals.Count == 0 ? null : Benchmarks.Round(Benchmarks.Percentile(firstRefusals, 0.99)),
            ["lookup_p99_us"] = Benchmarks.Round(Benchmarks.Percentile(lookups, 0.99)),
            ["capacity_p99_us"] = Benchmarks.Round(Benchmarks.Percentile(capacities, 0.99)),
            ["close_ms"] = Benchmarks.Round(closed.TotalMilliseconds),
            ["all_exist_s"] = Benchmarks.Round(wall.TotalSeconds),
            ["left"] = Registry.Directory.Count,
        };
    }

    private long Handled(RegistryCapacity before)
    {
        var now = Registry.Capacity;
        return now.TotalCreates - before.TotalCreates + (now.TotalRejected - before.TotalRejected) + now.Waiting;
    }

    // As a polite caller does: comes back when it was told to.
    private async Task<TubeId> CreateAsync(string conversation, TimeSpan? maxWait, List<double> firstRefusals)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            var asked = Stopwatch.GetTimestamp();
            var reply = await Registry.CreateAsync(Create(conversation, maxWait));
            if (reply is TubeCreated created)
                return created.TubeId;
            if (reply is not Refused { Code: RefusalCode.Overloaded, RetryAfter: { } wait })
                throw new InvalidOperationException($"The create was answered with {reply}.");
            if (isFirst)
                lock (firstRefusals)
                    firstRefusals.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            await Task.Delay(wait);
        }
    }

    private static CreateTube Create(string conversation, TimeSpan? maxWait) => new(new(conversation), new EchoSettings()) { MaxWait = maxWait };

    private static List<double> Measure(int times, Action action)
    {
        var microseconds = new List<double>(times);
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            microseconds.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return microseconds;
    }
}
