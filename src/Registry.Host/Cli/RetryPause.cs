namespace Registry.Host.Cli;

/// <summary>The pauses between a forward's tries to get a tube: from half a second on, each twice as long, up to 15 s. A tube that lived for as long makes them begin anew.</summary>
/// <param name="time">The clock.</param>
internal sealed class RetryPause(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Last = TimeSpan.FromSeconds(15);

    // A client that waits is reason to try at once, and none to knock at a gateway without rest.
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    private TimeSpan next = First;
    private double spread = Spread();
    private long ready;

    /// <summary>The next one is the first again.</summary>
    public void BeginAnew() => next = First;

    /// <summary>There is a tube.</summary>
    public void Ready() => ready = time.GetTimestamp();

    /// <summary>It is there no more: one that lived for milliseconds is no reason to begin anew, or a gateway that ends each tube would be asked for ever without rest.</summary>
    /// <param name="isDrained">Whether its node goes out of service: nothing is wrong then, and the time to move is short.</param>
    public void Over(bool isDrained)
    {
        if (isDrained || time.GetElapsedTime(ready) >= Last)
            BeginAnew();
    }

    /// <summary>When the next try is, for people.</summary>
    /// <param name="isCutByClients">Whether a client that connects cuts it short.</param>
    /// <param name="isLoss">Whether a tube was lost just now: half a second after that is at once, for people.</param>
    public string Announce(bool isCutByClients, bool isLoss = false) =>
        isLoss && next == First ? "Reconnecting."
        : next < Last ? $"Trying again in {Math.Max(1, Math.Round((next * spread).TotalSeconds))} s."
        : $"Trying again about every {Last.TotalSeconds} s{(isCutByClients ? ", and when a client connects" : "")}.";

    /// <summary>Waits.</summary>
    /// <param name="clientWaits">Asked after the least pause for what ends when a client waits, which cuts this one short and does not make the next one longer; null where none can.</param>
    /// <param name="loss">Ends when a tube that stayed is lost, from when on pauses begin anew; null without one.</param>
    /// <param name="forClient">Whether nothing is to be tried before a client waits, where one can.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether they began anew.</returns>
    public async Task<bool> WaitAsync(Func<Task?> clientWaits, Task? loss, bool forClient, CancellationToken cancellationToken)
    {
        var beganAnew = await WaitAsync(clientWaits, loss, cancellationToken);
        if (forClient && clientWaits() is { } client)
            await client.WaitAsync(cancellationToken);
        return beganAnew;
    }

    private async Task<bool> WaitAsync(Func<Task?> clientWaits, Task? loss, CancellationToken cancellationToken)
    {
        var pause = next * spread;
        var least = Least * spread;
        await Task.Delay(pause < least ? pause : least, time, cancellationToken);
        if (pause > least)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var rest = Task.Delay(pause - least, time, stop.Token);
            var first = await Task.WhenAny(loss ?? rest, clientWaits() ?? rest, rest);
            if (first != rest)
            {
                await stop.CancelAsync();
                if (first != loss)
                    return false;
                BeginAnew();
                await WaitAsync(clientWaits, loss: null, cancellationToken);
                return true;
            }

            await rest;
        }

        (next, spread) = (TimeSpan.FromTicks(Math.Min(next.Ticks * 2, Last.Ticks)), Spread());
        return false;
    }

    // Many clients that lost one gateway must not all come back in the same instant.
    private static double Spread() => 0.8 + Random.Shared.NextDouble() * 0.4;
}
