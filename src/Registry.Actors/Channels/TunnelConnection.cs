using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Audit;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Socks;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>
/// One TCP connection of a tunnel. Two pumps: the local socket to the peer, which sends what the peer gave credit for and waits while the channel is
/// full, and a bounded pipe to the local socket. What leaves the pipe is new credit for the peer; one that knows no credit waits for room in the pipe.
/// </summary>
/// <remarks>
/// Members named after what the peer did are called by the channel's receive loop only; <see cref="Dispose"/> by anyone.
/// An end of the local socket is a half-close; when both halves are closed the connection is over and nothing more is said.
/// Every other end is said once: by a CloseConnection sent or by the one received.
/// </remarks>
internal sealed partial class TunnelConnection : IDisposable
{
    private sealed record End(CloseReason Reason, string Text, string? ClosedBy = null);

    private readonly ChannelFlow flow;
    private readonly FrameLink link;
    private readonly SendBudget credit = new();
    private readonly ReceiveBudget window;
    private readonly RateShare sendingRate;
    private readonly RateShare receivingRate;
    private readonly ChannelServices services;
    private readonly UserTraffic users;
    private readonly CloseReason socketLost;
    private readonly ConnectionAudit audit;
    private readonly Pipe inbound;
    private readonly CancellationTokenSource stop;
    private readonly TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile End? peerEnd;
    private End? localEnd;
    private End? cause; // whoever ended it first, for the audit
    private volatile bool inboundDone;
    private volatile bool open;
    private volatile bool peerOpened;
    private bool inboundClosed; // touched by the receive loop only
    private int inboundQueued;
    private volatile bool waitsForRoom;
    private volatile bool isOver;
    private bool isAnswered; // a SOCKS client was told that nothing was opened
    private volatile bool isKnownToPeer;
    private int hasGranted;
    private int owedWindow;
    private volatile bool endedWithChannel;
    private LastingListener? lasting;
    private IDisposable? held; // what ends it when the rules change
    private Func<ReadOnlyMemory<byte>, string?>? datagrams; // of a UDP association: takes one, and says what is wrong with it
    private Task updatingWindow = Task.CompletedTask;

    /// <param name="number">The connection's number on the channel.</param>
    /// <param name="socketLost">What a broken local socket means: the client or the target went away.</param>
    /// <param name="flow">Where frames go, and what may wait.</param>
    /// <param name="services">Limits and clock.</param>
    /// <param name="users">Where user bytes are noted.</param>
    /// <param name="audit">Where its beginning and end are recorded.</param>
    public TunnelConnection(uint number, CloseReason socketLost, ChannelFlow flow, ChannelServices services, UserTraffic users, ConnectionAudit audit)
    {
        this.users = users;
        this.audit = audit;
        Number = number;
        this.socketLost = socketLost;
        this.flow = flow;
        link = flow.Link;
        this.services = services;
        window = new(flow.Tube, services.Time);
        (sendingRate, receivingRate) = (flow.Tube.ShareSending(), flow.Tube.ShareReceiving());
        // A peer with credit never fills the pipe beyond its window, so that the receive loop never waits for it.
        var limit = flow.Tube.Limits.MaxWindow;
        inbound = new(new PipeOptions(pauseWriterThreshold: limit + 1, resumeWriterThreshold: limit / 2, minimumSegmentSize: 16 * 1024, useSynchronizationContext: false));
        stop = new(Timeout.InfiniteTimeSpan, services.Time);
    }

    public uint Number { get; }

    /// <summary>Whether the pumps run, or did.</summary>
    public bool IsOpen => open;

    /// <summary>Whether one of both sides, or the channel, has ended it.</summary>
    public bool IsEnding => peerEnd is not null || stop.IsCancellationRequested;

    /// <summary>Whether it was up and its channel's end was its own.</summary>
    public bool WasCut => open && endedWithChannel;

    /// <summary>Ends when the socket is closed and every task of the connection is over.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Serves a client that was accepted: asks the peer to open, then pumps.</summary>
    /// <param name="client">The client's socket, which is the connection's from now on.</param>
    /// <param name="speaksSocks">Whether the client says by SOCKS5 what to open, and is answered so.</param>
    /// <param name="takesBack">Who takes the client back if the channel ends too early; null for nobody.</param>
    /// <param name="onEnded">Called when all is over.</param>
    public void Accept(ListenerClient client, bool speaksSocks, LastingListener? takesBack, Action<TunnelConnection> onEnded)
    {
        lasting = takesBack;
        unserved = takesBack is null || speaksSocks ? null : client;
        Completion = RunAsync(token => speaksSocks ? ServeSocksAsync(client, token) : AskPeerAsync(client, [], token), client.Socket, onEnded);
    }

