using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>A TCP port forward over one data channel. This end either listens and asks the peer to open, or dials what the settings name.</summary>
internal sealed class TunnelConversation : IConversation
{
    // A CloseConnection with the longest text; a peer that takes less cannot be told anything.
    private const int LeastMessageSize = Frame.Overhead + 9 + ControlMessage.MaxText;

    private readonly TunnelSettings settings;
    private readonly ChannelServices services;
    private readonly UserTraffic users;
    private readonly TargetDialer dialer;
    private readonly TunnelListener? listener;
    private readonly bool ownsListener;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<uint, TunnelConnection> connections = new();
    private readonly Lock endLock = new();
    private ChannelEnd? end;
    private bool endedByPeer; // touched by the receive loop only
    private IDataChannel? channel;
    private FrameLink? link;
    private Task closing = Task.CompletedTask;
    private int connectionCount;
    private int disposed;
    private bool listenerClosed;
    private bool superseded;
    private uint lastNumber; // highest connection number seen: accepted here, or opened by the peer

    /// <param name="settings">What this end does.</param>
    /// <param name="listener">Where clients come from, exactly when the settings listen.</param>
    /// <param name="ownsListener">Whether the listener ends with the conversation.</param>
    /// <param name="services">Limits, policy and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    public TunnelConversation(TunnelSettings settings, TunnelListener? listener, bool ownsListener, ChannelServices services, UserTraffic users)
    {
        this.users = users;
        this.settings = settings;
        this.listener = listener;
        this.ownsListener = ownsListener;
        this.services = services;
        dialer = new(services);
        ListenEndPoint = listener?.EndPoint;
        if (ownsListener)
            services.Gauges.ListenersChanged(1);
    }

    public IPEndPoint? ListenEndPoint { get; }

    public async Task<ChannelEnd> RunAsync(IDataChannel channel)
    {
        if (channel.MaxMessageSize < LeastMessageSize)
        {
            channel.Close();
            return new(CloseReason.ProtocolError, $"The peer takes messages of at most {channel.MaxMessageSize} bytes; a tunnel needs {LeastMessageSize}.");
        }

        using var frames = new FrameLink(channel, services.Time);
        lock (endLock)
        {
            this.channel = channel;
            link = frames;
            if (end is { } early)
                closing = SayCloseAsync(frames, channel, early);
        }

        listener?.Attach(this);
        await ReceiveAsync(channel, frames);
        frames.Dispose();
        StopListening();
        foreach (var (_, connection) in connections)
            connection.ChannelClosed(inOrder: endedByPeer && end is { Reason: CloseReason.Normal });
        await Task.WhenAll(connections.Values.Select(c => c.Completion));
        await closing;
        await frames.Completion;
        lock (endLock)
            return end ?? ChannelEnd.Unexplained;
    }

