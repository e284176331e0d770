using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace Registry.WebRtc.DataChannels;

/// <summary>What a data channel needs of its peer connection.</summary>
internal interface IDataChannelOwner
{
    int RemoteMaxMessageSize { get; }
    long BufferedAmount(DataChannel channel);
    bool TrySend(DataChannel channel, ReadOnlySpan<byte> message, DataChannelMessageType type);

    /// <summary>Completes when the send buffer may have room again.</summary>
    Task WaitForSendSpace();

    /// <summary>The application took a message of this many bytes, so the receive window may open.</summary>
    void MessageConsumed(int bytes);
    void Close(DataChannel channel);
}

/// <summary>The application's end of a data channel: state, waiting senders and the queue of received messages.</summary>
/// <remarks>Changes of state come from the peer connection, under its lock; messages are handed over outside of it.</remarks>
internal sealed class DataChannel : IDataChannel, IValueTaskSource<DataChannelMessage?>
{
    private readonly IDataChannelOwner owner;
    private readonly ChannelLife life;
    private readonly Lock receiveGate = new();
    private readonly Queue<DataChannelMessage> received = new();
    private ManualResetValueTaskSourceCore<DataChannelMessage?> receiver;
    private CancellationTokenRegistration cancellation;
    private DataChannelMessage? handedOver;
    private bool receiverWaits;
    private bool ended;
    private MessageCounts counts;

    public DataChannel(IDataChannelOwner owner, string label, DataChannelOptions options)
    {
        this.owner = owner;
        life = new(label);
        Label = label;
        Options = options;
        Id = options.Negotiated ? options.Id : null;
    }

    public string Label { get; }
    public string Protocol => Options.Protocol;
    public DataChannelOptions Options { get; }
    public ushort? Id { get; set; }
    public DataChannelState State => life.State;
    public event Action<DataChannelState>? StateChanged;
    public long BufferedAmount => owner.BufferedAmount(this);
    public int MaxMessageSize => owner.RemoteMaxMessageSize;

    /// <summary>Whether it was open at some time.</summary>
    public bool HasOpened => life.HasOpened;

    /// <summary>The next channel in the list of those whose receiver must be woken once the lock is free.</summary>
    public DataChannel? NextToWake { get; set; }

    public Task WaitForOpenAsync(CancellationToken cancellationToken = default) => life.WaitForOpenAsync(cancellationToken);

    public bool TrySend(ReadOnlySpan<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary)
    {
        this.ThrowIfNotSendable(message.Length);
        return owner.TrySend(this, message, type);
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return TrySend(message.Span, type) ? ValueTask.CompletedTask : SendWhenThereIsSpaceAsync(message, type, cancellationToken);
    }

    public ValueTask<DataChannelMessage?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DataChannelMessage? message;
        lock (receiveGate)
        {
            if (receiverWaits)
                throw new InvalidOperationException("Only one receive may be outstanding on a data channel.");
            if (!received.TryDequeue(out message) && !ended)
            {
                receiver.Reset();
                receiverWaits = true;
                cancellation = cancellationToken.UnsafeRegister(static (self, token) => ((DataChannel)self!).CancelReceive(token), this);
                return new(this, receiver.Version);
            }
        }
        if (message is not null)
            owner.MessageConsumed(message.Data.Length);
        return new(message);
    }

    public void Close() => owner.Close(this);

    /// <summary>Moves to a later state; returns false if the channel is there or beyond already.</summary>
    public bool Advance(DataChannelState next, string? reason = null) => life.Advance(next, reason);

    /// <summary>Counts a message taken for sending; under the peer connection's lock.</summary>
    public void CountSent(int length) => counts.CountSent(length);

    /// <summary>Counts a message received; under the peer connection's lock.</summary>
    public void CountReceived(int length) => counts.CountReceived(length);

    /// <summary>What the channel tells about itself. Any thread.</summary>
    public DataChannelStatistics GetStatistics() => counts.ToStatistics(this);

    public void RaiseStateChanged(DataChannelState reached) => StateChanged?.Invoke(reached);

    /// <summary>Queues a message.</summary>
    /// <returns>True when a receiver waits: <see cref="Wake"/> must be called once no lock is held.</returns>
    public bool Deliver(DataChannelMessage message)
    {
        lock (receiveGate)
        {
            if (!receiverWaits)
            {
                received.Enqueue(message);
                return false;
            }
            receiverWaits = false;
            handedOver = message;
            return true;
        }
    }

    /// <summary>No message comes any more; those queued can still be taken.</summary>
    /// <returns>True when a receiver waits and <see cref="Wake"/> must be called.</returns>
    public bool EndReceiving()
    {
        lock (receiveGate)
        {
            ended = true;
            var waits = receiverWaits;
            receiverWaits = false;
            return waits;
        }
    }

    /// <summary>Takes a queued message without reporting it as consumed.</summary>
    public bool TryTakeUnread([NotNullWhen(true)] out DataChannelMessage? message)
    {
        lock (receiveGate)
            return received.TryDequeue(out message);
    }

    /// <summary>Completes the waiting receive with what was handed over. The continuation runs here, on the caller's thread.</summary>
    public void Wake()
    {
        cancellation.Dispose();
        var message = handedOver;
        handedOver = null;
        if (message is not null)
            owner.MessageConsumed(message.Data.Length);
        receiver.SetResult(message);
    }

    DataChannelMessage? IValueTaskSource<DataChannelMessage?>.GetResult(short token) => receiver.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<DataChannelMessage?>.GetStatus(short token) => receiver.GetStatus(token);

    void IValueTaskSource<DataChannelMessage?>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        receiver.OnCompleted(continuation, state, token, flags);

    private void CancelReceive(CancellationToken token)
    {
        lock (receiveGate)
        {
            if (!receiverWaits)
                return;
            receiverWaits = false;
        }
        receiver.SetException(new OperationCanceledException(token));
    }

    private async ValueTask SendWhenThereIsSpaceAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type, CancellationToken cancellationToken)
    {
        do
            await owner.WaitForSendSpace().WaitAsync(cancellationToken).ConfigureAwait(false);
        while (!TrySend(message.Span, type));
    }
}