    /// <summary>Serves a connection the peer asked for: dials, answers, then pumps.</summary>
    public void Dial(TargetDialer dialer, string host, int port, Action<TunnelConnection> onEnded) =>
        Completion = RunAsync(token => DialAsync(dialer, host, port, token), null, onEnded, token => dialer.DeniedAgainAsync(host, port, token));

    /// <summary>Serves a UDP association the peer asked for.</summary>
    public void Relay(TargetDialer dialer, Action<TunnelConnection> onEnded)
    {
        var relay = new UdpRelay(dialer, services, flow.Tube.Receiving, receivingRate, link.PayloadSize, SendDatagramAsync, audit.TryReach);
        TakeDatagrams(relay.Take);
        Completion = RunAsync(token => RelayAsync(relay, token), null, onEnded);
    }

    public void PeerOpened()
    {
        peerOpened = true;
        answered.TrySetResult();
    }

    /// <summary>Queues bytes for the local socket, waiting while too many are queued.</summary>
    /// <returns>What the peer did wrong, or null.</returns>
    public async ValueTask<string?> PeerSentAsync(ReadOnlyMemory<byte> payload)
    {
        // Bytes behind a CloseConnection were under way when the peer gave up; behind an EOF they are an error.
        if (inboundClosed)
            return peerEnd is null ? $"Data came for connection {Number} after its end of file." : null;
        users.Received();
        if (datagrams is not null)
        {
            audit.Received(payload.Length);
            return datagrams(payload);
        }

        waitsForRoom = true;
        Thread.MemoryBarrier(); // Whoever closes the channel does it and then looks here; here it is the other way round.
        if (link.IsChannelClosed)
            ChannelGone();
        // A connection that is over took its credit back, which the peer does not know before it is told.
        if (flow.HasWindows && !window.TryReceive(payload.Length))
            return isOver ? null : $"{payload.Length} bytes came for connection {Number}, which is more than it was given credit for.";
        try
        {
            await flow.Tube.Receiving.EnterAsync(payload.Length, stop.Token);
        }
        catch (OperationCanceledException)
        {
            return null; // The connection is ending and takes nothing more.
        }

        Interlocked.Add(ref inboundQueued, payload.Length);
        await inbound.Writer.WriteAsync(payload, CancellationToken.None);
        waitsForRoom = false;
        if (isOver)
            ForgetInbound();
        return null;
    }

    /// <summary>The peer takes so many bytes more.</summary>
    /// <returns>What the peer did wrong, or null.</returns>
    public string? PeerGranted(uint bytes) => credit.Grant(bytes);

    /// <summary>Gives the peer its first credit, once both ends speak of credit and the peer knows the connection.</summary>
    public void OpenWindow()
    {
        if (flow.HasWindows && isKnownToPeer && datagrams is null && Interlocked.Exchange(ref hasGranted, 1) == 0)
            OweWindow(window.Open());
    }

    public void PeerSentEof()
    {
        if (inboundClosed)
            return;
        inboundClosed = true;
        inbound.Writer.Complete();
    }

    /// <summary>The peer ended the connection; what it sent before is still delivered, for a limited time.</summary>
    /// <returns>True when this was the peer's answer to the open.</returns>
    public bool PeerClosed(CloseReason reason, string text)
    {
        peerEnd ??= new(reason, text);
        Cause(peerEnd);
        PeerSentEof();
        var isAnswer = answered.TrySetResult();
        Thread.MemoryBarrier(); // The pump sets inboundDone and then reads peerEnd; here it is the other way round.
        if (!open && !peerOpened || inboundDone)
            stop.Cancel();
        else
            stop.CancelAfter(services.Settings.DrainTimeout);
        return isAnswer;
    }

    /// <summary>The channel closed, which the receive loop does not see while it waits here for a target that takes nothing: the target has a limited time left.</summary>
    public void ChannelGone()
    {
        if (waitsForRoom)
            stop.CancelAfter(services.Settings.DrainTimeout);
    }

