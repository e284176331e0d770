namespace Registry.Host.Cli;

/// <summary>Counts connections that ended with a tube until it is said why the tube did, and says them then. Safe for any thread.</summary>
/// <param name="say">Takes a line.</param>
/// <param name="time">The clock.</param>
internal sealed class EndedConnections(Action<string> say, TimeProvider time)
{
    /// <summary>How long the reason is waited for: a channel can end without its tube.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly Dictionary<string, int> counts = new(StringComparer.Ordinal); // by port
    private readonly Dictionary<string, long> explained = new(StringComparer.Ordinal); // by port, when

    /// <summary>Takes some.</summary>
    /// <param name="port">The name of the port that their clients connected to; empty for one of a gateway.</param>
    /// <param name="count">How many.</param>
    public void Add(string port, int count)
    {
        bool isExplained;
        lock (gate)
        {
            isExplained = explained.TryGetValue(port, out var at) && time.GetElapsedTime(at) < Patience;
            var isFirst = counts.TryAdd(port, count);
            if (!isFirst)
                counts[port] += count;
            if (!isFirst && !isExplained)
                return;
        }

        if (isExplained)
            Tell(port);
        else
            _ = TellLateAsync(port);
    }

    /// <summary>Why a port's tube ended was said: connections that ended with it are said, also those that are told here a little later.</summary>
    public void Explain(string port)
    {
        lock (gate)
            explained[port] = time.GetTimestamp();
        Tell(port);
    }

    /// <summary>A port has another tube, whose end has a reason of its own.</summary>
    public void Expect(string port)
    {
        lock (gate)
            explained.Remove(port);
    }

    /// <summary>Says those of a port that have not been said: why their tube ended was.</summary>
    public void Tell(string port)
    {
        int count;
        lock (gate)
            if (!counts.Remove(port, out count))
                return;
        say($"{(port.Length == 0 ? "" : $"{port}: ")}{(count == 1 ? "a connection" : $"{count} connections")} ended with the tube.");
    }

    private async Task TellLateAsync(string port)
    {
        await Task.Delay(Patience, time);
        Tell(port);
    }
}
