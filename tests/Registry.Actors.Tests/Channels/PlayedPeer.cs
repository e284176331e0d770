using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Guacd;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Channels;

/// <summary>The peer of a conversation, played frame by frame.</summary>
internal sealed class PlayedPeer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Task<ChannelEnd> run;

    public PlayedPeer(ConversationSettings settings, string allow = "127.0.0.0/8:*", int window = 256 * 1024, string hocon = "", string protocol = "", bool peerOpens = true, TimeProvider? time = null, Func<string, IPAddress[]>? resolve = null, int? bytesPerSecond = null, IAuditSink? audit = null, int maxMessageSize = 64 * 1024)
    {
        var services = new ChannelServices(RegistrySettings.From(Akka.Configuration.ConfigurationFactory.ParseString(hocon)) with { Listen = ListenScope.Loopback }, TargetPolicy.Parse([allow]), time ?? TimeProvider.System, Gauges)
        {
            DialDenied = Denied.Enqueue,
            Audit = new(audit, "here", time ?? TimeProvider.System),
            Resolve = (host, _) => resolve is null ? throw new SocketException((int)SocketError.HostNotFound) : Task.FromResult(resolve(host)),
        };
        Flow = new(FlowLimits.From(services.Settings), new(bytesPerSecond, services.Time));
        new ConversationFactory(services).TryOpen(settings, TunnelFixture.Origin, new(services.Time), Flow, out var conversation, out _, Notices.Enqueue).ShouldBeTrue();
        Targets = services.Targets;
        Conversation = conversation;
        (Channel, Far) = ScriptedDataChannel.Pair(window, protocol: protocol);
        Far.MaxMessageSize = maxMessageSize;
        run = conversation.RunAsync(Far, peerOpens);
    }

    /// <summary>What the audit was told.</summary>
    public ConcurrentQueue<DeniedDial> Denied { get; } = new();

    /// <summary>What the tube was told that guacd said.</summary>
    public ConcurrentQueue<GuacdNotice> Notices { get; } = new();

    public ChannelGauges Gauges { get; } = new();
    public TargetPolicy Targets { get; }
    public TubeFlow Flow { get; }
    public IConversation Conversation { get; }
    public ScriptedDataChannel Channel { get; }

    /// <summary>The conversation's end; its <see cref="ScriptedDataChannel.MaxMessageSize"/> is what the peer takes.</summary>
    public ScriptedDataChannel Far { get; }

    public Task<ChannelEnd> EndAsync() => run.WaitAsync(Patience);

    public ValueTask SendAsync(byte[] frames) => Channel.SendAsync(frames);

    /// <summary>Sends a frame that is larger than a message.</summary>
    public async Task SendInPiecesAsync(byte[] frame)
    {
        foreach (var piece in frame.Chunk(Channel.MaxMessageSize))
            await SendAsync(piece);
    }

    /// <summary>The next control message's bytes.</summary>
    public async Task ShouldSayAsync(string hex) => Convert.ToHexString((await NextAsync()).Payload).ShouldBe(hex);

    public ValueTask ControlAsync(ControlCode code, uint connection) => SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(code, connection)));

    public async Task<(DataChannelMessageType, string)> ReceiveAsync()
    {
        using var message = (await Channel.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        return (message.Type, Convert.ToHexString(message.Data.Span));
    }

    public async Task<(uint Connection, byte[] Payload)> NextAsync()
    {
        using var message = (await Channel.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        using var parser = new FrameParser(1 << 20);
        parser.Append(message.Data);
        parser.TryRead(out var frame).ShouldBe(FrameStatus.Frame);
        return (frame.Connection, frame.Payload.ToArray());
    }

    public async Task<(ControlCode, uint)> NextControlAsync()
    {
        var (connection, payload) = await NextAsync();
        connection.ShouldBe(0u);
        ControlMessage.Read(payload, out var message).ShouldBeNull();
        return (message.Code, message.Connection);
    }

    public async Task<(uint, string)> NextDataAsync()
    {
        var (connection, payload) = await NextAsync();
        return (connection, System.Text.Encoding.UTF8.GetString(payload));
    }

    public async Task<(CloseReason Reason, string Text)> NextCloseAsync(uint connection)
    {
        var (_, payload) = await NextAsync();
        ControlMessage.Read(payload, out var message).ShouldBeNull();
        message.Code.ShouldBe(ControlCode.CloseConnection);
        message.Connection.ShouldBe(connection);
        return (message.Reason, message.Text);
    }

    public async ValueTask DisposeAsync()
    {
        Conversation.Dispose();
        await EndAsync();
        Flow.Dispose();
        Gauges.Connections.ShouldBe(0);
        Gauges.Sockets.ShouldBe(0);
        Gauges.Listeners.ShouldBe(0);
    }
}
