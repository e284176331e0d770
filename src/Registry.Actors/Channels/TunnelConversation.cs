using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Guacd;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>
/// A TCP port forward, a SOCKS5 proxy or sessions with guacd over one data channel. This end either listens and asks the peer to open, or dials what the
/// settings or the peer's opens name.
/// </summary>
internal sealed class TunnelConversation : IConversation
{
    // A CloseConnection with the longest text; a peer that takes less cannot be told anything.
    private const int LeastMessageSize = Frame.Overhead + 9 + ControlMessage.MaxText;

    private readonly ConversationOrigin origin;
    private readonly ChannelServices services;
    private readonly UserTraffic users;
    private readonly TubeFlow tube;
    private readonly Heartbeat heartbeat;
    private readonly long started;
    private readonly OpenTarget? targets;
    private readonly TargetDialer? dialer;
    private GuacdConnector? guacd { get; init; }
    private readonly TunnelListener? listener;
    private readonly bool ownsListener;
    private readonly bool servesSocks;
    private readonly FragmentAssembler? fragments;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<uint, TunnelConnection> connections = new();
    private readonly Lock endLock = new();
    private ChannelEnd? end;
    private bool endedByPeer; // touched by the receive loop only
    private IDataChannel? channel;
    private ChannelFlow? flow;
    private bool mayBeAccepted; // touched by the receive loop only, as the next
    private Task beating = Task.CompletedTask;
    private Task closing = Task.CompletedTask;
    private int connectionCount;
    private int cut; // connections that ended with the channel
    private int disposed;
    private bool listenerClosed;
    private bool superseded;
    private uint lastNumber; // highest connection number seen: accepted here, or opened by the peer

    private TunnelConversation(TunnelListener? listener, bool ownsListener, bool servesSocks, OpenTarget? targets, TargetDialer? dialer, ConversationOrigin origin, ChannelServices services, UserTraffic users, TubeFlow tube)
    {
        this.origin = origin;
        this.users = users;
        this.tube = tube;
        this.targets = targets;
        this.dialer = dialer;
        this.listener = listener;
        this.ownsListener = ownsListener;
        this.servesSocks = servesSocks;
        this.services = services;
        heartbeat = new(services.Settings.PingInterval, services.Settings.PingTimeout);
        started = services.Time.GetTimestamp();
        fragments = services.Settings.AcceptFragments ? new(tube, services.Time) : null;
        ListenEndPoint = listener?.EndPoint;
        if (ownsListener)
            services.Gauges.ListenersChanged(1);
    }

    /// <summary>The end that clients connect to.</summary>
    /// <param name="listener">Where they come from.</param>
    /// <param name="ownsListener">Whether the listener ends with the conversation.</param>
    /// <param name="servesSocks">Whether they say by SOCKS5 what they want to reach.</param>
    /// <param name="origin">Whose it is.</param>
    /// <param name="services">Limits and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    /// <param name="tube">Where bytes that wait are counted.</param>
    public static TunnelConversation Listening(TunnelListener listener, bool ownsListener, bool servesSocks, ConversationOrigin origin, ChannelServices services, UserTraffic users, TubeFlow tube) =>
        new(listener, ownsListener, servesSocks, null, null, origin, services, users, tube);

    /// <summary>The end that connects to targets.</summary>
    /// <param name="targets">Which.</param>
    /// <param name="dialer">How.</param>
    /// <param name="origin">Whose it is.</param>
    /// <param name="services">Limits and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    /// <param name="tube">Where bytes that wait are counted.</param>
    public static TunnelConversation Dialling(OpenTarget targets, TargetDialer dialer, ConversationOrigin origin, ChannelServices services, UserTraffic users, TubeFlow tube) =>
        new(null, false, false, targets, dialer, origin, services, users, tube);

