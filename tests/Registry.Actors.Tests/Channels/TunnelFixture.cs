using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Configuration;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>A listening and a dialling end over an in-memory channel, with real TCP on both outsides.</summary>
internal sealed class TunnelFixture : IAsyncDisposable
{
    private const int QuickLooks = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Task<ChannelEnd>? nearRun;
    private readonly Task<ChannelEnd>? farRun;

    public TunnelFixture(IPEndPoint target, string hocon = "", TimeProvider? time = null, string allow = "127.0.0.0/8:*", int window = 256 * 1024, bool run = true, string? host = null, string protocol = ControlMessage.Protocol, SocksSettings? socks = null, TubeRates? farRates = null, IAuditSink? audit = null)
    {
        var settings = RegistrySettings.From(ConfigurationFactory.ParseString(hocon)) with { Listen = ListenScope.Loopback };
        var trail = new AuditTrail(audit, "here", time ?? TimeProvider.System);
        Services = new(settings, TargetPolicy.Parse([allow]), time ?? TimeProvider.System, Gauges)
        {
            DialDenied = denied =>
            {
                Denied.Enqueue(denied);
                trail.Denied(denied);
            },
            Audit = trail,
        };
        (NearFlow, FarFlow) = (new(FlowLimits.From(settings)), new(FlowLimits.From(settings), farRates));
        (NearUsers, FarUsers) = (new(Services.Time), new(Services.Time));
        var factory = new ConversationFactory(Services);
        IPEndPoint anyPort = new(IPAddress.Loopback, 0);
        factory.TryOpen(socks is null ? TunnelSettings.Listen(anyPort) : SocksSettings.Listen(anyPort), Origin, NearUsers, NearFlow, out var near, out _).ShouldBeTrue();
        factory.TryOpen(socks ?? (ConversationSettings)TunnelSettings.Dial(host ?? target.Address.ToString(), target.Port), Origin, FarUsers, FarFlow, out var far, out _).ShouldBeTrue();
        (Near, Far) = (near, far);
        (NearChannel, FarChannel) = ScriptedDataChannel.Pair(window, protocol: protocol);
        if (!run)
            return;
        nearRun = Near.RunAsync(NearChannel, openedByPeer: false);
        farRun = Far.RunAsync(FarChannel, openedByPeer: true);
    }

    /// <summary>Whose the conversations of tests are.</summary>
    public static ConversationOrigin Origin { get; } = new(new("tube"), new("conversation")) { Owner = "alice", Caller = "laptop", Type = "tunnel" };

    /// <summary>What the audit was told.</summary>
    public ConcurrentQueue<DeniedDial> Denied { get; } = new();

    public ChannelGauges Gauges { get; } = new();
    public ChannelServices Services { get; }
    public UserTraffic NearUsers { get; }
    public UserTraffic FarUsers { get; }
    public TubeFlow NearFlow { get; }
    public TubeFlow FarFlow { get; }
    public IConversation Near { get; }
    public IConversation Far { get; }
    public ScriptedDataChannel NearChannel { get; }
    public ScriptedDataChannel FarChannel { get; }
    public Task<ChannelEnd> NearEnd => nearRun!.WaitAsync(Patience);
    public Task<ChannelEnd> FarEnd => farRun!.WaitAsync(Patience);

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(Near.ListenEndPoint!);
        return socket;
    }

    /// <summary>A client that is reset, which may be before its connect has returned.</summary>
    public static async Task ShouldResetAsync(Task<Socket> connecting) =>
        (await Should.ThrowAsync<SocketException>(async () =>
        {
            using var client = await connecting;
            await ReadToEndAsync(client);
        })).SocketErrorCode.ShouldBe(SocketError.ConnectionReset);

    public static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        // Not a NetworkStream: that refuses a socket whose own half is closed.
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(Patience)) > 0)
            all.Write(buffer, 0, read);
        return all.ToArray();
    }

    public static async Task<byte[]> ReadAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        await new NetworkStream(socket).ReadExactlyAsync(bytes).AsTask().WaitAsync(Patience);
        return bytes;
    }

    /// <summary>Waits for something that other threads bring about; fails when it does not come.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        for (var looks = 0; !condition(); looks++)
        {
            patience.Token.ThrowIfCancellationRequested();
            // What takes longer than a few turns of the pool needs the processor itself.
            if (looks < QuickLooks)
                await Task.Yield();
            else
                await Task.Delay(1);
        }
    }

    public Task NoConnectionLeftAsync() => UntilAsync(() => Gauges is { Connections: 0, Sockets: 0 });

    public async ValueTask DisposeAsync()
    {
        Near.Dispose();
        Far.Dispose();
        if (nearRun is not null)
            await Task.WhenAll(NearEnd, FarEnd);
        Gauges.Connections.ShouldBe(0);
        Gauges.Sockets.ShouldBe(0);
        Gauges.Listeners.ShouldBe(0);
        FarFlow.Dispose();
        foreach (var queued in new[] { NearFlow.Sending, NearFlow.Receiving, FarFlow.Sending, FarFlow.Receiving })
            queued.Queued.ShouldBe(0);
        NearFlow.Promised.ShouldBe(0);
        FarFlow.Promised.ShouldBe(0);
    }
}

/// <summary>A TCP server on loopback whose every client is given to a handler.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> accepted = []; // The garbage collector closes a socket that nobody holds.
    private readonly Task accepting;

    public LoopbackServer(Func<Socket, Task> handle)
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(512);
        accepting = AcceptAsync(handle);
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndPoint!;

    /// <summary>Sends back what comes until the client's end of file, then ends too.</summary>
    public static LoopbackServer Echo() => new(async client =>
    {
        using var stream = new NetworkStream(client, ownsSocket: true);
        await stream.CopyToAsync(stream);
        client.Shutdown(SocketShutdown.Send);
    });

    /// <summary>An address where nobody listens.</summary>
    public static IPEndPoint Refusing()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        await accepting;
    }

    private async Task AcceptAsync(Func<Socket, Task> handle)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync();
                accepted.Add(client);
                _ = handle(client);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            listener.Dispose();
        }
    }
}
