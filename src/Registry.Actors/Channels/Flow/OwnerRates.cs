namespace Registry.Actors.Channels.Flow;

/// <summary>The limits that the tubes of one owner share, for as long as it has tubes.</summary>
/// <param name="bytesPerSecond">The limit each way; null for none.</param>
/// <param name="time">The clock.</param>
internal sealed class OwnerRates(int? bytesPerSecond, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Shared> owners = new(StringComparer.Ordinal);

    /// <summary>Owners with tubes and a limit.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return owners.Count;
        }
    }

    /// <summary>The limits of a new tube, which it disposes at its end.</summary>
    /// <param name="owner">Whose it is; null for nobody's.</param>
    /// <param name="ownBytesPerSecond">The tube's own limit; null for none.</param>
    public TubeRates Open(string? owner, int? ownBytesPerSecond)
    {
        if (owner is null || bytesPerSecond is not { } rate)
            return new(ownBytesPerSecond, time);
        lock (gate)
        {
            if (!owners.TryGetValue(owner, out var shared))
                owners[owner] = shared = new(new(rate, time), new(rate, time));
            shared.Tubes++;
            return new(ownBytesPerSecond, time, (shared.Sending, shared.Receiving), () => Leave(owner, shared));
        }
    }

    private void Leave(string owner, Shared shared)
    {
        lock (gate)
        {
            if (--shared.Tubes > 0)
                return;
            owners.Remove(owner);
        }

        shared.Sending.Dispose();
        shared.Receiving.Dispose();
    }

    private sealed class Shared(RateLimit sending, RateLimit receiving)
    {
        public RateLimit Sending => sending;
        public RateLimit Receiving => receiving;
        public int Tubes { get; set; }
    }
}
