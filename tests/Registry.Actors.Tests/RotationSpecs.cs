using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Tests.Channels;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests;

/// <summary>Two hundred servers at once through real tubes, both ends in this process.</summary>
[Collection(nameof(Alone))]
public sealed class RotationSpecs(ITestOutputHelper output)
{
    private const int Servers = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Two_hundred_conversations_are_made_connected_used_and_closed_and_nothing_is_left()
    {
        await using var gateway = new StackNode("gateway");
        await using var client = new StackNode("client", socketPerConnection: true);
        await using var server = LoopbackServer.Echo();
        var start = Stopwatch.GetTimestamp();
        await RotateAsync(gateway, client, server.EndPoint.Port);
        output.WriteLine($"{Servers} servers in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.00} s, the first time");
        await RotateAsync(gateway, client, server.EndPoint.Port); // ended tubes and events are kept, as many as may be
        var handles = await SettledHandlesAsync(0, tries: 20);
        var bytes = GC.GetTotalMemory(forceFullCollection: true);

        start = Stopwatch.GetTimestamp();
        var connections = await RotateAsync(gateway, client, server.EndPoint.Port);
        output.WriteLine($"{Servers} servers in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.00} s, the third time");

        (await SettledHandlesAsync(handles)).ShouldBeLessThanOrEqualTo(handles);
        // Not a sum of bytes: what pools keep for each thread depends on how busy the machine was.
        (await SettledAsync(0, () => connections.Count(c => c.IsAlive))).ShouldBe(0, "peer connections that something still holds");
        output.WriteLine($"{(GC.GetTotalMemory(forceFullCollection: true) - bytes) / 1000} KB more than before");
        gateway.Registry.Capacity.TotalCreates.ShouldBe(3 * Servers);
        gateway.Registry.Capacity.TotalFailures.ShouldBe(0);
        gateway.Registry.Capacity.ReconcilerFindings.ShouldBe(0);
    }

    /// <returns>The peer connections there were.</returns>
    private static async Task<List<WeakReference>> RotateAsync(StackNode gateway, StackNode client, int port)
    {
        using var end = new CancellationTokenSource(Patience);
        var tubes = await Task.WhenAll(Enumerable.Range(0, Servers).Select(i => ConnectAsync(gateway, client, $"server-{i}", port, end.Token)));
        gateway.Count.ShouldBe((Servers, Servers, Servers, Servers, 3 * Servers, 0));
        client.Count.Tubes.ShouldBe(Servers);
        var connections = gateway.Connections.Concat(client.Connections).ToList();
        connections.Count.ShouldBe(2 * Servers);

        await Task.WhenAll(tubes.Select((tube, i) => EchoAsync(IPEndPoint.Parse(tube.LocalListenAddress!), (byte)i)));

        (await Task.WhenAll(tubes.Select(t => client.Registry.CloseTubeAsync(new(t.TubeId, CloseReason.Client))))).ShouldAllBe(r => r is Done);
        await TunnelFixture.UntilAsync(() => gateway.IsEmpty && client.IsEmpty);
        return connections;
    }

    private static async Task<TubeCreated> ConnectAsync(StackNode gateway, StackNode client, string name, int port, CancellationToken cancellationToken)
    {
        var conversation = new ConversationId(name);
        var wait = TimeSpan.FromSeconds(30);
        var offerer = (await client.Registry.CreateAsync(
            new(conversation, TunnelSettings.Listen(new(IPAddress.Loopback, 0))) { TrickleIce = false, MaxWait = wait }, cancellationToken)).ShouldBeOfType<TubeCreated>();
        var answerer = (await gateway.Registry.CreateAsync(
            new(conversation, TunnelSettings.Dial("127.0.0.1", port)) { TrickleIce = false, Offer = offerer.Offer, MaxWait = wait }, cancellationToken)).ShouldBeOfType<TubeCreated>();
        (await client.Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!), cancellationToken)).ShouldBeOfType<Done>();
        foreach (var (node, tube) in new[] { (client, offerer.TubeId), (gateway, answerer.TubeId) })
            await node.ReadyAsync(tube, cancellationToken);
        return offerer;
    }

    private static async Task EchoAsync(IPEndPoint endPoint, byte seed)
    {
        var sent = new byte[1000];
        Array.Fill(sent, seed);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endPoint);
        await socket.SendAsync(sent);
        socket.Shutdown(SocketShutdown.Send);
        (await TunnelFixture.ReadToEndAsync(socket)).ShouldBe(sent);
    }

    // Files that the runtime opens to load and to explain code are its own affair.
    private static Task<int> SettledHandlesAsync(int expected, int tries = 600) => SettledAsync(
        expected,
        () => Directory.GetFiles("/proc/self/fd").Count(handle => File.ResolveLinkTarget(handle, false)?.Extension is not (".dll" or ".pdb")),
        tries);

    // Sockets are closed a moment after they were let go, and a thread that did a handshake ends after some idle seconds.
    private static async Task<int> SettledAsync(int expected, Func<int> count, int tries = 600)
    {
        var counted = int.MaxValue;
        for (var tried = 0; tried < tries && counted > expected; tried++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(50);
            counted = count();
        }

        return counted;
    }
}

/// <summary>What counts the sockets of the whole process runs by itself.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
