using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Sdp;

namespace Registry.WebRtc;

/// <summary>The data channels of a connection.</summary>
internal sealed partial class PeerConnection : IDataChannelOwner
{
    private const int InitialReceiveWindow = 1024 * 1024;

    private readonly List<DataChannel> waitingChannels = [];
    private readonly Dictionary<ushort, DataChannel> channels = [];
    private TaskCompletionSource? sendSpace;
    private DataChannel? channelsToWake;
    private int remoteMaxMessageSize;
    private long consumedBytes;
    private int consumedMessages;

    public int RemoteMaxMessageSize => remoteMaxMessageSize;

    public IDataChannel CreateDataChannel(string label, DataChannelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(label);
        options ??= DataChannelOptions.Default;
        DataChannelOptions.Validate(label, options);
        var channel = new DataChannel(this, label, options);
        lock (gate)
        {
            if (released)
                throw new InvalidOperationException("The peer connection is closed.");
            if (association is null)
                waitingChannels.Add(channel);
            else
                OpenChannel(Now, channel);
            AddToReport(channel);
            if (association is not null)
                Advance(Now);
        }
        Schedule();
        return channel;
    }

    long IDataChannelOwner.BufferedAmount(DataChannel channel)
    {
        lock (gate)
            return association is not null && channel.Id is { } id && channels.ContainsKey(id) ? association.BufferedAmount(id) : 0;
    }

    bool IDataChannelOwner.TrySend(DataChannel channel, ReadOnlySpan<byte> message, DataChannelMessageType type)
    {
        lock (gate)
        {
            if (association is null || channel.State != DataChannelState.Open)
                throw new DataChannelClosedException($"The data channel '{channel.Label}' is closed.");
            var now = Now;
            if (!association.TrySend(now, channel.Id!.Value, message, type))
            {
                sendSpace ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                return false;
            }
            channel.CountSent(message.Length);
            Flush(now);
            ArmTimer(now);
            if (association.HasEvents)
                Schedule();
            return true;
        }
    }

    Task IDataChannelOwner.WaitForSendSpace()
    {
        lock (gate)
            return sendSpace?.Task ?? Task.CompletedTask;
    }

    void IDataChannelOwner.MessageConsumed(int bytes)
    {
        // Told to SCTP in portions: the window need not open by every message, and the lock stays free.
        if (Interlocked.Add(ref consumedBytes, bytes) + (long)Interlocked.Increment(ref consumedMessages) * Reassembly.MessageOverhead >= FirstReceiveWindow / 8)
            Schedule();
    }

    void IDataChannelOwner.Close(DataChannel channel)
    {
        lock (gate)
        {
            if (association is null)
            {
                if (waitingChannels.Remove(channel))
                    MarkClosed(channel);
            }
            else if (channel.State <= DataChannelState.Open)
            {
                ChangeState(channel, DataChannelState.Closing);
                association.CloseChannel(Now, channel.Id!.Value);
                DiscardUnread(channel);
                Advance(Now);
            }
            else
            {
                DiscardUnread(channel);
            }
        }
        Schedule();
    }

    private int FirstReceiveWindow => Math.Min(configuration.ReceiveBufferSize, InitialReceiveWindow);

    private void StartAssociation()
    {
        var options = new SctpOptions
        {
            Port = SdpDescription.DefaultSctpPort,
            MaxPacketSize = SctpPacketSize,
            MaxMessageSize = configuration.MaxMessageSize,
            SendBufferSize = configuration.SendBufferSize,
            ReceiveBufferSize = FirstReceiveWindow,
            MaxReceiveBufferSize = configuration.ReceiveBufferSize,
            CongestionControl = configuration.CongestionControl,
            Interleaving = true,
        };
        association = new DataChannelAssociation(options, isDtlsClient: dtlsRole == DtlsRole.Client);
        var now = Now;
        association.Start(now);
        // Those with an id of their own go first: the others take what is left.
        foreach (var channel in waitingChannels.OrderByDescending(channel => channel.Options.Negotiated))
            OpenWaitingChannel(now, channel);
        waitingChannels.Clear();
        while (!released && dtls!.TryReadEarlyDatagram(out var datagram))
            ReceiveRecords(now, datagram);
        Advance(now);
    }

    /// <summary>A channel that cannot have its id closes (W3C WebRTC §6.1.1.3), which its user sees; the connection goes on.</summary>
    private void OpenWaitingChannel(TimeSpan now, DataChannel channel)
    {
        try
        {
            OpenChannel(now, channel);
        }
        catch (InvalidOperationException e)
        {
            LogChannelNotOpened(configuration.Name, channel.Label, e.Message);
            MarkClosed(channel);
        }
    }

    private void OpenChannel(TimeSpan now, DataChannel channel)
    {
        channel.Id = association!.OpenChannel(now, channel.Label, channel.Options);
        channels.Add(channel.Id.Value, channel);
        // User messages may follow the OPEN at once (RFC 8832 §6), so the channel need not wait for the ACK.
        if (association.State == SctpAssociationState.Established)
            ChangeState(channel, DataChannelState.Open);
    }

