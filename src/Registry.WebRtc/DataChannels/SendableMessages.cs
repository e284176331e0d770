namespace Registry.WebRtc.DataChannels;

/// <summary>What the sending members of <see cref="IDataChannel"/> refuse, whatever the stack.</summary>
internal static class SendableMessages
{
    /// <exception cref="InvalidOperationException">The channel is not open yet.</exception>
    /// <exception cref="DataChannelClosedException">The channel is closing or closed.</exception>
    /// <exception cref="ArgumentException">The message is larger than the peer accepts.</exception>
    public static void ThrowIfNotSendable(this IDataChannel channel, int length)
    {
        switch (channel.State)
        {
            case DataChannelState.Connecting:
                throw new InvalidOperationException($"The data channel '{channel.Label}' is not open yet; await WaitForOpenAsync first.");
            case DataChannelState.Closing or DataChannelState.Closed:
                throw new DataChannelClosedException($"The data channel '{channel.Label}' is closed.");
        }

        if (length > channel.MaxMessageSize)
            throw new ArgumentException($"The message has {length} bytes, the peer accepts at most {channel.MaxMessageSize} (a=max-message-size).", nameof(length));
    }
}
