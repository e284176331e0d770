using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Audit;
using Registry.Actors.Channels.Flow;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>
/// One TCP connection without framing: the bytes of the data channel's messages, text or binary, are the stream. A data channel has no half-close, so the
/// end of either side is the end of both, after what it sent before has been delivered. A target that does not read stops the tube's whole
/// association in the end: nothing but SCTP's window holds such a peer back.
/// </summary>
internal sealed class RawConversation(string host, int port, TargetDialer dialer, ConversationOrigin origin, ChannelServices services, UserTraffic users, TubeFlow flow) : IConversation
{
    // As much as a frame's payload; a browser takes more, but other channels should have their turn.
    private const int MaxPiece = 16 * 1024;

    private readonly CancellationTokenSource stop = new(Timeout.InfiniteTimeSpan, services.Time);
    private readonly RateShare sendingRate = flow.ShareSending();
    private readonly RateShare receivingRate = flow.ShareReceiving();
    private readonly ConnectionAudit audit = services.Audit.Connection(origin, number: null, AuditTrail.Name(host, port));
    private readonly Lock endLock = new();
    private IDataChannel? channel;
    private ChannelEnd? end;
    private volatile bool targetEnded;
    private volatile bool peerEnded;
    private volatile bool isConnected;

    public IPEndPoint? ListenEndPoint => null;

    public int Connections => isConnected ? 1 : 0;

    public string Protocol => "";

    public async Task<ChannelEnd> RunAsync(IDataChannel channel, bool openedByPeer)
    {
        lock (endLock)
        {
            this.channel = channel;
            if (end is not null)
                channel.Close();
        }

        void Watch(DataChannelState _)
        {
            // What came before is still delivered, for a limited time, also when the target is being dialled.
            if (channel.State is DataChannelState.Closing or DataChannelState.Closed)
                stop.CancelAfter(services.Settings.DrainTimeout);
        }

        services.Gauges.ConnectionsChanged(1);
        channel.StateChanged += Watch;
        try
        {
            Watch(channel.State);
            if (await DialAsync() is { Socket: { } socket, EndPoint: { } endPoint })
            {
                using var held = dialer.Hold(host, endPoint, why => Close(CloseReason.ServerRefuse, why));
                isConnected = true;
                await CarryAsync(socket, channel);
            }
        }
        finally
        {
            isConnected = false;
            channel.StateChanged -= Watch;
            channel.Close();
            services.Gauges.ConnectionsChanged(-1);
        }

        lock (endLock)
        {
            audit.End(end);
            return end ?? ChannelEnd.Unexplained;
        }
    }

    public void Close(CloseReason reason, string text, string? closedBy = null)
    {
        End(reason, text, closedBy);
        stop.Cancel();
    }

    public void Dispose()
    {
        stop.Cancel();
        channel?.Close();
    }

    private async Task<DialResult> DialAsync()
    {
        try
        {
            if (await dialer.DeniedAgainAsync(host, port, stop.Token) is { } denied)
            {
                End(denied.Reason, denied.Text);
                return denied;
            }

            if (!await audit.BeginAsync(stop.Token))
            {
                End(CloseReason.ErrorRecording, AuditTrail.Unavailable);
                return default;
            }

            var dialed = await dialer.DialAsync(host, port, stop.Token);
            if (dialed.Socket is null)
                End(dialed.Reason, dialed.Text);
            else
                audit.Dialled(host, dialed.EndPoint!);
            return dialed;
        }
        catch (OperationCanceledException)
        {
            return default; // Nobody waits for it any more.
        }
    }

    private async Task CarryAsync(Socket socket, IDataChannel channel)
    {
        services.Gauges.SocketsChanged(1);
        try
        {
            await Task.WhenAll(TargetToPeerAsync(socket, channel), PeerToTargetAsync(socket, channel));
        }
        finally
        {
            CloseSocket(socket);
        }
    }

    private async Task TargetToPeerAsync(Socket socket, IDataChannel channel)
    {
        try
        {
            while (await ForwardAsync(socket, channel))
                users.Sent();
            targetEnded = true;
            End(CloseReason.Normal, "The target ended the connection.");
        }
        catch (SocketException e)
        {
            End(CloseReason.UpstreamClosed, $"The target's connection broke: {e.Message}.");
        }
        catch (ArgumentException e)
        {
            // The peer's description says less than it said a moment before.
            End(CloseReason.ProtocolError, e.Message);
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException)
        {
            channel.Close();
        }
    }

    /// <summary>Reads one message's worth and sends it.</summary>
    /// <returns>False at the target's end of file.</returns>
    private async ValueTask<bool> ForwardAsync(Socket socket, IDataChannel channel)
    {
        // Nothing is held while there is nothing to read.
        await socket.ReceiveAsync(Memory<byte>.Empty, stop.Token);
        var most = await sendingRate.TakeAsync(socket, 0, Math.Min(MaxPiece, channel.MaxMessageSize), stop.Token);
        await flow.Sending.EnterAsync(most, stop.Token);
        var buffer = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(0, most), stop.Token);
            if (received == 0)
                return false;
            await channel.SendAsync(buffer.AsMemory(0, received), DataChannelMessageType.Binary, stop.Token);
            audit.Sent(received);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            flow.Sending.Leave(most);
        }
    }

    private async Task PeerToTargetAsync(Socket socket, IDataChannel channel)
    {
        try
        {
            while (await channel.ReceiveAsync(stop.Token) is { } message)
                using (message)
                    await DeliverAsync(message.Data, socket);
            peerEnded = true;
            if (!targetEnded)
                await stop.CancelAsync(); // Whatever the target still says has nobody to go to.
        }
        catch (SocketException e)
        {
            End(CloseReason.UpstreamClosed, $"The target's connection broke: {e.Message}.");
        }
        catch (OperationCanceledException)
        {
            channel.Close();
        }
    }

    private async ValueTask DeliverAsync(ReadOnlyMemory<byte> bytes, Socket socket)
    {
        users.Received();
        var length = bytes.Length;
        await flow.Receiving.EnterAsync(length, stop.Token);
        try
        {
            while (!bytes.IsEmpty)
            {
                var delivered = await socket.SendAsync(bytes[..await receivingRate.TakeAsync(bytes.Length, stop.Token)], stop.Token);
                audit.Received(delivered);
                bytes = bytes[delivered..];
            }
        }
        finally
        {
            flow.Receiving.Leave(length);
        }
    }

    // What was sent before still goes to the peer.
    private void End(CloseReason reason, string text, string? closedBy = null)
    {
        lock (endLock)
        {
            end ??= new(reason, text) { ClosedBy = closedBy };
            channel?.Close();
        }
    }

    private void CloseSocket(Socket socket)
    {
        lock (endLock)
            if (!targetEnded && !(peerEnded && end is null))
                socket.LingerState = new(true, 0); // The target can tell a cut from an end.
        socket.Dispose();
        services.Gauges.SocketsChanged(-1);
    }
}
