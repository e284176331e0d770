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
    private readonly Socket? listener;
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
    private volatile bool listenerClosed;
    private uint lastNumber; // highest connection number seen: accepted here, or opened by the peer

    /// <param name="settings">What this end does.</param>
    /// <param name="listener">The bound and listening socket, exactly when the settings listen.</param>
    /// <param name="services">Limits, policy and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    public TunnelConversation(TunnelSettings settings, Socket? listener, ChannelServices services, UserTraffic users)
    {
        this.users = users;
        this.settings = settings;
        this.listener = listener;
        this.services = services;
        dialer = new(services);
        ListenEndPoint = (IPEndPoint?)listener?.LocalEndPoint;
        if (listener is not null)
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

        var accepting = listener is null ? Task.CompletedTask : AcceptAsync(listener, frames);
        await ReceiveAsync(channel, frames);
        frames.Dispose();
        StopListening();
        await accepting;
        foreach (var (_, connection) in connections)
            connection.Dispose();
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

    private async Task AcceptAsync(Socket from, FrameLink frames)
    {
        while (!stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await from.AcceptAsync(stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException || stop.IsCancellationRequested || listenerClosed)
            {
                return;
            }
            catch (SocketException)
            {
                // Out of file handles or an aborted client; without a pause this would spin.
                await Task.Delay(TimeSpan.FromMilliseconds(100), services.Time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            if (!TryCount())
            {
                client.LingerState = new(true, 0);
                client.Dispose();
                continue;
            }

            var connection = new TunnelConnection(++lastNumber, CloseReason.Client, frames, services, users);
            connections[connection.Number] = connection;
            connection.Accept(client, Forget);
            if (end is not null)
                connection.Dispose();
        }
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
            Interlocked.Decrement(ref connectionCount);
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
        if (listener is null || listenerClosed)
            return;
        listenerClosed = true;
        listener.Dispose();
        services.Gauges.ListenersChanged(-1);
    }
}
