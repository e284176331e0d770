namespace Registry.Host.Cli.Top;

/// <summary>A tube and how it changes.</summary>
/// <param name="Tube">What is known of it.</param>
/// <param name="BytesPerSecond">User bytes of both directions between the last two lists; null until there are two.</param>
internal sealed record TubeRow(TubeBody Tube, double? BytesPerSecond)
{
    /// <summary>User bytes of both directions.</summary>
    public long Bytes => Tube.Traffic is { } traffic ? traffic.BytesSent + traffic.BytesReceived : 0;
}

/// <summary>All tubes as <c>top</c> shows them: events say at once what is there and in which state, lists bring the counters. Safe for any thread.</summary>
internal sealed class TubeBoard
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, TubeRow> rows = new(StringComparer.Ordinal);
    private TimeSpan? listedAt;
    private long version;

    /// <summary>Grows with each change.</summary>
    public long Version => Interlocked.Read(ref version);

    /// <summary>The tubes of now, in any order.</summary>
    public IReadOnlyList<TubeRow> Rows
    {
        get
        {
            lock (gate)
                return [.. rows.Values];
        }
    }

    /// <summary>Takes a whole list.</summary>
    /// <param name="list">The list; tubes of nodes that did not answer stay as they were.</param>
    /// <param name="now">Time since any fixed moment.</param>
    public void Take(ListBody<TubeBody> list, TimeSpan now)
    {
        lock (gate)
        {
            var seconds = listedAt is { } last ? (now - last).TotalSeconds : 0;
            var listed = list.Items.Select(tube => tube.TubeId).ToHashSet(StringComparer.Ordinal);
            foreach (var gone in rows.Values.Where(row => !listed.Contains(row.Tube.TubeId) && !list.IncompleteNodes.Contains(row.Tube.Node)).ToArray())
                rows.Remove(gone.Tube.TubeId);
            foreach (var tube in list.Items)
            {
                var row = new TubeRow(tube, null);
                var isSecond = seconds > 0 && rows.TryGetValue(tube.TubeId, out var before) && before.Tube.Traffic is not null;
                rows[tube.TubeId] = isSecond ? row with { BytesPerSecond = Math.Max(0, (row.Bytes - rows[tube.TubeId].Bytes) / seconds) } : row;
            }

            listedAt = now;
        }

        Interlocked.Increment(ref version);
    }

    /// <summary>Takes one of <c>/v1/events</c>; what it does not know it leaves to the next list.</summary>
    public void Take(GatewayEvent change)
    {
        lock (gate)
        {
            // Counters are those of the lists: rates need the time between two.
            if (change.Tube is { } tube)
                rows[tube.TubeId] = rows.TryGetValue(tube.TubeId, out var known) ? known with { Tube = tube with { Traffic = known.Tube.Traffic } } : new(tube with { Traffic = null }, null);
            else if (change.Signal is { Kind: "tube_closed" } closed)
                rows.Remove(closed.TubeId);
            else if (change.Signal is { Kind: "connection_state_changed", State: { } state } changed && rows.TryGetValue(changed.TubeId, out var row))
                rows[changed.TubeId] = row with { Tube = row.Tube with { State = state } };
            else
                return;
        }

        Interlocked.Increment(ref version);
    }
}
