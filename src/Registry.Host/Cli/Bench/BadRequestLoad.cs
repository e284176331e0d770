using System.Collections.Concurrent;
using System.Diagnostics;

namespace Registry.Host.Cli.Bench;

/// <summary>Bad requests of every kind against a gateway in a process of its own: what they are answered, what it remembers of them, and whether it still serves.</summary>
internal static class BadRequestLoad
{
    private const int AtOnce = 16;
    private const int Readings = 10;

    /// <summary>Runs it and returns the figures to print as JSON.</summary>
    /// <param name="n">Requests.</param>
    /// <param name="isLimited">Whether the limit on one caller's requests stays on, which then refuses most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Dictionary<string, object?>> RunAsync(int n, bool isLimited, CancellationToken cancellationToken)
    {
        await using var gateway = await GatewayProcess.StartAsync(isLimited ? [] : ["registry.http.limits.requests-per-second=off"]);
        return await gateway.MeasureAsync(() => MeasureAsync(gateway, n), cancellationToken);
    }

    private static async Task<Dictionary<string, object?>> MeasureAsync(GatewayProcess gateway, int n)
    {
        using var client = new GatewayClient(new(gateway.Url));
        using var requests = new BadRequests(gateway.Url);
        var statuses = new ConcurrentDictionary<int, int>();
        var rss = new List<long> { gateway.Rss };
        var (served, started, cpu) = (0, Stopwatch.GetTimestamp(), gateway.CpuSeconds);
        for (var part = 0; part < Readings; part++)
        {
            await Parallel.ForAsync(n * part / Readings, n * (part + 1) / Readings, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, cancellationToken) =>
                statuses.AddOrUpdate(await requests.SendAsync(number, cancellationToken), 1, (_, times) => times + 1));
            rss.Add(gateway.Rss);
            served += await ServesAsync(client) ? 1 : 0;
        }

        return new()
        {
            ["n"] = n,
            ["kinds"] = BadRequests.Kinds,
            ["seconds"] = Benchmarks.Round(Stopwatch.GetElapsedTime(started).TotalSeconds),
            ["statuses"] = statuses.OrderBy(pair => pair.Key).ToDictionary(pair => pair.Key == 0 ? "closed" : $"{pair.Key}", pair => pair.Value),
            ["not_refused"] = statuses.Where(pair => pair.Key is not (0 or >= 400 and < 500 or StatusCodes.Status505HttpVersionNotsupported)).Sum(pair => pair.Value),
            ["served_between"] = $"{served} of {Readings}",
            ["tubes_left"] = (await AskAsync(() => client.ReadCapacityAsync())).Tubes,
            ["gateway_rss_kib"] = rss,
            ["gateway_cpu_s"] = Benchmarks.Round(gateway.CpuSeconds - cpu),
            ["load_average"] = (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0],
        };
    }

    private static async Task<bool> ServesAsync(GatewayClient client)
    {
        var tube = await AskAsync(() => client.CreateTubeAsync(new() { ConversationId = $"good-{Guid.NewGuid():N}", Settings = TubeSettings.Of(new { conversationType = "echo" }) }));
        await AskAsync(async () =>
        {
            await client.CloseTubeAsync(tube.TubeId);
            return true;
        });
        return tube.Offer is not null;
    }

    // As a polite caller does: comes back when it was told to.
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (GatewayRefusedException e) when (e.Code == Api.ProblemCodes.RateLimited && e.RetryAfter is { } wait)
            {
                await Task.Delay(wait);
            }
        }
    }
}
