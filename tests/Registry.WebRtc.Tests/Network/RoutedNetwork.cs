using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Registry.WebRtc.Tests.Network;

/// <summary>
/// Two hosts and a router between them, each a network namespace of the kernel, joined by veth pairs: real sockets, routes and MTUs, and a path that can be cut
/// without either host seeing its link go.
/// </summary>
internal sealed class RoutedNetwork : IDisposable
{
    public static readonly IPAddress AddressA = IPAddress.Parse("10.203.0.2");
    public static readonly IPAddress AddressB = IPAddress.Parse("10.204.0.2");
    public static readonly IPAddress SecondAddressB = IPAddress.Parse("10.204.0.9");

    private static readonly IPAddress routerAtA = IPAddress.Parse("10.203.0.1");
    private static readonly IPAddress routerAtB = IPAddress.Parse("10.204.0.1");

    private const int NewNetwork = 0x40000000; // CLONE_NEWNET of <sched.h>
    private static int networks;

    private readonly string a;
    private readonly string b;
    private readonly string router;

    public RoutedNetwork(int mtu = 1500)
    {
        var name = $"tr{Environment.ProcessId}-{Interlocked.Increment(ref networks)}";
        (a, b, router) = ($"{name}a", $"{name}b", $"{name}r");
        foreach (var space in (string[])[a, b, router])
            Ip($"netns add {space}");
        Ip($"link add host netns {a} mtu {mtu} type veth peer name left netns {router} mtu {mtu}");
        Ip($"link add host netns {b} mtu {mtu} type veth peer name right netns {router} mtu {mtu}");
        Configure(router, "left", routerAtA);
        Configure(router, "right", routerAtB);
        Configure(a, "host", AddressA);
        Configure(b, "host", AddressB);
        Ip($"-n {a} route add default via {routerAtA}");
        Ip($"-n {b} route add default via {routerAtB}");
        IsOpen = true;
    }

    /// <summary>What this machine lacks for such a network, or null.</summary>
    public static string? MissingRequirement()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "Network namespaces need Linux and root.";
        return new[] { "/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip" }.Any(File.Exists) ? null : "The program 'ip' (iproute2) is not installed.";
    }

    /// <summary>Whether the router forwards packets.</summary>
    public bool IsOpen
    {
        set => Run("ip", $"netns exec {router} sysctl -qw net.ipv4.ip_forward={(value ? 1 : 0)}");
    }

    /// <summary>Makes the link between router and B narrower: larger packets are dropped on the way.</summary>
    public void NarrowTo(int mtu)
    {
        Ip($"-n {router} link set right mtu {mtu}");
        Ip($"-n {b} link set host mtu {mtu}");
    }

    /// <summary>Takes B's address away and gives it another one, as when a machine moves to another network.</summary>
    public void MoveB()
    {
        Ip($"-n {b} addr add {SecondAddressB}/24 dev host");
        Ip($"-n {b} addr del {AddressB}/24 dev host");
        Ip($"-n {b} addr replace {SecondAddressB}/24 dev host"); // went with the first of its network, whose secondary it was
        Ip($"-n {b} route replace default via {routerAtB}");
    }

    public PeerConnectionFactory CreateFactoryAtA() => Create(a, [AddressA]);

    public PeerConnectionFactory CreateFactoryAtB() => Create(b, [AddressB, SecondAddressB]);

    /// <summary>A UDP socket of the router, at its address on A's side or on B's.</summary>
    public Socket OpenAtRouter(bool onSideOfA) => Within(router, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(onSideOfA ? routerAtA : routerAtB, 0));
        return socket;
    });

    public void Dispose()
    {
        foreach (var space in (string[])[a, b, router])
            Ip($"netns del {space}");
    }

    private static PeerConnectionFactory Create(string space, IPAddress[] addresses) =>
        Within(space, () => PeerConnectionFactory.Create(new() { HostAddresses = addresses }));

    // A socket stays in the namespace that its thread was in when it was opened.
    private static T Within<T>(string space, Func<T> open) where T : class
    {
        T? opened = null;
        var thread = new Thread(() =>
        {
            using var handle = File.OpenHandle($"/run/netns/{space}");
            if (SetNamespace((int)handle.DangerousGetHandle(), NewNetwork) == 0)
                opened = open();
        });
        thread.Start();
        thread.Join();
        return opened ?? throw new InvalidOperationException($"The namespace {space} could not be entered.");
    }

    private static void Configure(string space, string device, IPAddress address)
    {
        Ip($"-n {space} addr add {address}/24 dev {device}");
        Ip($"-n {space} link set {device} up");
    }

    private static void Ip(string arguments) => Run("ip", arguments);

    private static void Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {arguments}: {errors}");
    }

    [DllImport("libc", EntryPoint = "setns"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(int descriptor, int kind);
}

/// <summary>A test that is skipped, with the reason, where network namespaces cannot be made.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RoutedNetworkFactAttribute : FactAttribute
{
    public RoutedNetworkFactAttribute() => Skip = RoutedNetwork.MissingRequirement();
}
