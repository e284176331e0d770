using System.Net.Sockets;
using Registry.Actors.Channels.Guacd;
using Registry.Messages;

namespace Registry.Actors.Channels;

// A connection whose target is guacd.
internal sealed partial class TunnelConnection
{
    private GuacdSession? guacd;

    /// <summary>Serves a connection the peer asked for: opens a session with guacd, answers, then pumps.</summary>
    public void Dial(GuacdConnector connector, Action<TunnelConnection> onEnded) =>
        Completion = RunAsync(token => DialAsync(connector, token), null, onEnded, connector.DeniedAgainAsync);

    private async Task<Socket?> DialAsync(GuacdConnector connector, CancellationToken cancellationToken)
    {
        var opened = await connector.ConnectAsync(flow.Tube, why => Fail(CloseReason.ServerRefuse, why), cancellationToken);
        if (opened.Socket is null)
        {
            Fail(opened.Reason, opened.Text);
            return null;
        }

        (guacd, held) = (opened.Session, opened.Session);
        audit.Dialled(connector.Address.Host, opened.EndPoint!);
        return await AnswerOpenAsync(opened.Socket, cancellationToken);
    }

    // Reads a frame's worth; 0 at the end, less for nothing yet.
    private ValueTask<int> ReadSocketAsync(Socket socket, Memory<byte> into) =>
        guacd is null ? socket.ReceiveAsync(into, stop.Token) : guacd.ReadAsync(socket, into, stop.Token);

    // False when guacd must not see what the peer sent.
    private bool MayReachTarget(ReadOnlySpan<byte> bytes)
    {
        if (guacd?.TakeFromPeer(bytes) is not { } wrong)
            return true;
        Fail(CloseReason.InvalidInstruction, $"The peer sent something that is no instruction: {wrong}");
        return false;
    }
}
