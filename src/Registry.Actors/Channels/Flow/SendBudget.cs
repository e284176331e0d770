namespace Registry.Actors.Channels.Flow;

/// <summary>How many bytes of a connection the peer is willing to take. One pump spends it, the receive loop adds to it.</summary>
internal sealed class SendBudget
{
    private readonly Lock gate = new();
    private TaskCompletionSource? waiting;
    private long credit;
    private bool unlimited;

    /// <summary>The peer grants no credit but takes what comes, as the original does.</summary>
    public void Lift()
    {
        lock (gate)
            unlimited = true;
    }

    /// <summary>Adds what the peer granted.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Grant(uint bytes)
    {
        TaskCompletionSource? wake;
        lock (gate)
        {
            if (bytes == 0 || credit + bytes > int.MaxValue)
                return $"A WindowUpdate of {bytes} bytes on top of {credit} is out of range.";
            credit += bytes;
            (wake, waiting) = (waiting, null);
        }

        wake?.TrySetResult();
        return null;
    }

    /// <summary>Waits for credit.</summary>
    /// <param name="most">Bytes that could be sent at once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>1 to <paramref name="most"/>; nothing is spent yet.</returns>
    public ValueTask<int> WaitAsync(int most, CancellationToken cancellationToken)
    {
        TaskCompletionSource wake;
        lock (gate)
        {
            if (unlimited || credit > 0)
                return new(unlimited ? most : (int)Math.Min(most, credit));
            wake = waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return new(WaitAsync(wake, most, cancellationToken));
    }

    /// <summary>Spends credit that <see cref="WaitAsync(int, CancellationToken)"/> named.</summary>
    public void Spend(int bytes)
    {
        lock (gate)
            credit -= unlimited ? 0 : bytes;
    }

    private async Task<int> WaitAsync(TaskCompletionSource wake, int most, CancellationToken cancellationToken)
    {
        await wake.Task.WaitAsync(cancellationToken);
        return await WaitAsync(most, cancellationToken);
    }
}