    private void ApplyChannelEvents(TimeSpan now)
    {
        while (!released && association is not null && association.TryReadEvent(out var change))
        {
            switch (change.Kind)
            {
                case DataChannelEventKind.Established:
                    foreach (var channel in channels.Values)
                        ChangeState(channel, DataChannelState.Open);
                    break;
                case DataChannelEventKind.ChannelOpened:
                    AcceptChannel(change);
                    break;
                case DataChannelEventKind.Message:
                    Deliver(change);
                    break;
                case DataChannelEventKind.ChannelClosed:
                    if (channels.Remove(change.ChannelId, out var closed))
                        MarkClosed(closed, change.Reason);
                    break;
                case DataChannelEventKind.SendBufferLow:
                    ReleaseSenders();
                    break;
                case DataChannelEventKind.Closed when change.Cause is SctpCloseCause.RemoteShutdown or SctpCloseCause.RemoteAbort:
                    SendGoodbye();
                    Release(PeerConnectionState.Closed);
                    break;
                case DataChannelEventKind.Closed:
                    Fail(PeerConnectionFailureKind.SctpFailed, change.Reason!);
                    break;
            }
        }
    }

    private void AcceptChannel(DataChannelEvent opened)
    {
        var channel = new DataChannel(this, opened.Label!, opened.Options!) { Id = opened.ChannelId };
        channel.Advance(DataChannelState.Open);
        dataChannelsOpened++;
        channels.Add(opened.ChannelId, channel);
        AddToReport(channel);
        Raise(() => DataChannelReceived?.Invoke(channel));
    }

    private void Deliver(DataChannelEvent received)
    {
        if (channels.TryGetValue(received.ChannelId, out var channel))
            channel.CountReceived(received.Message!.Data.Length);
        if (channel is null or { State: >= DataChannelState.Closing })
            Discard(received.Message!);
        else if (channel.Deliver(received.Message!))
            AddToWake(channel);
    }

    /// <summary>Drops a message that nobody will take; its bytes go back to the receive window as if somebody had.</summary>
    private void Discard(DataChannelMessage message)
    {
        ((IDataChannelOwner)this).MessageConsumed(message.Data.Length);
        message.Dispose();
    }

    /// <summary>Who closes a channel wants nothing more of it. What lay unread would hold the receive window, and with it the peer's side of the close.</summary>
    private void DiscardUnread(DataChannel channel)
    {
        while (channel.TryTakeUnread(out var message))
            Discard(message);
    }

    private void ReportConsumedMessages()
    {
        // Messages first: a message that is consumed in between is then reported late rather than with too few bytes.
        var messages = Interlocked.Exchange(ref consumedMessages, 0);
        var bytes = Interlocked.Exchange(ref consumedBytes, 0);
        if (messages > 0)
            association!.MessageConsumed(bytes, messages);
    }

    private void CloseAllChannels()
    {
        var reason = Failure?.Message ?? "The peer connection is closed.";
        foreach (var channel in waitingChannels)
            MarkClosed(channel, reason);
        foreach (var channel in channels.Values)
            MarkClosed(channel, reason);
        waitingChannels.Clear();
        channels.Clear();
        ReleaseSenders();
    }

    private void MarkClosed(DataChannel channel, string? reason = null)
    {
        ChangeState(channel, DataChannelState.Closed, reason);
        if (channel.EndReceiving())
            AddToWake(channel);
    }

    private void ChangeState(DataChannel channel, DataChannelState next, string? reason = null)
    {
        if (!channel.Advance(next, reason))
            return;
        CountChange(channel, next);
        Raise(() => channel.RaiseStateChanged(next));
        // Who waits to send on a channel that closes must learn it; the others find the buffer full and wait again.
        if (next >= DataChannelState.Closing)
            ReleaseSenders();
    }

    private void CountChange(DataChannel channel, DataChannelState next)
    {
        if (next == DataChannelState.Open)
            dataChannelsOpened++;
        if (next != DataChannelState.Closed)
            return;
        RemoveFromReport(channel);
        if (channel.HasOpened)
            dataChannelsClosed++;
    }

    private void ReleaseSenders()
    {
        sendSpace?.TrySetResult();
        sendSpace = null;
    }

    private void AddToWake(DataChannel channel)
    {
        channel.NextToWake = channelsToWake;
        channelsToWake = channel;
    }

    private DataChannel? TakeChannelsToWake()
    {
        var first = channelsToWake;
        channelsToWake = null;
        return first;
    }

    private static void WakeReceivers(DataChannel? channel)
    {
        while (channel is not null)
        {
            // Read first: the woken receiver may wait again and be linked into another list.
            var next = channel.NextToWake;
            channel.NextToWake = null;
            channel.Wake();
            channel = next;
        }
    }
}