    /// <summary>The channel closed. What the peer sent before its end of file is still delivered when it closed in order, for a limited time.</summary>
    public void ChannelClosed(bool inOrder, ChannelEnd? why)
    {
        if (inOrder && inboundClosed && open)
        {
            stop.CancelAfter(services.Settings.DrainTimeout);
            return;
        }

        if (why is { Reason: { } reason, Text: var text, ClosedBy: var closedBy })
            Cause(new(reason, text, closedBy));
        Dispose();
    }

    /// <summary>Ends the connection at once and without a word, because its channel ends. <see cref="Completion"/> says when all is released.</summary>
    public void Dispose()
    {
        endedWithChannel |= !isOver && !IsEnding;
        stop.Cancel();
    }

    private async Task RunAsync(Func<CancellationToken, Task<Socket?>> connect, Socket? socket, Action<TunnelConnection> onEnded, Func<CancellationToken, ValueTask<DialResult?>>? deniedAgain = null)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        services.Gauges.ConnectionsChanged(1);
        if (socket is not null)
            services.Gauges.SocketsChanged(1);
        try
        {
            if (deniedAgain is not null && await deniedAgain(stop.Token) is { } denied)
            {
                Refuse(denied);
            }
            else if (!await audit.BeginAsync(stop.Token))
            {
                RefuseUnrecorded(tellPeer: socket is null);
            }
            else if (await connect(stop.Token) is { } connected)
            {
                socket = connected;
                open = true;
                if (!flow.HasWindows)
                    credit.Lift();
                await Task.WhenAll(SocketToPeerAsync(socket), PeerToSocketAsync(socket));
            }
        }
        catch (SocketException e) when (isKnownToPeer)
        {
            Fail(socketLost, $"The local socket broke: {e.Message}.");
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException or SocketException)
        {
            if (e is SocketException)
                ClientLeft(e);
            else if (!stop.IsCancellationRequested && e is OperationCanceledException)
                Cause(new(CloseReason.Timeout, "The client did not say in time what to open."));
            // The client left, or the peer or the channel ended the connection while it was being opened: there is nobody to tell.
            stop.Cancel();
        }
        finally
        {
            held?.Dispose();
            await inbound.Reader.CompleteAsync();
            isOver = true;
            ForgetInbound();
            window.Close();
            if (TakeUnserved() is { } client)
                GiveBack(client);
            else if (socket is not null)
                CloseSocket(socket);
            await SayEndAsync();
            await updatingWindow;
            services.Gauges.ConnectionsChanged(-1);
            RecordEnd();
            onEnded(this);
        }
    }

    private void Refuse(DialResult why)
    {
        Fail(why.Reason, why.Text);
        services.ConnectionRefused?.Invoke(why.Reason, why.Text);
    }

    // The first failure is the connection's reason; the other pump stops.
    private void Fail(CloseReason reason, string text)
    {
        Interlocked.CompareExchange(ref localEnd, new(reason, text), null);
        Cause(localEnd!);
        stop.Cancel();
    }

    private void Cause(End end) => Interlocked.CompareExchange(ref cause, end, null);

    // A peer that does not know the connection yet is told nothing.
    private void RefuseUnrecorded(bool tellPeer)
    {
        TakeUnserved();
        if (tellPeer)
            Fail(CloseReason.ErrorRecording, AuditTrail.Unavailable);
        else
            stop.Cancel();
    }

    private void RecordEnd()
    {
        var end = cause
            ?? (!stop.IsCancellationRequested && open ? new(CloseReason.Normal, "Both sides ended the connection.")
            : !stop.IsCancellationRequested ? new(CloseReason.Client, "The client ended before it had asked for a target.")
            : new End(CloseReason.TunnelClosed, "Its channel ended."));
        audit.End(end.Reason, end.Text, end.ClosedBy);
    }

    private void CloseSocket(Socket socket)
    {
        // A client must be able to tell a cut from an end. The original ends every connection of a target with ConnectionLost,
        // so that one has to count as an end. guacd does not ask, and should hear the last instruction.
        var inOrder = isAnswered || guacd is not null || open && (!stop.IsCancellationRequested || inboundDone && peerEnd is { Reason: CloseReason.Normal or CloseReason.ConnectionLost });
        if (!inOrder)
            socket.LingerState = new(true, 0);
        socket.Dispose();
        services.Gauges.SocketsChanged(-1);
    }

    private async Task SayEndAsync()
    {
        if ((localEnd ?? Moved) is not { } end || peerEnd is not null)
            return;
        try
        {
            await link.SendCloseAsync(Number, end.Reason, end.Text, link.Ended);
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException)
        {
            peerEnd = end; // The channel's end says it all.
        }
    }
}