    /// <summary>The end that opens sessions with guacd.</summary>
    /// <param name="guacd">Which.</param>
    /// <param name="origin">Whose it is.</param>
    /// <param name="services">Limits and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    /// <param name="tube">Where bytes that wait are counted.</param>
    public static TunnelConversation Dialling(GuacdConnector guacd, ConversationOrigin origin, ChannelServices services, UserTraffic users, TubeFlow tube) =>
        new(null, false, false, new NoTarget(), null, origin, services, users, tube) { guacd = guacd };

    public IPEndPoint? ListenEndPoint { get; }

    public int Connections => Volatile.Read(ref connectionCount);

    public string Protocol => ControlMessage.Protocol;

    private TimeSpan Now => services.Time.GetElapsedTime(started);

    public async Task<ChannelEnd> RunAsync(IDataChannel channel, bool openedByPeer)
    {
        if (Unfit(channel, openedByPeer) is { } refusal)
        {
            channel.Close();
            return refusal;
        }

        using var frames = new FrameLink(channel, services.Time);
        var agreed = new ChannelFlow(frames, tube, heartbeat);
        AgreeOnProtocol(agreed, channel.Protocol, openedByPeer);
        lock (endLock)
        {
            this.channel = channel;
            flow = agreed;
            if (end is { } early)
                closing = SayCloseAsync(frames, channel, early);
        }

        void Watch(DataChannelState state)
        {
            if (state != DataChannelState.Closed)
                return;
            foreach (var (_, connection) in connections)
                connection.ChannelGone();
        }

        channel.StateChanged += Watch;
        listener?.Attach(this);
        await ReceiveAsync(channel, agreed);
        channel.StateChanged -= Watch;
        if (frames.Fault is { } fault)
            EndWithProtocolError(fault);
        frames.Dispose();
        StopListening();
        foreach (var (_, connection) in connections)
            connection.ChannelClosed(inOrder: endedByPeer && end is { Reason: CloseReason.Normal }, end);
        await Task.WhenAll(connections.Values.Select(c => c.Completion));
        await closing;
        await beating;
        await frames.Completion;
        fragments?.Dispose();
        TellCut();
        lock (endLock)
            return end ?? ChannelEnd.Unexplained;
    }

    public void Close(CloseReason reason, string text, string? closedBy = null)
    {
        lock (endLock)
        {
            if (end is not null)
                return;
            var close = new ChannelEnd(reason, text) { ClosedBy = closedBy };
            end = close;
            if (channel is not null && flow is not null)
                closing = SayCloseAsync(flow.Link, channel, close);
        }

        StopListening();
        // A receive loop that waits for a slow target must see the channel's end.
        foreach (var (_, connection) in connections)
            connection.ChannelClosed(inOrder: false, end);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        stop.Cancel();
        StopListening();
        foreach (var (_, connection) in connections)
            connection.Dispose();
        channel?.Close();
    }

    private static ChannelEnd? Unfit(IDataChannel channel, bool openedByPeer)
    {
        if (openedByPeer && channel.Protocol == HandlerConversation.PlainMessages)
            return new(CloseReason.ConfigurationError, "The other end is a handler, which takes plain messages, and this end speaks frames. Give this end raw, or the other end a tunnel.");
        return channel.MaxMessageSize < LeastMessageSize
            ? new(CloseReason.ProtocolError, $"The peer takes messages of at most {channel.MaxMessageSize} bytes; a tunnel needs {LeastMessageSize}.")
            : null;
    }

    // A peer that knows tube.v2 says so before anything else. One that says something else, as the original does, gets the original's behaviour.
    private void AgreeOnProtocol(ChannelFlow agreed, string protocol, bool openedByPeer)
    {
        var isNamed = protocol == ControlMessage.Protocol;
        mayBeAccepted = isNamed && !openedByPeer;
        if (!isNamed || !openedByPeer)
            return;
        agreed.Link.TryReply(ControlMessage.EncodeAccept());
        UseWindows(agreed);
    }

