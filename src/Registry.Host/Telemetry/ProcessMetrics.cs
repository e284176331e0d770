using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Registry.Host.Telemetry;

/// <summary>What the process uses, under the names that Prometheus' own client libraries give it.</summary>
internal sealed class ProcessMetrics : IDisposable
{
    public const string MeterName = "Registry.Process";

    private readonly Meter meter = new(MeterName);
    private readonly double startedAt;

    public ProcessMetrics()
    {
        using (var process = Process.GetCurrentProcess())
            startedAt = new DateTimeOffset(process.StartTime.ToUniversalTime()).ToUnixTimeMilliseconds() / 1000.0;
        meter.CreateObservableCounter("process.cpu", () => Environment.CpuUsage.TotalTime.TotalSeconds, "s", "User and system time.");
        meter.CreateObservableGauge("process.resident_memory", () => Environment.WorkingSet, "By", "Resident memory.");
        meter.CreateObservableGauge("process.threads", CountThreads, "{thread}", "Threads of the operating system.");
        meter.CreateObservableGauge("process.start_time", () => startedAt, "s", "When it started, since 1970.");
        if (!OperatingSystem.IsLinux())
            return;
        meter.CreateObservableGauge("process.open_fds", () => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(), "{fd}", "Open file descriptors.");
        meter.CreateObservableGauge("process.max_fds", ReadMaxDescriptors, "{fd}", "Most file descriptors that it may have open.");
    }

    public void Dispose() => meter.Dispose();

    private static int CountThreads()
    {
        using var process = Process.GetCurrentProcess();
        return process.Threads.Count;
    }

    // "Max open files            1024                 524288               files": the first number is the one that holds.
    private static double ReadMaxDescriptors() =>
        File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal)) is { } line
        && double.TryParse(line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture, out var most) ? most : double.PositiveInfinity;
}
