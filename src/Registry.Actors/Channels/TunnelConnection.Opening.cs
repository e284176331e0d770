using System.Net.Sockets;
using Registry.Actors.Channels.Flow;
using Registry.Messages;

namespace Registry.Actors.Channels;

// How a connection comes up: this end asks and waits, or dials and answers.
internal sealed partial class TunnelConnection
{
    // A path that is whole has brought the answer by then, unless the target takes its time.
    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(2);

    private readonly Lock handing = new();
    private ListenerClient? unserved; // as long as whichever tunnel comes next can serve it as well, for nothing went either way
    private bool isLeaving;

    /// <summary>Another tunnel serves the listener: a client for whom the peer does not answer in a moment goes there, for the peer may be silent.</summary>
    public void MoveAway()
    {
        lock (handing)
            if (unserved is null)
                return;
        _ = MoveLaterAsync();
    }

    private async Task MoveLaterAsync()
    {
        await Task.Delay(AnswerGrace, services.Time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (handing)
        {
            if (unserved is null || stop.IsCancellationRequested)
                return;
            isLeaving = true;
        }

        await stop.CancelAsync();
    }

    private End? Moved => isLeaving && isKnownToPeer ? new(CloseReason.Client, "Another tube serves the client.") : null;

    private bool HasUnserved
    {
        get
        {
            lock (handing)
                return unserved is not null && localEnd is null && (isLeaving || peerEnd is null);
        }
    }

    private ListenerClient? TakeUnserved()
    {
        lock (handing)
        {
            var client = HasUnserved ? unserved : null;
            unserved = null;
            return client;
        }
    }

    private void GiveBack(ListenerClient client)
    {
        services.Gauges.SocketsChanged(-1);
        lasting!.Value.TakeBack(client);
    }

    private void ClientLeft(Exception e)
    {
        TakeUnserved();
        Cause(new(socketLost, $"The local socket broke: {e.Message}."));
    }

    private async Task<Socket?> AskPeerAsync(ListenerClient client, byte[] target, CancellationToken cancellationToken)
    {
        // What answers no open may be silent for a while, and its tunnel replaced, for as long as clients wait for one.
        var limit = lasting?.Listener.LeftOf(client) ?? services.Settings.OpenTimeout;
        lock (handing)
            unserved = lasting is null ? null : client;
        client.Socket.NoDelay = true;
        await link.SendAsync(Frame.Encode(0, link.Timestamp, ControlMessage.Encode(ControlCode.OpenConnection, Number, target)), cancellationToken);
        isKnownToPeer = true;
        OpenWindow();
        try
        {
            await answered.Task.WaitAsync(limit, services.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            Fail(CloseReason.Timeout, $"The peer did not answer the open within {limit.TotalSeconds:0.###} s.");
            lasting?.Listener.GiveUp($"no answer through a tube for {TunnelListener.MaxWait.TotalSeconds} s");
        }

        // A refusal is an answer too, and the cancellation that comes with it may come a moment later.
        if (!peerOpened)
            stop.Cancel();
        lock (handing)
            unserved = isLeaving || !peerOpened ? unserved : null;
        cancellationToken.ThrowIfCancellationRequested();
        return client.Socket;
    }

    private async Task<Socket?> DialAsync(TargetDialer dialer, string host, int port, CancellationToken cancellationToken)
    {
        var dialed = await dialer.DialAsync(host, port, cancellationToken);
        if (dialed.Socket is null)
        {
            Refuse(dialed);
            return null;
        }

        audit.Dialled(host, dialed.EndPoint!);
        held = dialer.Hold(host, dialed.EndPoint!, why => Fail(CloseReason.ServerRefuse, why));
        return await AnswerOpenAsync(dialed.Socket, cancellationToken);
    }

    private async Task<Socket> AnswerOpenAsync(Socket socket, CancellationToken cancellationToken)
    {
        services.Gauges.SocketsChanged(1);
        try
        {
            isKnownToPeer = true;
            OpenWindow();
            await link.SendControlAsync(ControlCode.ConnectionOpened, Number, cancellationToken);
            return socket;
        }
        catch
        {
            CloseSocket(socket);
            throw;
        }
    }
}

/// <summary>A listener that outlives the tunnel that serves it.</summary>
/// <param name="Listener">The listener.</param>
/// <param name="Tunnel">The tunnel.</param>
internal readonly record struct LastingListener(TunnelListener Listener, TunnelConversation Tunnel)
{
    public void TakeBack(ListenerClient client) => Listener.TakeBack(client, Tunnel);
}
