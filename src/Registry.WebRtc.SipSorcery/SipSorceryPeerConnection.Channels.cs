using System.Text;
using SIPSorcery.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>The data channels of a connection.</summary>
internal sealed partial class SipSorceryPeerConnection
{
    // What an empty message costs all the same.
    private const int MessageOverhead = 64;

    // Those that come while a channel is being opened and may be for it: what a peer sends within a moment.
    private const int MaxEarlyMessages = 64;

    private readonly List<SipSorceryDataChannel> channels = [];
    private readonly Dictionary<ushort, DataChannelOptions> announced = [];
    private readonly List<SctpDataFrame> early = [];
    private readonly Lock opening = new();
    private readonly Lock sending = new();
    private readonly TaskCompletionSource associated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int openings;
    private long unread;
    private long channelsOpened, channelsClosed;

    /// <summary>Bytes of all channels that were not sent yet.</summary>
    internal long BufferedAmount => (long)inner.sctp.RTCSctpAssociation.SendBufferedAmount;

    public IDataChannel CreateDataChannel(string label, DataChannelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(label);
        options ??= DataChannelOptions.Default;
        DataChannelOptions.Validate(label, options);
        if (options is not { Ordered: true, MaxRetransmits: null, MaxPacketLifeTime: null })
            throw new NotSupportedException("SIPSorcery has only ordered and reliable channels.");
        var channel = new SipSorceryDataChannel(this, label, options);
        bool opens;
        lock (gate)
        {
            if (released)
                throw new InvalidOperationException("The peer connection is closed.");
            if (options.Id is { } id && channels.Exists(other => other.Id == id))
                throw new InvalidOperationException($"The stream id {id} is taken.");
            channels.Add(channel);
            // The first one makes SIPSorcery's offer one of data channels.
            opens = associated.Task.IsCompletedSuccessfully || channels.Count == 1 && !wasConnected;
        }

        if (opens)
            Open(channel);
        return channel;
    }

    internal bool TrySend(SipSorceryDataChannel channel, ReadOnlySpan<byte> message, DataChannelMessageType type)
    {
        lock (sending)
        {
            var buffered = BufferedAmount;
            if (buffered > 0 && buffered + message.Length > configuration.SendBufferSize)
                return false;
            if (type == DataChannelMessageType.Text)
                channel.Inner!.send(Encoding.UTF8.GetString(message));
            else
                channel.Inner!.send(message.ToArray());
            totals.CountSent(message.Length);
            return true;
        }
    }

