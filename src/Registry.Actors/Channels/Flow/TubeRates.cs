namespace Registry.Actors.Channels.Flow;

/// <summary>The limits on the bytes per second of one tube's connections, each way: its own and those that it shares with other tubes.</summary>
internal sealed class TubeRates : IDisposable
{
    private readonly RateLimit[] own;
    private readonly Action? leave;

    /// <param name="bytesPerSecond">The tube's own limit; null for none.</param>
    /// <param name="time">The clock.</param>
    /// <param name="shared">Those that are not the tube's alone; null for none.</param>
    /// <param name="leave">Called once the tube no longer uses them.</param>
    public TubeRates(int? bytesPerSecond, TimeProvider time, (RateLimit Sending, RateLimit Receiving)? shared = null, Action? leave = null)
    {
        own = bytesPerSecond is { } rate ? [new(rate, time), new(rate, time)] : [];
        this.leave = leave;
        Sending = [.. own.Take(1), .. shared is { } s ? [s.Sending] : Array.Empty<RateLimit>()];
        Receiving = [.. own.Skip(1), .. shared is { } r ? [r.Receiving] : Array.Empty<RateLimit>()];
    }

    /// <summary>What limits the bytes to the peer.</summary>
    public IReadOnlyList<RateLimit> Sending { get; }

    /// <summary>What limits the bytes from the peer.</summary>
    public IReadOnlyList<RateLimit> Receiving { get; }

    public void Dispose()
    {
        foreach (var limit in own)
            limit.Dispose();
        leave?.Invoke();
    }
}
