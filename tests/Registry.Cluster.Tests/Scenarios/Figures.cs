using System.Globalization;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>What a scenario measured, one line each, with the machine's load at the time.</summary>
internal static class Figures
{
    /// <summary>Writes one figure.</summary>
    public static void Figure(this ITestOutputHelper log, string what) => log.WriteLine($"{what} (load {Load})");

    /// <summary>Median, 99th percentile and worst of some durations, in milliseconds.</summary>
    public static string Spread(IEnumerable<TimeSpan> durations)
    {
        var sorted = durations.Select(d => d.TotalMilliseconds).Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"p50 {sorted[sorted.Length / 2]:0.0} ms, p99 {sorted[sorted.Length * 99 / 100]:0.0} ms, worst {sorted[^1]:0.0} ms of {sorted.Length}");
    }

    private static string Load => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
}
