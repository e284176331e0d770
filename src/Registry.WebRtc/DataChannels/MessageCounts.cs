namespace Registry.WebRtc.DataChannels;

/// <summary>Messages of an application and their bytes: those taken into the send buffer and those received whole.</summary>
internal struct MessageCounts
{
    public long Sent;
    public long BytesSent;
    public long Received;
    public long BytesReceived;

    /// <summary>Counts a message taken for sending; by one thread at a time.</summary>
    public void CountSent(int length)
    {
        Sent++;
        BytesSent += length;
    }

    /// <summary>Counts a message received; by one thread at a time.</summary>
    public void CountReceived(int length)
    {
        Received++;
        BytesReceived += length;
    }

    /// <summary>What the channel that counts with it tells about itself. Any thread.</summary>
    public readonly DataChannelStatistics ToStatistics(IDataChannel channel) => new()
    {
        Label = channel.Label,
        Protocol = channel.Protocol,
        DataChannelIdentifier = channel.Id,
        State = channel.State,
        MessagesSent = Volatile.Read(in Sent),
        BytesSent = Volatile.Read(in BytesSent),
        MessagesReceived = Volatile.Read(in Received),
        BytesReceived = Volatile.Read(in BytesReceived),
    };
}
