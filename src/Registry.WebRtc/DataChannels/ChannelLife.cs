namespace Registry.WebRtc.DataChannels;

/// <summary>The states of a data channel, which only go forward, and who waits for its opening.</summary>
internal sealed class ChannelLife(string label)
{
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile int state = (int)DataChannelState.Connecting;

    public DataChannelState State => (DataChannelState)state;

    /// <summary>Whether it was open at some time.</summary>
    public bool HasOpened => opened.Task.IsCompletedSuccessfully;

    public Task WaitForOpenAsync(CancellationToken cancellationToken) => opened.Task.WaitAsync(cancellationToken);

    /// <summary>Moves to a later state; returns false if the channel is there or beyond already. By one thread at a time.</summary>
    /// <param name="next">The state.</param>
    /// <param name="reason">Why the channel closes, a sentence for who waits for its opening.</param>
    public bool Advance(DataChannelState next, string? reason = null)
    {
        if (next <= State)
            return false;
        state = (int)next;
        if (next == DataChannelState.Open)
            opened.TrySetResult();
        else if (opened.TrySetException(new DataChannelClosedException($"The data channel '{label}' closed before it opened{(reason is null ? "." : $": {reason}")}")))
            _ = opened.Task.Exception; // Nobody has to wait for the opening.
        return true;
    }
}
