using System.Threading.Channels;
using Registry.WebRtc.DataChannels;
using SIPSorcery.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>A data channel over an <see cref="RTCDataChannel"/>.</summary>
internal sealed class SipSorceryDataChannel(SipSorceryPeerConnection owner, string label, DataChannelOptions options) : IDataChannel
{
    // SIPSorcery says nothing when its buffer empties, so who waits looks again after this.
    private static readonly TimeSpan BufferCheck = TimeSpan.FromMilliseconds(10);

    // The connection bounds what waits here, by holding up SIPSorcery's receiving thread.
    private readonly Channel<DataChannelMessage> received = System.Threading.Channels.Channel.CreateUnbounded<DataChannelMessage>(new());
    private readonly ChannelLife life = new(label);
    private int receivers;
    private MessageCounts counts;

    public string Label { get; } = label;
    public string Protocol => Options.Protocol;
    public DataChannelOptions Options { get; } = options;
    public ushort? Id => Inner?.id ?? Options.Id;
    public DataChannelState State => life.State;
    public event Action<DataChannelState>? StateChanged;
    public long BufferedAmount => State == DataChannelState.Open ? owner.BufferedAmount : 0;
    public int MaxMessageSize => owner.RemoteMaxMessageSize;

    /// <summary>The package's channel; null until it has one.</summary>
    public RTCDataChannel? Inner { get; set; }

    /// <summary>Whether it was open at some time.</summary>
    public bool HasOpened => life.HasOpened;

    public Task WaitForOpenAsync(CancellationToken cancellationToken = default) => life.WaitForOpenAsync(cancellationToken);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!TrySend(message.Span, type))
            await Task.Delay(BufferCheck, cancellationToken).ConfigureAwait(false);
    }

    public bool TrySend(ReadOnlySpan<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary)
    {
        this.ThrowIfNotSendable(message.Length);
        if (!owner.TrySend(this, message, type))
            return false;
        counts.CountSent(message.Length);
        return true;
    }

    public async ValueTask<DataChannelMessage?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Increment(ref receivers) > 1)
        {
            Interlocked.Decrement(ref receivers);
            throw new InvalidOperationException("Only one receive may be outstanding on a data channel.");
        }

        try
        {
            while (await received.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (!received.Reader.TryRead(out var message))
                    continue;
                owner.OnTaken(message);
                return message;
            }

            return null;
        }
        finally
        {
            Interlocked.Decrement(ref receivers);
        }
    }

    public void Close() => owner.Close(this);

    /// <summary>Moves to a later state; returns false if the channel is there or beyond already. Under the connection's lock.</summary>
    public bool Advance(DataChannelState next, string? reason)
    {
        var advances = life.Advance(next, reason);
        if (advances && next == DataChannelState.Closed)
            received.Writer.TryComplete();
        return advances;
    }

    public void RaiseStateChanged(DataChannelState reached) => StateChanged?.Invoke(reached);

    /// <summary>Queues a message; returns false when the channel is closed.</summary>
    public bool Deliver(DataChannelMessage message)
    {
        counts.CountReceived(message.Data.Length);
        return received.Writer.TryWrite(message);
    }

    /// <summary>Drops what nobody will take.</summary>
    public void DiscardUnread()
    {
        while (received.Reader.TryRead(out var message))
        {
            owner.OnTaken(message);
            message.Dispose();
        }
    }

    public DataChannelStatistics GetStatistics() => counts.ToStatistics(this);
}
