namespace Registry.WebRtc;

/// <summary>A bidirectional channel of messages inside a peer connection (W3C RTCDataChannel, RFC 8831).</summary>
/// <remarks>Members may be called from any thread; at most one receive may be outstanding at a time.</remarks>
public interface IDataChannel
{
    /// <summary>The name given at creation; need not be unique.</summary>
    string Label { get; }

    /// <summary>The sub-protocol agreed at creation, or an empty string.</summary>
    string Protocol { get; }

    /// <summary>Order and reliability.</summary>
    DataChannelOptions Options { get; }

    /// <summary>The SCTP stream number, or null until it is assigned.</summary>
    ushort? Id { get; }

    /// <summary>Where the channel is in its life.</summary>
    DataChannelState State { get; }

    /// <summary>Raised after <see cref="State"/> changed, in order, on a pool thread.</summary>
    event Action<DataChannelState>? StateChanged;

    /// <summary>Bytes of user data accepted for sending and not yet acknowledged by the peer.</summary>
    long BufferedAmount { get; }

    /// <summary>The largest message the peer accepts, in bytes (<c>a=max-message-size</c>, RFC 8841 §6); <see cref="int.MaxValue"/> when it sets no limit.</summary>
    int MaxMessageSize { get; }

    /// <summary>Completes when the channel is open; fails with <see cref="DataChannelClosedException"/>, which says why, when it closes first.</summary>
    Task WaitForOpenAsync(CancellationToken cancellationToken = default);

    /// <summary>Sends one message, waiting while the connection's send buffer is full. The message is copied before this completes.</summary>
    /// <param name="message">0 to <see cref="MaxMessageSize"/> bytes. Text must be UTF-8.</param>
    /// <param name="type">Whether the peer receives binary or text.</param>
    /// <param name="cancellationToken">Gives up waiting; the message is then not sent.</param>
    /// <exception cref="ArgumentException">The message is larger than <see cref="MaxMessageSize"/>.</exception>
    /// <exception cref="DataChannelClosedException">The channel is closing or closed.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary, CancellationToken cancellationToken = default);

    /// <summary>Sends one message if the send buffer has room.</summary>
    /// <returns>False when the buffer is full; nothing was taken then.</returns>
    /// <exception cref="ArgumentException">The message is larger than <see cref="MaxMessageSize"/>.</exception>
    /// <exception cref="DataChannelClosedException">The channel is closing or closed.</exception>
    bool TrySend(ReadOnlySpan<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary);

    /// <summary>
    /// Takes the next message; null when the channel is closed and everything was taken. Messages that are not taken count
    /// against the SCTP receive window, so a slow reader slows the sender and memory stays bounded.
    /// </summary>
    /// <returns>The message; the caller disposes it.</returns>
    ValueTask<DataChannelMessage?> ReceiveAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Closes the channel in both directions after what was sent has been delivered (RFC 8831 §6.7). Messages that were
    /// not taken by then are discarded. May be repeated.
    /// </summary>
    void Close();
}
