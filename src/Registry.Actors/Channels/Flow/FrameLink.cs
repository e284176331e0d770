using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels.Flow;

/// <summary>
/// Sends frames on one data channel: each frame is one message. While the channel takes no more, small frames go before large ones, and those of
/// one size in the order they came; who sends the next frame only after the last one went, as connections do, so takes turns with the others.
/// </summary>
internal sealed class FrameLink : IDisposable
{
    // Replies that the receive loop owes; each is small, whatever the peer asks. It must never wait for room to send: two ends that both did would wait for ever.
    private const int MaxReplies = 256;

    // The payload the original sends at most per message; small enough that connections take turns.
    private const int MaxPayload = 16 * 1024;

    // Up to this a frame is a keystroke, an echo or a control message. After a run of them a large one has its turn.
    private const int SmallFrame = Frame.Overhead + 1024;
    private const int SmallRun = MaxPayload;

    private readonly IDataChannel channel;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly Queue<Turn> small = new();
    private readonly Queue<Turn> large = new();
    private bool isSending;
    private int run;
    private int replies;

    public FrameLink(IDataChannel channel, TimeProvider time)
    {
        this.channel = channel;
        this.time = time;
        PayloadSize = Math.Min(MaxPayload, channel.MaxMessageSize - Frame.Overhead);
    }

    /// <summary>Payload bytes that fit a data frame towards this peer.</summary>
    public int PayloadSize { get; }

    /// <summary>Whether the channel is closed, although what came before may not have been taken.</summary>
    public bool IsChannelClosed => channel.State == DataChannelState.Closed;

    /// <summary>What the peer did so that frames can no longer be sent; null for nothing. The channel is closed then.</summary>
    public string? Fault { get; private set; }

    /// <summary>Cancelled by <see cref="Dispose"/>: the channel is ending, and its end says all that is left to say.</summary>
    public CancellationToken Ended => stop.Token;

    /// <summary>Ends when nothing waits to be sent; for good once every sender was cancelled and <see cref="Dispose"/> called.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    public ulong Timestamp => (ulong)Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Sends a frame that was written in place; waits for its turn while the peer does not keep up.</summary>
    /// <exception cref="DataChannelClosedException">The channel closed first.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        Turn turn;
        bool isFirst;
        lock (gate)
        {
            if (!isSending && TrySend(frame.Span))
                return ValueTask.CompletedTask;
            turn = new(frame, new(TaskCreationOptions.RunContinuationsAsynchronously), cancellationToken);
            isFirst = Enqueue(turn);
        }

        if (isFirst)
            Completion = SendInTurnAsync();
        return new(WaitAsync(turn, cancellationToken));
    }

    public ValueTask SendControlAsync(ControlCode code, uint connection, CancellationToken cancellationToken) =>
        SendAsync(Frame.Encode(0, Timestamp, ControlMessage.Encode(code, connection)), cancellationToken);

    public ValueTask SendWindowAsync(uint connection, int bytes, CancellationToken cancellationToken) =>
        SendAsync(Frame.Encode(0, Timestamp, ControlMessage.EncodeWindowUpdate(connection, (uint)bytes)), cancellationToken);

    public ValueTask SendCloseAsync(uint connection, CloseReason reason, string text, CancellationToken cancellationToken) =>
        SendAsync(Frame.Encode(0, Timestamp, ControlMessage.EncodeClose(connection, reason, text)), cancellationToken);

    /// <summary>Queues a control payload without waiting.</summary>
    /// <returns>False when the peer lets too many replies pile up.</returns>
    public bool TryReply(ReadOnlySpan<byte> controlPayload)
    {
        var frame = Frame.Encode(0, Timestamp, controlPayload);
        bool isFirst;
        lock (gate)
        {
            try
            {
                if (!isSending && TrySend(frame))
                    return true;
            }
            catch (DataChannelClosedException)
            {
                return true; // Whoever waits for a reply learns it from the channel's end.
            }

            if (replies >= MaxReplies)
                return false;
            replies++;
            isFirst = Enqueue(new(frame, null, stop.Token));
        }

        if (isFirst)
            Completion = SendInTurnAsync();
        return true;
    }

    public void Dispose() => stop.Cancel();

    private bool TrySend(ReadOnlySpan<byte> frame)
    {
        try
        {
            return channel.TrySend(frame);
        }
        catch (ArgumentException e)
        {
            throw EndFor(e);
        }
    }

    // Every frame fitted when the channel opened; a later description said less.
    private DataChannelClosedException EndFor(ArgumentException tooLarge)
    {
        Fault ??= tooLarge.Message;
        channel.Close();
        return new(tooLarge.Message);
    }

    // True for the first that waits: who brought it starts the sending, outside the lock.
    private bool Enqueue(Turn turn)
    {
        (turn.Frame.Length <= SmallFrame ? small : large).Enqueue(turn);
        var isFirst = !isSending;
        isSending = true;
        return isFirst;
    }

    private async Task WaitAsync(Turn turn, CancellationToken cancellationToken)
    {
        await using var withdrawal = cancellationToken.UnsafeRegister(_ => Withdraw(turn), null);
        await turn.Done!.Task;
    }

    // One that is being sent ends by its own token; the frame's memory is in use until then.
    private void Withdraw(Turn turn)
    {
        lock (gate)
        {
            if (turn.IsTaken)
                return;
            turn.IsTaken = true;
            turn.Frame = default;
        }

        turn.Done!.TrySetCanceled(turn.Cancellation);
    }

    private async Task SendInTurnAsync()
    {
        // Whoever was first has its own work to do: the receive loop must not become everybody's sender.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (TakeNext() is { } turn)
        {
            try
            {
                await channel.SendAsync(turn.Frame, DataChannelMessageType.Binary, turn.Cancellation);
                turn.Done?.TrySetResult();
            }
            catch (OperationCanceledException)
            {
                turn.Done?.TrySetCanceled(turn.Cancellation);
            }
            catch (ArgumentException e)
            {
                turn.Done?.TrySetException(EndFor(e));
            }
            catch (DataChannelClosedException e)
            {
                turn.Done?.TrySetException(e);
            }
        }
    }

    private Turn? TakeNext()
    {
        lock (gate)
        {
            while (true)
            {
                var fromSmall = small.Count > 0 && (large.Count == 0 || run < SmallRun);
                if (!(fromSmall ? small : large).TryDequeue(out var turn))
                {
                    isSending = false;
                    run = 0;
                    return null;
                }

                if (turn.Done is null)
                    replies--;
                if (turn.IsTaken)
                    continue;
                run = fromSmall ? run + turn.Frame.Length : 0;
                turn.IsTaken = true;
                return turn;
            }
        }
    }

    /// <summary>A frame that waits to be sent, and who waits for it; nobody for a reply.</summary>
    private sealed class Turn(ReadOnlyMemory<byte> frame, TaskCompletionSource? done, CancellationToken cancellation)
    {
        public ReadOnlyMemory<byte> Frame { get; set; } = frame;
        public TaskCompletionSource? Done => done;
        public CancellationToken Cancellation => cancellation;
        public bool IsTaken { get; set; }
    }
}
