using System.Net.NetworkInformation;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Registry.Host.Cli.Diagnosis;

/// <summary>What of a machine matters to a gateway.</summary>
internal static class MachineFacts
{
    // Of the environment the names only: values may be anything.
    private static readonly string[] variables = ["DOTNET_", "REGISTRY_", "WEBRTC_", "OTEL_", "SSL_CERT_"];

    private static readonly string[] kernel =
    [
        "/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max", "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/fs/file-max", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max",
    ];

    public static object Read() => new
    {
        Runtime = RuntimeInformation.FrameworkDescription,
        System = RuntimeInformation.OSDescription,
        Architecture = RuntimeInformation.ProcessArchitecture.ToString(),
        Cores = Environment.ProcessorCount,
        MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        ServerGarbageCollection = GCSettings.IsServerGC,
        Container = Environment.GetEnvironmentVariable("DOTNET_RUNNING_IN_CONTAINER") is not null,
        OpenFiles = ReadLine("/proc/self/limits", "Max open files"),
        Kernel = kernel.Where(File.Exists).ToDictionary(path => path, path => ReadLine(path, "")),
        Environment = Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(name => variables.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))).Order(StringComparer.Ordinal),
        Interfaces = NetworkInterface.GetAllNetworkInterfaces().Select(each => new
        {
            each.Name,
            State = each.OperationalStatus.ToString(),
            Addresses = each.GetIPProperties().UnicastAddresses.Select(address => address.Address.ToString()),
        }),
    };

    private static string? ReadLine(string path, string start)
    {
        try
        {
            return File.Exists(path) ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
