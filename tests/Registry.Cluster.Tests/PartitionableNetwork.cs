using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Registry.Cluster.Tests;

/// <summary>
/// A network of its own, made of Linux network namespaces: places with an address each, on one bridge, from which each can be cut off. Needs root and
/// <c>ip</c> of iproute2.
/// </summary>
public sealed class PartitionableNetwork : IAsyncDisposable
{
    // Of this process: two runs on one machine do not meet.
    private static int networks;
    private readonly string prefix = $"tr{Environment.ProcessId}n{Interlocked.Increment(ref networks)}";
    private readonly List<NetworkPlace> places = [];

    private PartitionableNetwork() { }

    public IReadOnlyList<NetworkPlace> Places => places;

    private string Hub => $"{prefix}hub";

    /// <summary>Why this machine cannot have one; null when it can.</summary>
    public static string? Missing => !OperatingSystem.IsLinux() ? "Network namespaces are of Linux."
        : !Environment.IsPrivilegedProcess ? "Network namespaces need root."
        : !(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "ip"))) ? "This machine lacks ip (iproute2)."
        : null;

    /// <summary>Makes a network with so many places.</summary>
    public static async Task<PartitionableNetwork> CreateAsync(int count)
    {
        var network = new PartitionableNetwork();
        try
        {
            await IpAsync("netns", "add", network.Hub);
            await IpAsync("-n", network.Hub, "link", "add", "bridge", "type", "bridge");
            await IpAsync("-n", network.Hub, "link", "set", "bridge", "up");
            for (var number = 1; number <= count; number++)
                await network.AddAsync(number);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Cuts a place off from all others.</summary>
    public Task CutAsync(NetworkPlace place) => IpAsync("-n", Hub, "link", "set", place.Port, "down");

    /// <summary>Connects a place again.</summary>
    public Task HealAsync(NetworkPlace place) => IpAsync("-n", Hub, "link", "set", place.Port, "up");

    public async ValueTask DisposeAsync()
    {
        foreach (var name in places.Select(place => place.Name).Append(Hub).Where(name => File.Exists(NetworkPlace.FileOf(name))))
            await IpAsync("netns", "del", name);
    }

    private async Task AddAsync(int number)
    {
        var place = new NetworkPlace($"{prefix}p{number}", $"10.77.0.{number}", $"port{number}");
        places.Add(place);
        await IpAsync("netns", "add", place.Name);
        await IpAsync("-n", Hub, "link", "add", place.Port, "type", "veth", "peer", "name", "eth0", "netns", place.Name);
        await IpAsync("-n", Hub, "link", "set", place.Port, "master", "bridge", "up");
        await IpAsync("-n", place.Name, "addr", "add", $"{place.Address}/24", "dev", "eth0");
        await IpAsync("-n", place.Name, "link", "set", "lo", "up");
        await IpAsync("-n", place.Name, "link", "set", "eth0", "up");
    }

    private static async Task IpAsync(params string[] arguments)
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        var errors = await ip.StandardError.ReadToEndAsync();
        await ip.WaitForExitAsync();
        ip.ExitCode.ShouldBe(0, $"ip {string.Join(' ', arguments)}: {errors}");
    }
}

/// <summary>A network namespace.</summary>
/// <param name="Name">As <c>ip netns</c> lists it.</param>
/// <param name="Address">Its address on the bridge.</param>
/// <param name="Port">Its port of the bridge.</param>
public sealed record NetworkPlace(string Name, string Address, string Port)
{
    private const int NewNetwork = 0x40000000; // CLONE_NEWNET

    internal static string FileOf(string name) => $"/run/netns/{name}";

    /// <summary>Connects as if from within, also to its loopback.</summary>
    internal HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = CreateSocket();
            try
            {
                await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    // A socket stays in the namespace of the thread that made it; this thread makes one and ends.
    private Socket CreateSocket()
    {
        Socket? socket = null;
        var error = 0;
        var within = new Thread(() =>
        {
            using var file = File.OpenHandle(FileOf(Name), share: FileShare.ReadWrite);
            if (SetNamespace(file, NewNetwork) == 0)
                socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            else
                error = Marshal.GetLastPInvokeError();
        });
        within.Start();
        within.Join();
        return socket ?? throw new InvalidOperationException($"{Name} cannot be entered: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(SafeHandle file, int type);
}

/// <summary>A test that needs <see cref="PartitionableNetwork"/>; skipped, saying why, on a machine that cannot have one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PartitionFactAttribute : FactAttribute
{
    public PartitionFactAttribute() => Skip = PartitionableNetwork.Missing;
}
