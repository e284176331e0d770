namespace Registry.Host.Cli.Top;

/// <summary>What <c>top</c> sorts by.</summary>
internal sealed record TopOrder(string Name, char Key, bool LargestFirst, Comparison<TubeRow> Compare)
{
    public static readonly IReadOnlyList<TopOrder> All =
    [
        new("rate", 'r', true, (a, b) => Nullable.Compare(a.BytesPerSecond, b.BytesPerSecond)),
        new("bytes", 'b', true, (a, b) => a.Bytes.CompareTo(b.Bytes)),
        new("age", 'a', true, (a, b) => b.Tube.CreatedAt.CompareTo(a.Tube.CreatedAt)),
        new("state", 's', false, (a, b) => string.CompareOrdinal(a.Tube.State, b.Tube.State)),
        new("owner", 'o', false, (a, b) => string.CompareOrdinal(a.Tube.Owner, b.Tube.Owner)),
        new("node", 'n', false, (a, b) => string.CompareOrdinal(a.Tube.Node, b.Tube.Node)),
        new("tube", 't', false, (a, b) => string.CompareOrdinal(a.Tube.TubeId, b.Tube.TubeId)),
    ];

    /// <summary>The rows in this order; those that are equal by their ids, so that none jumps about.</summary>
    public IReadOnlyList<TubeRow> Sort(IEnumerable<TubeRow> rows, bool isReversed)
    {
        var sign = LargestFirst != isReversed ? -1 : 1;
        return [.. rows.OrderBy(row => row, Comparer<TubeRow>.Create((a, b) => Compare(a, b) * sign)).ThenBy(row => row.Tube.TubeId, StringComparer.Ordinal)];
    }
}
