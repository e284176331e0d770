using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.DataChannels;

/// <content>What comes from the association below.</content>
internal sealed partial class DataChannelAssociation
{
    /// <summary>Most bytes of labels and protocols of channels opened by the peer, all together.</summary>
    private const int MaxRemoteNameBytes = 1024 * 1024;
    private int remoteNameBytes;

    private void OnEstablished()
    {
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.Established));
        foreach (var channel in channels.Values.Where(channel => channel.Id >= association.OutboundStreamCount).ToArray())
        {
            (channel.IsIncomingReset, channel.IsOutgoingReset) = (true, true);
            channel.Fault = $"The peer accepts only {association.OutboundStreamCount} streams.";
            channel.IsClosing = true;
            RemoveWhenReset(channel);
        }
    }

    private void OnMessage(ushort streamId, uint ppid, byte[] rented, int length)
    {
        if (ppid == DataChannelPpid.Dcep)
        {
            OnDcep(streamId, rented.AsSpan(0, length));
            Discard(rented, length);
            return;
        }
        if (!channels.TryGetValue(streamId, out var channel) || channel.Fault is not null)
        {
            Discard(rented, length);
            return;
        }
        // The peer uses the channel, so it has seen OPEN, also when its ACK comes later or never.
        Acknowledge(channel);
        switch (ppid)
        {
            case DataChannelPpid.String or DataChannelPpid.Binary when channel.PartialLength == 0:
                Deliver(streamId, ppid, rented, length);
                break;
            case DataChannelPpid.StringEmpty or DataChannelPpid.BinaryEmpty:
                association.Release(0, length);
                Deliver(streamId, ppid, rented, 0);
                break;
            case DataChannelPpid.String or DataChannelPpid.Binary or DataChannelPpid.StringPartial or DataChannelPpid.BinaryPartial:
                OnPart(channel, ppid, rented, length);
                break;
            default:
                Discard(rented, length);
                CloseForFault(channel, $"The peer sent a message with the unknown payload protocol identifier {ppid}.");
                break;
        }
    }

    /// <summary>Collects the parts of a message; the last one has the identifier of a whole message.</summary>
    private void OnPart(Channel channel, uint ppid, byte[] rented, int length)
    {
        if (channel.PartialLength + length > options.MaxMessageSize)
        {
            Discard(rented, length);
            Discard(channel);
            OnMessageTooLarge(channel.Id);
            return;
        }
        var isFirst = channel.PartialLength == 0;
        channel.AppendPartial(rented.AsSpan(0, length));
        BufferPool.Return(rented);
        // The window keeps the charge for the bytes, and the one message's overhead that the first part brought.
        if (!isFirst)
            association.Release(1, 0);
        if (ppid is DataChannelPpid.StringPartial or DataChannelPpid.BinaryPartial)
            return;
        var total = channel.PartialLength;
        Deliver(channel.Id, ppid, channel.TakePartial()!, total);
    }

    private void Deliver(ushort streamId, uint ppid, byte[] rented, int length)
    {
        var type = ppid is DataChannelPpid.String or DataChannelPpid.StringEmpty ? DataChannelMessageType.Text : DataChannelMessageType.Binary;
        messages.Received++;
        messages.BytesReceived += length;
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.Message, streamId) { Message = new DataChannelMessage(rented, length, type) });
    }

    private void Discard(byte[] rented, int length)
    {
        BufferPool.Return(rented);
        association.Release(1, length);
    }

    private void Discard(Channel channel)
    {
        if (channel.PartialLength == 0)
            return;
        var length = channel.PartialLength;
        BufferPool.Return(channel.TakePartial()!);
        association.Release(1, length);
    }

    private void OnMessageTooLarge(ushort streamId)
    {
        if (channels.TryGetValue(streamId, out var channel))
            CloseForFault(channel, $"The peer sent a message of more than {options.MaxMessageSize} bytes.");
    }

    private void OnDcep(ushort streamId, ReadOnlySpan<byte> message)
    {
        if (message[0] == DcepMessage.AckType)
        {
            if (channels.TryGetValue(streamId, out var opened))
                Acknowledge(opened);
            return;
        }
        if (!DcepMessage.TryParseOpen(message, streamId, out var label, out var channelOptions))
            Refuse(streamId, "The peer sent a malformed DATA_CHANNEL_OPEN.");
        else
            OnOpen(streamId, label, channelOptions, message.Length);
    }

    private void Acknowledge(Channel channel)
    {
        if (channel.IsAcknowledged)
            return;
        channel.IsAcknowledged = true;
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.ChannelAcknowledged, channel.Id));
    }

    private void OnOpen(ushort streamId, string label, DataChannelOptions channelOptions, int nameBytes)
    {
        if (channels.TryGetValue(streamId, out var existing) && existing.IsIncomingReset && association.TryConfirmResetEarly(streamId))
            OnOutgoingStreamReset(streamId);
        if (channels.ContainsKey(streamId))
        {
            Refuse(streamId, "The peer opened a channel that is open.");
            return;
        }
        // Our own ids are never the peer's (RFC 8832 §6).
        if ((streamId & 1) == parity || channels.Count >= options.MaxChannels || streamId >= association.OutboundStreamCount
            || remoteNameBytes + nameBytes > MaxRemoteNameBytes)
        {
            association.RefuseStream(streamId);
            return;
        }
        channels.Add(streamId, new Channel(streamId, channelOptions) { IsAcknowledged = true, NameBytes = nameBytes });
        remoteNameBytes += nameBytes;
        association.TrySend(time, streamId, DataChannelPpid.Dcep, DcepMessage.Ack, default, control: true);
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.ChannelOpened, streamId) { Label = label, Options = channelOptions });
    }

    private void Refuse(ushort streamId, string fault)
    {
        if (channels.TryGetValue(streamId, out var channel))
            CloseForFault(channel, fault);
        else
            association.RefuseStream(streamId);
    }

    private void OnIncomingStreamsReset(ReadOnlySpan<ushort> streamIds)
    {
        foreach (var id in streamIds.IsEmpty ? channels.Keys.ToArray() : streamIds)
        {
            if (!channels.TryGetValue(id, out var channel))
                continue;
            channel.IsIncomingReset = true;
            Discard(channel);
            Close(channel);
            RemoveWhenReset(channel);
        }
    }

    private void OnResetRequested(ReadOnlySpan<ushort> streamIds)
    {
        foreach (var id in streamIds.IsEmpty ? channels.Keys.ToArray() : streamIds)
        {
            if (channels.TryGetValue(id, out var channel))
                Close(channel);
        }
    }

    private void OnOutgoingStreamReset(ushort streamId)
    {
        if (!channels.TryGetValue(streamId, out var channel) || !channel.IsClosing)
            return;
        channel.IsOutgoingReset = true;
        RemoveWhenReset(channel);
    }

    private void OnClosed(SctpCloseCause cause, string reason)
    {
        isClosed = true;
        foreach (var channel in channels.Values)
            channel.ReturnPartial();
        channels.Clear();
        events.Enqueue(new DataChannelEvent(DataChannelEventKind.Closed) { Cause = cause, Reason = reason });
    }

    /// <summary>Keeps the association's callbacks out of this class's own surface.</summary>
    private sealed class Sink(DataChannelAssociation owner) : ISctpAssociationSink
    {
        public void OnEstablished() => owner.OnEstablished();

        public void OnMessage(ushort streamId, uint ppid, byte[] rented, int length) => owner.OnMessage(streamId, ppid, rented, length);

        public void OnMessageTooLarge(ushort streamId) => owner.OnMessageTooLarge(streamId);

        public void OnIncomingStreamsReset(ReadOnlySpan<ushort> streamIds) => owner.OnIncomingStreamsReset(streamIds);

        public void OnResetRequested(ReadOnlySpan<ushort> streamIds) => owner.OnResetRequested(streamIds);

        public void OnOutgoingStreamReset(ushort streamId) => owner.OnOutgoingStreamReset(streamId);

        public void OnSendBufferLow() => owner.events.Enqueue(new DataChannelEvent(DataChannelEventKind.SendBufferLow));

        public void OnClosed(SctpCloseCause cause, string reason) => owner.OnClosed(cause, reason);
    }
}
