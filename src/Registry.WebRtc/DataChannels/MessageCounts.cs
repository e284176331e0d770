namespace Registry.WebRtc.DataChannels;

/// <summary>Messages of an application and their bytes: those taken into the send buffer and those received whole.</summary>
internal struct MessageCounts
{
    public long Sent;
    public long BytesSent;
    public long Received;
    public long BytesReceived;
}
