namespace Registry.Host.Cli;

/// <summary>Says what became of connections of a listener: of the first at once, of those that follow in sum. Safe for any thread.</summary>
/// <param name="say">Takes a line.</param>
/// <param name="fate">What became of them, in one verb's past participle.</param>
/// <param name="time">The clock.</param>
internal sealed class GivenUpConnections(Action<string> say, TimeProvider time, string fate = "given up")
{
    /// <summary>Between two lines.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private bool isPausing;
    private int more;

    /// <summary>Takes one.</summary>
    /// <param name="name">The listener's name.</param>
    /// <param name="why">The reason.</param>
    public void Add(string name, string why)
    {
        lock (gate)
        {
            if (isPausing)
            {
                more++;
                return;
            }

            isPausing = true;
        }

        say($"{name}: a connection was {fate}: {why}");
        _ = SumUpAsync(name, why);
    }

    private async Task SumUpAsync(string name, string why)
    {
        while (true)
        {
            await Task.Delay(Pause, time);
            int count;
            lock (gate)
            {
                (count, more) = (more, 0);
                isPausing = count > 0;
            }

            if (count == 0)
                return;
            say($"{name}: {(count == 1 ? "another connection was" : $"{count} more connections were")} {fate}: {why}");
        }
    }
}
