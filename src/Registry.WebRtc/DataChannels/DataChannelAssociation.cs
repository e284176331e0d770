using System.Text;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.DataChannels;

/// <summary>
/// Data channels (RFC 8831) over one SCTP association: opening (RFC 8832), messages, closing. No socket, clock or thread:
/// packets, time and calls go in; packets, the next deadline and events come out. One thread at a time. After any call
/// that takes a time, and when <see cref="MessageConsumed"/> says so, packets are to be written until there are none.
/// </summary>
internal sealed partial class DataChannelAssociation
{
    /// <summary>Largest label or protocol in bytes of UTF-8 (RFC 8832 §5.1).</summary>
    private const int MaxNameLength = ushort.MaxValue;

    private readonly SctpOptions options;
    private readonly SctpAssociation association;
    private readonly Dictionary<ushort, Channel> channels = [];
    private readonly Queue<DataChannelEvent> events = new();
    private MessageCounts messages;
    private readonly int parity;
    private int nextId;
    private bool isClosed;
    /// <summary>The time of the call that is going on, for what the association reports from inside it.</summary>
    private TimeSpan time;

    /// <param name="options">Limits and timing.</param>
    /// <param name="isDtlsClient">Whether this side is the DTLS client, which uses even stream ids (RFC 8832 §6).</param>
    public DataChannelAssociation(SctpOptions options, bool isDtlsClient)
    {
        this.options = options;
        association = new SctpAssociation(options, new Sink(this));
        parity = nextId = isDtlsClient ? 0 : 1;
    }

    public TimeSpan NextTimeout => association.NextTimeout;

    public SctpStatistics Statistics => association.Statistics;

    /// <summary>The application's messages, without those that open channels and the byte that stands for an empty one.</summary>
    public MessageCounts Messages => messages;

    public SctpAssociationState State => association.State;

    /// <summary>Sends INIT; both sides may.</summary>
    public void Start(TimeSpan now) => association.Start(now);

    /// <summary>Takes one SCTP packet; anything malformed is dropped.</summary>
    public void HandlePacket(TimeSpan now, ReadOnlySpan<byte> packet)
    {
        time = now;
        association.HandlePacket(now, packet);
    }

    /// <inheritdoc cref="SctpAssociation.OnPathLost"/>
    public void OnPathLost() => association.OnPathLost();

    /// <inheritdoc cref="SctpAssociation.OnPathChanged"/>
    public void OnPathChanged(TimeSpan now) => association.OnPathChanged(now);

    /// <summary>Does what is due; to be called at <see cref="NextTimeout"/>.</summary>
    public void HandleTimeout(TimeSpan now)
    {
        time = now;
        association.HandleTimeout(now);
    }

    /// <summary>Writes the next packet to send; false when there is none now.</summary>
    /// <param name="now">The time.</param>
    /// <param name="destination">As many bytes as the larger of <see cref="SctpOptions.BasePacketSize"/> and <see cref="SctpOptions.MaxPacketSize"/>.</param>
    /// <param name="written">The packet's length.</param>
    public bool TryWritePacket(TimeSpan now, Span<byte> destination, out int written)
    {
        time = now;
        return association.TryWritePacket(now, destination, out written);
    }

    public bool HasEvents => events.Count > 0;

    public bool TryReadEvent(out DataChannelEvent e) => events.TryDequeue(out e);

    /// <summary>Opens a channel. Messages may be sent at once; before the association is established they wait.</summary>
    /// <returns>The channel's stream id.</returns>
    /// <exception cref="ArgumentException">The options contradict each other or a name is too long.</exception>
    /// <exception cref="InvalidOperationException">The association has ended, the id is in use, or there is none left.</exception>
    public ushort OpenChannel(TimeSpan now, string label, DataChannelOptions channelOptions)
    {
        Validate(label, channelOptions);
        if (isClosed)
            throw new InvalidOperationException("The association has ended.");
        if (channels.Count >= options.MaxChannels)
            throw new InvalidOperationException($"There are already {options.MaxChannels} channels.");
        var id = channelOptions.Negotiated ? channelOptions.Id!.Value : AllocateId();
        if (id >= association.OutboundStreamCount)
            throw new InvalidOperationException($"The peer accepts only {association.OutboundStreamCount} streams.");
        if (!channels.TryAdd(id, new Channel(id, channelOptions) { IsAcknowledged = channelOptions.Negotiated }))
            throw new InvalidOperationException($"A channel with id {id} exists.");
        if (!channelOptions.Negotiated)
            association.TrySend(now, id, DataChannelPpid.Dcep, DcepMessage.WriteOpen(label, channelOptions), default, control: true);
        return id;
    }

