namespace Registry.Actors.Channels.Flow;

/// <summary>The limits that the tubes of one owner share, for as long as it has tubes.</summary>
internal sealed class OwnerRates
{
    private readonly TubeLimits limits;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Dictionary<string, Shared> owners = new(StringComparer.Ordinal);

    /// <param name="limits">What the limit is each way, if there is one. A change holds at once for owners that have tubes under one.</param>
    /// <param name="time">The clock.</param>
    public OwnerRates(TubeLimits limits, TimeProvider time)
    {
        (this.limits, this.time) = (limits, time);
        limits.Changed += Change;
    }

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
        lock (gate)
        {
            if (owner is null || limits.Current.MaxOwnerBytesPerSecond is not { } rate)
                return new(ownBytesPerSecond, time);
            if (!owners.TryGetValue(owner, out var shared))
                owners[owner] = shared = new(new(rate, time), new(rate, time));
            shared.Tubes++;
            return new(ownBytesPerSecond, time, (shared.Sending, shared.Receiving), () => Leave(owner, shared));
        }
    }

    // Tubes that were made without a limit have none to their end; those under one that is lifted have one that nothing reaches.
    private void Change(TubeLimit changed)
    {
        lock (gate)
        {
            foreach (var shared in owners.Values)
            {
                shared.Sending.Change(changed.MaxOwnerBytesPerSecond ?? int.MaxValue);
                shared.Receiving.Change(changed.MaxOwnerBytesPerSecond ?? int.MaxValue);
            }
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