    /// <summary>The application took a message, so SIPSorcery's receiving thread may go on.</summary>
    internal void OnTaken(DataChannelMessage message)
    {
        lock (gate)
        {
            unread -= message.Data.Length + MessageOverhead;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Closes this end; SIPSorcery goes on sending what it took, and cannot tell the peer.</summary>
    internal void Close(SipSorceryDataChannel channel)
    {
        lock (gate)
        {
            channels.Remove(channel);
            MarkClosed(channel);
        }

        channel.DiscardUnread();
        channel.Inner?.close();
    }

    private void FollowChannels()
    {
        inner.ondatachannel += Accept;
        inner.sctp.OnStateChanged += OnAssociationState;
        var association = inner.sctp.RTCSctpAssociation;
        // Told before the channel itself, which has nothing of it.
        association.OnNewDataChannel += (id, type, _, reliability, _, protocol) =>
        {
            lock (gate)
                announced[id] = ToOptions(type, reliability, protocol);
        };
        association.OnDataChannelData += OnFrame;
    }

    private void OnAssociationState(RTCSctpTransportState state)
    {
        SipSorceryDataChannel[] waiting = [];
        lock (gate)
        {
            if (state == RTCSctpTransportState.Connected && associated.TrySetResult())
                waiting = [.. channels.Where(channel => channel.Inner is null)];
            else if (state == RTCSctpTransportState.Closed && associated.Task.IsCompletedSuccessfully)
                Release(PeerConnectionState.Closed);
        }

        // Not here: SIPSorcery opens its own channels only after this, and must not be waited for.
        if (waiting.Length > 0)
            _ = Task.Run(() => Array.ForEach(waiting, Open));
    }

    /// <summary>
    /// Gives the channel one of SIPSorcery. After connecting that is returned only once the peer has acknowledged it, when messages may have come already; but it stands
    /// in the collection at once.
    /// </summary>
    private void Open(SipSorceryDataChannel channel)
    {
        RTCDataChannel made;
        lock (gate)
            openings++;
        lock (opening)
        {
            var before = inner.DataChannels.ToHashSet();
            var creating = inner.createDataChannel(channel.Label, new() { ordered = true, protocol = channel.Protocol, negotiated = channel.Options.Negotiated, id = channel.Options.Id });
            if (inner.DataChannels.FirstOrDefault(other => !before.Contains(other) && other.label == channel.Label) is not { } found)
            {
                GiveUp(channel, creating);
                return;
            }

            made = found;
        }

        made.onopen += () => OnOpened(channel);
        lock (gate)
        {
            channel.Inner = made;
            early.RemoveAll(frame => frame.StreamID == made.id && Deliver(channel, frame));
            EndOpening();
        }

        if (made.readyState == RTCDataChannelState.open)
            OnOpened(channel);
    }

    private void GiveUp(SipSorceryDataChannel channel, Task creating)
    {
        LogChannelNotOpened(creating.Exception, configuration.Name, channel.Label);
        lock (gate)
        {
            channels.Remove(channel);
            MarkClosed(channel);
            EndOpening();
        }
    }

    private void EndOpening()
    {
        if (--openings == 0)
            early.Clear();
    }

    private void OnOpened(SipSorceryDataChannel channel)
    {
        lock (gate)
            ChangeState(channel, DataChannelState.Open);
    }

    private void Accept(RTCDataChannel opened)
    {
        lock (gate)
        {
            if (released)
                return;
            announced.Remove(opened.id!.Value, out var options);
            var channel = new SipSorceryDataChannel(this, opened.label ?? "", options ?? new() { Protocol = opened.protocol ?? "" }) { Inner = opened };
            channels.Add(channel);
            channel.Advance(DataChannelState.Open, reason: null);
            channelsOpened++;
            events.Raise(() => DataChannelReceived?.Invoke(channel));
        }
    }

    /// <summary>
    /// A message, on SIPSorcery's receiving thread. It is held up here while the application has too much to take: its window never closes, but what it does not read
    /// it does not acknowledge.
    /// </summary>
    private void OnFrame(SctpDataFrame frame)
    {
        lock (gate)
        {
            while (!released && unread > configuration.ReceiveBufferSize)
                Monitor.Wait(gate);
            if (released)
                return;
            if (channels.Find(channel => channel.Inner?.id == frame.StreamID) is { } channel)
                Deliver(channel, frame);
            else if (openings > 0 && early.Count < MaxEarlyMessages)
                early.Add(frame);
        }
    }

    private bool Deliver(SipSorceryDataChannel channel, SctpDataFrame frame)
    {
        var ppid = (DataChannelPayloadProtocols)frame.PPID;
        var isText = ppid is DataChannelPayloadProtocols.WebRTC_String or DataChannelPayloadProtocols.WebRTC_String_Empty or DataChannelPayloadProtocols.WebRTC_String_Partial;
        // An empty message is a byte that does not count (RFC 8831 §6.6).
        var length = ppid is DataChannelPayloadProtocols.WebRTC_String_Empty or DataChannelPayloadProtocols.WebRTC_Binary_Empty ? 0 : frame.UserData.Length;
        if (length > configuration.MaxMessageSize)
        {
            Fail(new(PeerConnectionFailureKind.SctpFailed, $"The peer sent a message of {length} bytes; at most {configuration.MaxMessageSize} are taken (a=max-message-size)."));
            return true;
        }

        var message = new DataChannelMessage(frame.UserData, length, isText ? DataChannelMessageType.Text : DataChannelMessageType.Binary);
        totals.CountReceived(length);
        if (channel.Deliver(message))
            unread += length + MessageOverhead;
        return true;
    }

    private void CloseAllChannels()
    {
        channels.ForEach(MarkClosed);
        channels.Clear();
        early.Clear();
    }

    private void MarkClosed(SipSorceryDataChannel channel) => ChangeState(channel, DataChannelState.Closed);

    private void ChangeState(SipSorceryDataChannel channel, DataChannelState next)
    {
        if (!channel.Advance(next, Failure?.Message))
            return;
        if (next == DataChannelState.Open)
            channelsOpened++;
        else if (channel.HasOpened)
            channelsClosed++;
        events.Raise(() => channel.RaiseStateChanged(next));
    }

    // RFC 8832 §5.1: the highest bit is unordered, the two lowest say which limit the parameter is.
    private static DataChannelOptions ToOptions(DataChannelTypes type, uint reliability, string? protocol)
    {
        var limit = (ushort)Math.Min(reliability, ushort.MaxValue);
        return new()
        {
            Ordered = ((byte)type & 0x80) == 0,
            MaxRetransmits = ((byte)type & 0x7F) == 1 ? limit : null,
            MaxPacketLifeTime = ((byte)type & 0x7F) == 2 ? limit : null,
            Protocol = protocol ?? "",
        };
    }
}
