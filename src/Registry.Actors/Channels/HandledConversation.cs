using Registry.Actors.Audit;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>A channel as an <see cref="IConversationHandler"/> sees it: its messages, or a stream of their bytes. At most one receive and one send at a time.</summary>
public sealed class HandledConversation
{
    private readonly IDataChannel channel;
    private readonly UserTraffic users;
    private readonly ConnectionAudit audit;

    internal HandledConversation(ConversationOrigin origin, IDataChannel channel, UserTraffic users, ConnectionAudit audit)
    {
        TubeId = origin.TubeId;
        ConversationId = origin.ConversationId;
        this.channel = channel;
        this.users = users;
        this.audit = audit;
    }

    /// <summary>The tube.</summary>
    public TubeId TubeId { get; }

    /// <summary>The conversation; the channel's label.</summary>
    public ConversationId ConversationId { get; }

    /// <summary>Largest message that the peer takes, in bytes.</summary>
    public int MaxMessageSize => channel.MaxMessageSize;

    /// <summary>Takes the next message; null when the peer closed the channel and everything was taken. What is not taken holds the peer back.</summary>
    /// <returns>The message; the caller disposes it.</returns>
    public async ValueTask<DataChannelMessage?> ReceiveAsync(CancellationToken cancellationToken)
    {
        var message = await channel.ReceiveAsync(cancellationToken);
        if (message is null)
            return null;
        users.Received();
        audit.Received(message.Data.Length);
        return message;
    }

    /// <summary>Sends a message, waiting while the peer does not keep up.</summary>
    /// <param name="message">0 to <see cref="MaxMessageSize"/> bytes. Text must be UTF-8.</param>
    /// <param name="type">Whether the peer receives binary or text.</param>
    /// <param name="cancellationToken">Gives up; the message is then not sent.</param>
    /// <exception cref="ArgumentException">The message is larger than <see cref="MaxMessageSize"/>.</exception>
    /// <exception cref="DataChannelClosedException">The channel closed.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type, CancellationToken cancellationToken)
    {
        await channel.SendAsync(message, type, cancellationToken);
        users.Sent();
        audit.Sent(message.Length);
    }

    /// <summary>
    /// The channel as a stream: reads give the bytes of its messages in order and 0 at its end, writes send binary messages of at most 16 KiB and fail with an
    /// <see cref="IOException"/> when it closed. Use it instead of the messages, not beside them.
    /// </summary>
    public Stream AsStream() => new ConversationStream(this);
}
