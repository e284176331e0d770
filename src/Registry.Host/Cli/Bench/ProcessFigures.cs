using System.Globalization;
using System.Text.RegularExpressions;

namespace Registry.Host.Cli.Bench;

/// <summary>What this process uses at one moment.</summary>
/// <param name="Rss">Resident memory in KiB.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Udp">UDP sockets.</param>
/// <param name="Fds">File descriptors, those of assemblies and their symbols aside: the runtime opens them when it first needs them and may keep them.</param>
internal sealed partial record ProcessFigures(long Rss, int Threads, int Udp, int Fds)
{
    private static readonly string[] UdpTables = ["/proc/net/udp", "/proc/net/udp6"];

    /// <summary>User and system time of the whole process, in seconds.</summary>
    public static double CpuSeconds => Environment.CpuUsage.TotalTime.TotalSeconds;

    /// <summary>Reads the figures from /proc.</summary>
    /// <exception cref="PlatformNotSupportedException">There is no /proc on this system.</exception>
    public static ProcessFigures Read()
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("The figures of a process are read from /proc, which only Linux has.");
        var status = File.ReadAllText("/proc/self/status");
        var udpInodes = UdpTables
            .Where(File.Exists)
            .SelectMany(file => File.ReadLines(file).Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[9])
            .ToHashSet();
        var descriptors = Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(LinkTarget).ToArray();
        var udp = descriptors.Count(target => SocketInode().Match(target) is { Success: true } match && udpInodes.Contains(match.Groups[1].Value));
        return new(Field(status, "VmRSS"), (int)Field(status, "Threads"), udp, descriptors.Count(target => target.Length > 0 && Path.GetExtension(target) is not (".dll" or ".pdb")));
    }

    private static long Field(string status, string name) =>
        long.Parse(Regex.Match(status, $@"{name}:\s+(\d+)").Groups[1].Value, CultureInfo.InvariantCulture);

    // A descriptor may be gone by the time it is looked at; the one of the listing itself always is.
    private static string LinkTarget(string path) => new FileInfo(path).LinkTarget ?? "";

    [GeneratedRegex(@"^socket:\[(\d+)\]$")]
    private static partial Regex SocketInode();
}
