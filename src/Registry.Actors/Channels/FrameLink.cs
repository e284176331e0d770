using System.Threading.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>Sends frames on one data channel: each frame is one message.</summary>
internal sealed class FrameLink : IDisposable
{
    // Replies that the receive loop owes. It must never wait for room to send: two ends that both did would wait for ever.
    private const int MaxReplies = 256;

    // The payload the original sends at most per message; small enough that connections take turns.
    private const int MaxPayload = 16 * 1024;

    private readonly IDataChannel channel;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stop = new();
    private readonly Channel<byte[]> replies = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(MaxReplies) { SingleReader = true });

    public FrameLink(IDataChannel channel, TimeProvider time)
    {
        this.channel = channel;
        this.time = time;
        PayloadSize = Math.Min(MaxPayload, channel.MaxMessageSize - Frame.Overhead);
        Completion = SendRepliesAsync();
    }

    /// <summary>Payload bytes that fit a data frame towards this peer.</summary>
    public int PayloadSize { get; }

    /// <summary>Cancelled by <see cref="Dispose"/>: the channel is ending, and its end says all that is left to say.</summary>
    public CancellationToken Ended => stop.Token;

    /// <summary>Ends after <see cref="Dispose"/>.</summary>
    public Task Completion { get; }

    public ulong Timestamp => (ulong)Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Sends a frame that was written in place; waits while the peer does not keep up.</summary>
    public ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken) =>
        channel.SendAsync(frame, DataChannelMessageType.Binary, cancellationToken);

    public ValueTask SendControlAsync(ControlCode code, uint connection, CancellationToken cancellationToken) =>
        SendAsync(Frame.Encode(0, Timestamp, ControlMessage.Encode(code, connection)), cancellationToken);

    public ValueTask SendCloseAsync(uint connection, CloseReason reason, string text, CancellationToken cancellationToken) =>
        SendAsync(Frame.Encode(0, Timestamp, ControlMessage.EncodeClose(connection, reason, text)), cancellationToken);

    /// <summary>Queues a control payload without waiting.</summary>
    /// <returns>False when the peer lets too many replies pile up.</returns>
    public bool TryReply(ReadOnlySpan<byte> controlPayload) => replies.Writer.TryWrite(Frame.Encode(0, Timestamp, controlPayload));

    public void Dispose()
    {
        stop.Cancel();
        replies.Writer.TryComplete();
    }

    private async Task SendRepliesAsync()
    {
        try
        {
            await foreach (var frame in replies.Reader.ReadAllAsync(stop.Token))
                await SendAsync(frame, stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or DataChannelClosedException)
        {
            // The channel is over; whoever waits for a reply learns it from the channel's end.
            replies.Writer.TryComplete();
        }
    }
}