    /// <summary>Closes a channel after what it queued was delivered (RFC 8831 §6.7). Does nothing to one that is closing or unknown.</summary>
    public void CloseChannel(TimeSpan now, ushort id)
    {
        time = now;
        if (!isClosed && channels.TryGetValue(id, out var channel))
            Close(channel);
    }

    /// <summary>Takes a message into the send buffer; false when it is full, and then <see cref="DataChannelEventKind.SendBufferLow"/> follows.</summary>
    /// <exception cref="DataChannelClosedException">The channel is closing, closed or unknown.</exception>
    public bool TrySend(TimeSpan now, ushort id, ReadOnlySpan<byte> message, DataChannelMessageType type)
    {
        if (isClosed || !channels.TryGetValue(id, out var channel) || channel.IsClosing)
            throw new DataChannelClosedException();
        var parameters = channel.IsAcknowledged ? channel.Parameters : channel.Parameters with { Unordered = false };
        var isText = type == DataChannelMessageType.Text;
        // SCTP has no empty message; a byte stands for it (RFC 8831 §6.6).
        var taken = message.IsEmpty
            ? association.TrySend(now, id, isText ? DataChannelPpid.StringEmpty : DataChannelPpid.BinaryEmpty, [0], in parameters)
            : association.TrySend(now, id, isText ? DataChannelPpid.String : DataChannelPpid.Binary, message, in parameters);
        if (taken)
        {
            messages.Sent++;
            messages.BytesSent += message.Length;
        }

        return taken;
    }

    /// <summary>Bytes of a channel that were accepted for sending and are not yet acknowledged.</summary>
    public long BufferedAmount(ushort id) => association.BufferedBytes(id);

    /// <summary>The application took messages: gives their bytes back to the receive window.</summary>
    /// <param name="bytes">The messages' length.</param>
    /// <param name="messages">How many they are.</param>
    /// <returns>Whether a packet is to be written now, to tell the peer that the window has opened.</returns>
    public bool MessageConsumed(long bytes, int messages = 1) => association.Release(messages, bytes);

    /// <summary>Ends the association after everything sent was acknowledged.</summary>
    public void Shutdown(TimeSpan now)
    {
        time = now;
        association.Shutdown();
    }

    /// <summary>Ends the association at once; one packet that tells the peer is left to be written.</summary>
    public void Abort(TimeSpan now, string reason)
    {
        time = now;
        association.Abort(reason);
    }

    private static void Validate(string label, DataChannelOptions channelOptions)
    {
        if (channelOptions is { MaxRetransmits: not null, MaxPacketLifeTime: not null })
            throw new ArgumentException("A channel has either MaxRetransmits or MaxPacketLifeTime.", nameof(channelOptions));
        if (channelOptions.Negotiated && channelOptions.Id is null or SctpAssociation.MaxStreams)
            throw new ArgumentException("A negotiated channel needs an id from 0 to 65,534.", nameof(channelOptions));
        if (Encoding.UTF8.GetByteCount(label) > MaxNameLength)
            throw new ArgumentException("The label is longer than 65,535 bytes.", nameof(label));
        if (Encoding.UTF8.GetByteCount(channelOptions.Protocol) > MaxNameLength)
            throw new ArgumentException("The protocol is longer than 65,535 bytes.", nameof(channelOptions));
    }

    /// <summary>The next free id of this side's parity, in turn, so that one just closed is not used again at once.</summary>
    private ushort AllocateId()
    {
        var count = (association.OutboundStreamCount - parity + 1) / 2;
        for (var i = 0; i < count; i++)
        {
            if (nextId >= association.OutboundStreamCount)
                nextId = parity;
            var id = (ushort)nextId;
            nextId += 2;
            if (!channels.ContainsKey(id))
                return id;
        }
        throw new InvalidOperationException("Every stream id is in use.");
    }

    private void Close(Channel channel)
    {
        if (channel.IsClosing)
            return;
        channel.IsClosing = true;
        association.ResetStream(channel.Id);
    }

    private void CloseForFault(Channel channel, string fault)
    {
        channel.Fault ??= fault;
        Close(channel);
    }

    private void RemoveWhenReset(Channel channel)
    {
        if (!channel.IsIncomingReset || !channel.IsOutgoingReset)
            return;
        channels.Remove(channel.Id);
        remoteNameBytes -= channel.NameBytes;
        channel.ReturnPartial();
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.ChannelClosed, channel.Id) { Reason = channel.Fault });
    }
}
