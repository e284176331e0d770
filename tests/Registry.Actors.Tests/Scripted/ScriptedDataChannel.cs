using System.Buffers;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Scripted;

/// <summary>One end of an in-memory data channel with a bounded window, so that a reader that stops makes the sender wait.</summary>
internal sealed class ScriptedDataChannel(string label, DataChannelOptions options, int window) : IDataChannel
{
    private readonly object gate = new();
    private readonly Queue<(byte[] Data, DataChannelMessageType Type)> received = new();
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int receivedBytes;
    private ScriptedDataChannel? other;

    public event Action<DataChannelState>? StateChanged;

    public string Label => label;
    public string Protocol => options.Protocol;
    public DataChannelOptions Options => options;
    public ushort? Id => 0;
    public DataChannelState State { get; private set; } = DataChannelState.Connecting;
    public long BufferedAmount { get { lock (gate) return other?.receivedBytes ?? 0; } }
    public int MaxMessageSize { get; set; } = 64 * 1024;

    /// <summary>A peer that never confirms a close: the channel stays as it is.</summary>
    public bool KeepOpen { get; set; }

    /// <summary>Bytes that were sent here and not taken.</summary>
    public int Waiting { get { lock (gate) return receivedBytes; } }

    /// <summary>Two open ends that belong together.</summary>
    public static (ScriptedDataChannel Near, ScriptedDataChannel Far) Pair(int window = 256 * 1024, string label = "c", string protocol = "")
    {
        var near = new ScriptedDataChannel(label, new() { Protocol = protocol }, window);
        var far = new ScriptedDataChannel(label, new() { Protocol = protocol }, window);
        near.Open(far);
        return (near, far);
    }

    public void Open(ScriptedDataChannel peer)
    {
        other = peer;
        peer.other = this;
        Become(DataChannelState.Open);
        peer.Become(DataChannelState.Open);
    }

    public Task WaitForOpenAsync(CancellationToken cancellationToken = default) => opened.Task.WaitAsync(cancellationToken);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary, CancellationToken cancellationToken = default)
    {
        while (!TrySend(message.Span, type))
        {
            Task next;
            lock (other!.gate)
                // A close since the attempt has pulsed already and would not do so again.
                next = other.receivedBytes < window || other.State is DataChannelState.Closing or DataChannelState.Closed ? Task.CompletedTask : other.changed.Task;
            await next.WaitAsync(cancellationToken);
        }
    }

    public bool TrySend(ReadOnlySpan<byte> message, DataChannelMessageType type = DataChannelMessageType.Binary)
    {
        if (message.Length > MaxMessageSize)
            throw new ArgumentException($"The message has {message.Length} bytes; the peer takes {MaxMessageSize}.", nameof(message));
        if (State != DataChannelState.Open || other is not { } peer)
            throw new DataChannelClosedException();
        lock (peer.gate)
        {
            if (peer.receivedBytes >= window)
                return false;
            peer.received.Enqueue((message.ToArray(), type));
            peer.receivedBytes += message.Length;
            peer.Pulse();
            return true;
        }
    }

    public async ValueTask<DataChannelMessage?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (received.TryDequeue(out var message))
                {
                    receivedBytes -= message.Data.Length;
                    Pulse();
                    var rented = ArrayPool<byte>.Shared.Rent(Math.Max(1, message.Data.Length));
                    message.Data.CopyTo(rented, 0);
                    return new(rented, message.Data.Length, message.Type);
                }

                if (State is DataChannelState.Closed or DataChannelState.Closing)
                    return null;
                next = changed.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    public void Close()
    {
        if (KeepOpen)
            return;
        Become(DataChannelState.Closed);
        other?.Become(DataChannelState.Closed);
    }

    private void Become(DataChannelState state)
    {
        lock (gate)
        {
            if (State == DataChannelState.Closed || State == state)
                return;
            State = state;
            Pulse();
        }

        if (state == DataChannelState.Open)
            opened.TrySetResult();
        else
            opened.TrySetException(new DataChannelClosedException());
        _ = opened.Task.Exception; // Not everyone waits for it.
        StateChanged?.Invoke(state);
    }

    private void Pulse()
    {
        var waiting = changed;
        changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting.SetResult();
    }
}