    public void Close(CloseReason reason, string text)
    {
        lock (endLock)
        {
            if (end is not null)
                return;
            var close = new ChannelEnd(reason, text);
            end = close;
            if (channel is not null && link is not null)
                closing = SayCloseAsync(link, channel, close);
        }

        StopListening();
        // A receive loop that waits for a slow target must see the channel's end.
        foreach (var (_, connection) in connections)
            connection.Dispose();
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

    private async Task ReceiveAsync(IDataChannel from, FrameLink frames)
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
                    if (!await HandleFramesAsync(parser, frames))
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

    private async ValueTask<bool> HandleFramesAsync(FrameParser parser, FrameLink frames)
    {
        FrameStatus status;
        while ((status = parser.TryRead(out var frame)) == FrameStatus.Frame)
        {
            var error = frame.Connection == 0 ? HandleControl(frame.Payload, frames) : await HandleDataAsync(frame);
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

    private async ValueTask<string?> HandleDataAsync(Frame frame)
    {
        if (!connections.TryGetValue(frame.Connection, out var connection))
            return Unknown(frame.Connection, "Data");
        return await connection.PeerSentAsync(frame.Payload) ? null : $"Data came for connection {frame.Connection} after its end of file.";
    }

    private string? HandleControl(ReadOnlyMemory<byte> payload, FrameLink frames)
    {
        if (ControlMessage.Read(payload, out var message) is { } error)
            return error;
        connections.TryGetValue(message.Connection, out var connection);
        switch (message.Code)
        {
            case ControlCode.Ping:
                return Reply(frames, ControlMessage.Encode(ControlCode.Pong, message.Connection, message.Data.Span));
            case ControlCode.MetricsRequest:
                return Reply(frames, ControlMessage.EncodeMetrics(string.Create(CultureInfo.InvariantCulture, $"{{\"connections\":{connectionCount}}}")));
            case ControlCode.Pong or ControlCode.MetricsResponse or ControlCode.MetricsConfig:
                return null; // Nothing here asks or can be configured by a peer; the original logs these.
            case ControlCode.CloseConnection when message.Connection == 0:
                EndByPeer(message.Reason, message.Text);
                return null;
            case ControlCode.OpenConnection:
                return Open(message, connection, frames);
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
            case ControlCode.CloseConnection:
                if (connection.PeerClosed(message.Reason, message.Text) && listener is not null)
                    services.ConnectionRefused?.Invoke(message.Reason, message.Text);
                break;
        }

        return null;
    }

    // A connection that is gone was ended by both halves or by a CloseConnection of this end that crossed the peer's message.
    private string? Unknown(uint number, string what) =>
        number > Volatile.Read(ref lastNumber) ? $"{what} came for connection {number}, which was never opened." : null;

    private string? Open(ControlMessage message, TunnelConnection? existing, FrameLink frames)
    {
        if (message.Connection == 0)
            return "Connection 0 cannot be opened.";
        if (existing is { IsOpen: true })
            return Reply(frames, ControlMessage.Encode(ControlCode.ConnectionOpened, message.Connection));
        if (existing is not null)
            return null; // Its answer is under way.
        if (listener is not null)
            return Refuse(frames, message.Connection, CloseReason.ServerRefuse, "This end listens; it does not dial.");
        lastNumber = Math.Max(lastNumber, message.Connection);
        if (!message.Data.IsEmpty)
            return Refuse(frames, message.Connection, CloseReason.ConfigurationError, "This end dials the target of its settings; an open cannot name another.");
        if (!TryCount())
            return Refuse(frames, message.Connection, CloseReason.ServerRefuse, $"The channel has {services.Settings.MaxConnections} connections, which is the limit.");
        var connection = new TunnelConnection(message.Connection, CloseReason.UpstreamClosed, frames, services, users);
        connections[message.Connection] = connection;
        connection.Dial(dialer, settings.TargetHost!, settings.TargetPort, Forget);
        return null;
    }

    /// <summary>Takes a client of the listener, or turns it away when it is one too many.</summary>
    /// <returns>False when this tunnel is ending and the client is another's.</returns>
    public bool TryServe(Socket client)
    {
        if (end is not null || Volatile.Read(ref listenerClosed))
            return false;
        if (!TryCount())
        {
            TunnelListener.Reset(client);
            return true;
        }

        var connection = new TunnelConnection(++lastNumber, CloseReason.Client, link!, services, users);
        connections[connection.Number] = connection;
        connection.Accept(client, Forget);
        return true;
    }

    /// <summary>Another tunnel gets the listener's clients from now on: this one ends with its last connection.</summary>
    public void Supersede()
    {
        Interlocked.Exchange(ref superseded, true);
        CloseWhenSuperseded();
    }

    private void CloseWhenSuperseded()
    {
        if (Volatile.Read(ref superseded) && Volatile.Read(ref connectionCount) == 0)
            Close(CloseReason.Normal, "Another tube serves the port now.");
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
            Interlocked.Decrement(ref connectionCount);
            CloseWhenSuperseded();
        }
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
