namespace Registry.Actors.Signals;

internal static class Waiting
{
    // An asker on another node asks again; nothing here waits for one that is gone.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>Waits for a task no longer than a time, 30 s at most.</summary>
    /// <returns>Whether the task ended within it.</returns>
    public static async Task<bool> WithinAsync(this Task task, TimeSpan most, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await task.WaitAsync(TimeSpan.FromTicks(Math.Clamp(most.Ticks, 0, Longest.Ticks)), time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
