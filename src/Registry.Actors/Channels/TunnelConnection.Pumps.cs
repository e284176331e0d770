using System.Buffers;
using System.Net.Sockets;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

// The two pumps, and the credit that bytes on their way to the socket become.
internal sealed partial class TunnelConnection
{
    private async Task SocketToPeerAsync(Socket socket)
    {
        try
        {
            while (await ForwardAsync(socket))
                users.Sent();
            if (guacd?.End is { } end)
                Fail(end.Reason, end.Text);
            else
                await link.SendControlAsync(ControlCode.SendEof, Number, stop.Token);
        }
        catch (SocketException e)
        {
            Fail(socketLost, $"The local socket broke: {e.Message}.");
        }
        catch (DataChannelClosedException)
        {
            Dispose();
        }
        catch (OperationCanceledException)
        {
            stop.Cancel();
        }
    }

    /// <summary>Reads one frame's worth and sends it.</summary>
    /// <returns>False at the socket's end of file.</returns>
    private async ValueTask<bool> ForwardAsync(Socket socket)
    {
        // Nothing is held while there is nothing to read, nor while the peer takes nothing: an idle or slow connection costs no memory.
        if (guacd is not { HasMore: true })
            await socket.ReceiveAsync(Memory<byte>.Empty, stop.Token);
        var most = await sendingRate.TakeAsync(socket, guacd?.Kept ?? 0, await credit.WaitAsync(link.PayloadSize, stop.Token), stop.Token);
        var held = most + Frame.Overhead;
        await flow.Tube.Sending.EnterAsync(held, stop.Token);
        var buffer = ArrayPool<byte>.Shared.Rent(held);
        try
        {
            var received = await ReadSocketAsync(socket, buffer.AsMemory(Frame.HeaderLength, most));
            if (received <= 0)
                return received < 0;
            credit.Spend(received);
            await link.SendAsync(buffer.AsMemory(0, Frame.Enclose(buffer, Number, link.Timestamp, received)), stop.Token);
            audit.Sent(received);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            flow.Tube.Sending.Leave(held);
        }
    }

    private async Task PeerToSocketAsync(Socket socket)
    {
        try
        {
            while (await inbound.Reader.ReadAsync(stop.Token) is { Buffer: var waiting } && !waiting.IsEmpty)
            {
                // Piece by piece: what was consumed is new credit, and must have left the pipe before more comes for it.
                var piece = FirstOf(waiting);
                piece = piece[..await receivingRate.TakeAsync(piece.Length, stop.Token)];
                if (!MayReachTarget(piece.Span))
                    return;
                await SendAllAsync(socket, piece);
                inbound.Reader.AdvanceTo(waiting.GetPosition(piece.Length));
                audit.Received(piece.Length);
                Consumed(piece.Length);
            }

            if (peerEnd is null)
                socket.Shutdown(SocketShutdown.Send);
            else if (guacd is not null)
                await SendAllAsync(socket, guacd.Farewell);
            inboundDone = true;
            Thread.MemoryBarrier();
            if (peerEnd is not null)
                stop.Cancel();
        }
        catch (SocketException e)
        {
            Fail(socketLost, $"The local socket broke: {e.Message}.");
        }
        catch (OperationCanceledException)
        {
            stop.Cancel();
        }
    }

    // A sequence may begin with a segment that was read to its end.
    private static ReadOnlyMemory<byte> FirstOf(ReadOnlySequence<byte> bytes)
    {
        foreach (var piece in bytes)
            if (!piece.IsEmpty)
                return piece;
        return default;
    }

    private async ValueTask SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes, stop.Token)..];
    }

    private void Consumed(int bytes)
    {
        Interlocked.Add(ref inboundQueued, -bytes);
        flow.Tube.Receiving.Leave(bytes);
        if (flow.HasWindows)
            OweWindow(window.Consume(bytes, flow.Heartbeat.RoundTrip));
    }

    // Called when the connection is over and by a receive loop that may have come later still.
    private void ForgetInbound() => flow.Tube.Receiving.Leave(Interlocked.Exchange(ref inboundQueued, 0));

    // One update at a time is under way; what is owed meanwhile goes with the next.
    private void OweWindow(int bytes)
    {
        if (bytes > 0 && Interlocked.Add(ref owedWindow, bytes) == bytes)
            updatingWindow = UpdateWindowAsync();
    }

    private async Task UpdateWindowAsync()
    {
        try
        {
            int bytes;
            do
            {
                bytes = Volatile.Read(ref owedWindow);
                await link.SendWindowAsync(Number, bytes, stop.Token);
            }
            while (Interlocked.Add(ref owedWindow, -bytes) > 0);
        }
        catch (DataChannelClosedException)
        {
            Dispose();
        }
        catch (OperationCanceledException)
        {
            stop.Cancel();
        }
    }
}