    private void UseWindows(ChannelFlow agreed)
    {
        agreed.HasWindows = true;
        foreach (var (_, connection) in connections)
            connection.OpenWindow();
        beating = BeatAsync(agreed.Link);
    }

    private async Task BeatAsync(FrameLink frames)
    {
        while (!frames.Ended.IsCancellationRequested)
        {
            var beat = heartbeat.Next(Now, out var wait);
            if (beat == Beat.Ping)
                frames.TryReply(ControlMessage.Encode(ControlCode.Ping, 0));
            if (beat == Beat.PeerIsDead)
            {
                Close(CloseReason.ConnectionLost, $"The peer said nothing for {services.Settings.PingTimeout.TotalSeconds:0.###} s after a ping.");
                return;
            }

            await Task.Delay(wait, services.Time, frames.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReceiveAsync(IDataChannel from, ChannelFlow agreed)
    {
        using var parser = new FrameParser(services.Settings.MaxFramePayload);
        try
        {
            while (await from.ReceiveAsync(stop.Token) is { } message)
            {
                using (message)
                {
                    if (message.Type != DataChannelMessageType.Binary)
                    {
                        EndWithProtocolError("A text message came where frames are expected.");
                        return;
                    }

                    parser.Append(message.Data);
                    if (!await HandleFramesAsync(parser, agreed))
                        return;
                    parser.Detach();
                }
            }

            if (parser.Carried > 0 && end is null)
                EndWithProtocolError($"The channel closed inside a frame, after {parser.Carried} bytes of it.");
        }
        catch (OperationCanceledException)
        {
            stop.Cancel();
        }
    }

    private async ValueTask<bool> HandleFramesAsync(FrameParser parser, ChannelFlow agreed)
    {
        FrameStatus status;
        heartbeat.Heard(Now);
        while ((status = parser.TryRead(out var frame)) == FrameStatus.Frame)
        {
            var error = frame.Connection == 0 ? HandleControl(frame.Payload, agreed) : await HandleDataAsync(frame, agreed);
            if (error is not null)
            {
                EndWithProtocolError(error);
                return false;
            }

            if (endedByPeer)
                return false;
            if (end is not null)
                return true; // Closing: read to the channel's end, but act on nothing more.
        }

        if (status == FrameStatus.Malformed)
            EndWithProtocolError(parser.Error!);
        return status != FrameStatus.Malformed;
    }

    private async ValueTask<string?> HandleDataAsync(Frame frame, ChannelFlow agreed)
    {
        if (!connections.TryGetValue(frame.Connection, out var connection))
            return Unknown(frame.Connection, "Data");
        if (fragments is null || agreed.HasWindows)
            return await connection.PeerSentAsync(frame.Payload);
        if (fragments.Take(frame.Connection, frame.Payload, out var whole) is { } error)
            return error;
        if (!connections.ContainsKey(frame.Connection))
            fragments.Forget(frame.Connection); // It ended meanwhile, and what it left was forgotten before this.
        return whole.IsEmpty && !frame.Payload.IsEmpty ? null : await connection.PeerSentAsync(whole);
    }

    private string? HandleControl(ReadOnlyMemory<byte> payload, ChannelFlow agreed)
    {
        if (ControlMessage.Read(payload, out var message) is { } error)
            return error;
        var isFirst = mayBeAccepted;
        mayBeAccepted = false;
        var frames = agreed.Link;
        connections.TryGetValue(message.Connection, out var connection);
        switch (message.Code)
        {
            case ControlCode.Ping:
                return Reply(frames, ControlMessage.Encode(ControlCode.Pong, message.Connection, message.Data.Span));
            case ControlCode.MetricsRequest:
                return Reply(frames, ControlMessage.EncodeMetrics(string.Create(CultureInfo.InvariantCulture, $"{{\"connections\":{connectionCount},\"roundTripMs\":{heartbeat.RoundTrip.TotalMilliseconds:0.###}}}")));
            case ControlCode.Pong when message.Connection == 0:
                heartbeat.Answered(Now);
                return null;
            case ControlCode.AcceptProtocol when isFirst:
                UseWindows(agreed);
                return null;
            case ControlCode.AcceptProtocol:
                return "A protocol was accepted that this end did not offer, or too late.";
            case ControlCode.WindowUpdate when !agreed.HasWindows:
                return $"A WindowUpdate came, which belongs to {ControlMessage.Protocol}, and that was not agreed on.";
            case ControlCode.Pong or ControlCode.MetricsResponse or ControlCode.MetricsConfig:
                return null; // Nothing here asks or can be configured by a peer; the original logs these.
            case ControlCode.CloseConnection when message.Connection == 0:
                EndByPeer(message.Reason, message.Text);
                return null;
            case ControlCode.OpenConnection:
                return Open(message, connection, agreed);
        }

        if (connection is null)
            return Unknown(message.Connection, message.Code.ToString());
        switch (message.Code)
        {
            case ControlCode.ConnectionOpened:
                connection.PeerOpened();
                break;
            case ControlCode.SendEof:
                connection.PeerSentEof();
                break;
            case ControlCode.WindowUpdate:
                return connection.PeerGranted(message.WindowBytes);
            case ControlCode.CloseConnection:
                var wasOpen = connection is { IsOpen: true, IsEnding: false };
                if (connection.PeerClosed(message.Reason, message.Text) && listener is not null)
                    services.ConnectionRefused?.Invoke(message.Reason, message.Text);
                else if (wasOpen && message.Reason == CloseReason.ServerRefuse && listener is not null)
                    services.ConnectionsCut?.Invoke(ListenEndPoint, 1, message.Text);
                break;
        }

        return null;
    }

    // A connection that is gone was ended by both halves or by a CloseConnection of this end that crossed the peer's message.
    private string? Unknown(uint number, string what) =>
        number > Volatile.Read(ref lastNumber) ? $"{what} came for connection {number}, which was never opened." : null;

    private string? Open(ControlMessage message, TunnelConnection? existing, ChannelFlow agreed)
    {
        var frames = agreed.Link;
        if (message.Connection == 0)
            return "Connection 0 cannot be opened.";
        if (existing is { IsOpen: true })
            return Reply(frames, ControlMessage.Encode(ControlCode.ConnectionOpened, message.Connection));
        if (existing is not null)
            return null; // Its answer is under way.
        if (targets is null)
            return Refuse(frames, message.Connection, CloseReason.ServerRefuse, "This end listens; it does not dial.");
        lastNumber = Math.Max(lastNumber, message.Connection);
        if (targets.Read(message.Data.Span, out var target) is { } wrong)
            return Refuse(frames, message.Connection, CloseReason.ConfigurationError, wrong);
        if (guacd is null && target.IsAssociation && !agreed.HasWindows)
            return Refuse(frames, message.Connection, CloseReason.ConfigurationError, $"A UDP association needs {ControlMessage.Protocol}.");
        if (!TryCount())
            return Refuse(frames, message.Connection, CloseReason.ServerRefuse, $"The channel has {services.Settings.MaxConnections} connections, which is the limit.");
        var audit = services.Audit.Connection(origin, message.Connection, guacd is not null ? guacd.Target : target.IsAssociation ? null : target.ToString());
        var connection = new TunnelConnection(message.Connection, CloseReason.UpstreamClosed, agreed, services, users, audit);
        connections[message.Connection] = connection;
        if (guacd is not null)
            connection.Dial(guacd, Forget);
        else if (target.IsAssociation)
            connection.Relay(dialer!, Forget);
        else
            connection.Dial(dialer!, target.Host, target.Port, Forget);
        return null;
    }

    /// <summary>Takes a client of the listener, or turns it away when it is one too many.</summary>
    /// <returns>False when this tunnel is ending and the client is another's.</returns>
    public bool TryServe(ListenerClient client)
    {
        if (end is not null || Volatile.Read(ref listenerClosed))
            return false;
        if (!TryCount())
        {
            TunnelListener.Reset(client.Socket);
            return true;
        }

        var audit = services.Audit.Connection(origin, ++lastNumber, target: null, ListenEndPoint!.ToString(), client.Socket.RemoteEndPoint?.ToString());
        var connection = new TunnelConnection(lastNumber, CloseReason.Client, flow!, services, users, audit);
        connections[connection.Number] = connection;
        connection.Accept(client, servesSocks, ownsListener ? null : new(listener!, this), Forget);
        return true;
    }

    /// <summary>Another tunnel gets the listener's clients from now on: this one ends with its last connection.</summary>
    public void Supersede()
    {
        Interlocked.Exchange(ref superseded, true);
        foreach (var (_, connection) in connections)
            connection.MoveAway();
        CloseWhenSuperseded();
    }

    /// <summary>A port that is not this tunnel's is for whoever drains the node to care for; one that is would hold up the tube that comes next.</summary>
    public void Leave()
    {
        if (!ownsListener)
            return;
        StopListening(); // from here on no client is served
        Supersede();
    }

    private void CloseWhenSuperseded()
    {
        if (Volatile.Read(ref superseded) && Volatile.Read(ref connectionCount) == 0)
            Close(CloseReason.Normal, ownsListener ? "The node goes out of service." : "Another tube serves the port now.");
    }

    private bool TryCount()
    {
        if (Interlocked.Increment(ref connectionCount) <= services.Settings.MaxConnections)
            return true;
        Interlocked.Decrement(ref connectionCount);
        return false;
    }

    private void Forget(TunnelConnection connection)
    {
        if (connections.TryRemove(new(connection.Number, connection)))
        {
            if (connection.WasCut)
                Interlocked.Increment(ref cut);
            var left = Interlocked.Decrement(ref connectionCount);
            fragments?.Forget(connection.Number);
            CloseWhenSuperseded();
            // The channel's own end may take a peer's time that is gone.
            if (left == 0 && end is not null)
                TellCut();
        }
    }

    private void TellCut()
    {
        if (Interlocked.Exchange(ref cut, 0) is > 0 and var count)
            services.ConnectionsCut?.Invoke(ListenEndPoint, count, null);
    }

    private static string? Reply(FrameLink frames, ReadOnlySpan<byte> payload) =>
        frames.TryReply(payload) ? null : "The peer sends requests and does not read the replies.";

    private static string? Refuse(FrameLink frames, uint number, CloseReason reason, string text) =>
        Reply(frames, ControlMessage.EncodeClose(number, reason, text));

    private void EndByPeer(CloseReason reason, string text)
    {
        lock (endLock)
            end ??= new(reason, text.Length > 0 ? text : reason.Message) { ByPeer = true };
        endedByPeer = true;
        channel?.Close();
    }

    private void EndWithProtocolError(string text) => Close(CloseReason.ProtocolError, text);

    private async Task SayCloseAsync(FrameLink frames, IDataChannel to, ChannelEnd why)
    {
        // A peer that does not read cannot hold the end up.
        using var timeout = new CancellationTokenSource(services.Settings.DrainTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stop.Token);
        try
        {
            await frames.SendCloseAsync(0, why.Reason ?? CloseReason.Unknown, why.Text, linked.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException)
        {
            // The peer closed first, does not read, or the tube is being cut off.
            stop.Cancel();
        }

        to.Close();
    }

    private void StopListening()
    {
        if (listener is null || Interlocked.Exchange(ref listenerClosed, true))
            return;
        listener.Detach(this);
        if (!ownsListener)
            return;
        listener.Dispose();
        services.Gauges.ListenersChanged(-1);
    }
}
