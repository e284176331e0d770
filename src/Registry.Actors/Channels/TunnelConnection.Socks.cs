using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Socks;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

// What a SOCKS5 client asks for, and the datagrams of an association, at both ends.
internal sealed partial class TunnelConnection
{
    private async Task<Socket?> ServeSocksAsync(ListenerClient accepted, CancellationToken cancellationToken)
    {
        var client = accepted.Socket;
        using var limit = new CancellationTokenSource(services.Settings.OpenTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        if ((accepted.Asked ?? await ReadSocksAsync(client, linked.Token)) is not { } target)
            return null;
        accepted = accepted with { Asked = target };
        try
        {
            if (target.IsAssociation)
            {
                await AssociateAsync(accepted, cancellationToken);
                return null;
            }

            audit.Asked(target.ToString());
            await AskPeerAsync(accepted, target.Encode(), cancellationToken);
            client.Send(SocksReplies.Encode(SocksReply.Succeeded));
            return client;
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException && !HasUnserved)
        {
            var reason = (peerEnd ?? localEnd)?.Reason;
            // That is how a peer without tube.v2 refuses an open that names no target.
            Answer(client, SocksReplies.Encode(target.IsAssociation && reason == CloseReason.ConfigurationError ? SocksReply.CommandNotSupported : SocksReplies.For(reason)));
            throw;
        }
    }

    private async Task AssociateAsync(ListenerClient accepted, CancellationToken cancellationToken)
    {
        var client = accepted.Socket;
        using var port = new UdpPort(((IPEndPoint)client.LocalEndPoint!).Address, ((IPEndPoint)client.RemoteEndPoint!).Address, link.PayloadSize);
        TakeDatagrams(payload =>
        {
            port.Give(payload.Span);
            return null;
        });
        await AskPeerAsync(accepted, SocksTarget.Association.Encode(), cancellationToken);
        client.Send(SocksReplies.Encode(port.EndPoint));
        isAnswered = true;
        var sending = port.RunAsync(SendDatagramAsync, cancellationToken);
        try
        {
            // The association lives as long as its TCP connection (RFC 1928 §7), which carries nothing more.
            var nothing = new byte[64];
            while (await client.ReceiveAsync(nothing.AsMemory(), cancellationToken) > 0)
                continue;
            Fail(CloseReason.Normal, "The client ended the association.");
        }
        catch (OperationCanceledException)
        {
            stop.Cancel(); // The peer ended it, and the end of the TCP connection tells the client.
        }
        finally
        {
            await stop.CancelAsync();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<Socket?> RelayAsync(UdpRelay relay, CancellationToken cancellationToken)
    {
        isKnownToPeer = true;
        await link.SendControlAsync(ControlCode.ConnectionOpened, Number, cancellationToken);
        await relay.RunAsync(cancellationToken);
        Fail(CloseReason.Timeout, $"No datagram went either way for {services.Settings.UdpIdleTimeout.TotalSeconds:0.###} s.");
        return null;
    }

    // Neither credit nor an end of file: datagrams that find no room are lost.
    private void TakeDatagrams(Func<ReadOnlyMemory<byte>, string?> take)
    {
        datagrams = take;
        inboundDone = true;
    }

    private async ValueTask SendDatagramAsync(ReadOnlyMemory<byte> datagram, CancellationToken cancellationToken)
    {
        var held = datagram.Length + Frame.Overhead;
        await sendingRate.PayAsync(datagram.Length, cancellationToken);
        await flow.Tube.Sending.EnterAsync(held, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(held);
        try
        {
            datagram.CopyTo(buffer.AsMemory(Frame.HeaderLength));
            await link.SendAsync(buffer.AsMemory(0, Frame.Enclose(buffer, Number, link.Timestamp, datagram.Length)), cancellationToken);
            users.Sent();
            audit.SentDatagram(datagram.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            flow.Tube.Sending.Leave(held);
        }
    }

    private async Task<SocksTarget?> ReadSocksAsync(Socket client, CancellationToken cancellationToken)
    {
        client.NoDelay = true;
        var handshake = new SocksHandshake();
        var buffer = new byte[byte.MaxValue + 2];
        while (!handshake.IsOver)
        {
            var needed = handshake.Needed;
            for (var got = 0; got < needed;)
            {
                var received = await client.ReceiveAsync(buffer.AsMemory(got, needed - got), cancellationToken);
                if (received == 0)
                    return null;
                got += received;
            }

            var answer = handshake.Take(buffer.AsSpan(0, needed));
            if (handshake.IsOver && handshake.Target is null)
                Answer(client, answer);
            else if (answer.Length > 0)
                client.Send(answer);
        }

        return handshake.Target;
    }

    // The last word to a client whose connection is not opened: it gets that and an end of file, no reset. A few bytes never wait for room.
    private void Answer(Socket client, ReadOnlySpan<byte> last)
    {
        try
        {
            client.Send(last);
            client.Shutdown(SocketShutdown.Send);
            isAnswered = true;
        }
        catch (SocketException)
        {
            isAnswered = false; // It has gone.
        }
    }
}
