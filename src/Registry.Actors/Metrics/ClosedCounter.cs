using System.Collections.Frozen;
using System.Diagnostics.Metrics;

namespace Registry.Actors.Metrics;

/// <summary>
/// A counter with one series for each value of a closed list. All of them are there from the start, so that a scraper sees the first increment as one, and their number
/// never changes.
/// </summary>
internal sealed class ClosedCounter<T> where T : notnull
{
    private readonly FrozenDictionary<T, int> indexes;
    private readonly KeyValuePair<string, object?>[] labels;
    private readonly long[] counts;

    /// <param name="meter">Whose counter it is.</param>
    /// <param name="name">The instrument's name.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="description">For people.</param>
    /// <param name="label">The label's name.</param>
    /// <param name="values">The list, with the text of each.</param>
    public ClosedCounter(Meter meter, string name, string unit, string description, string label, IEnumerable<(T Value, string Text)> values)
    {
        var all = values.ToArray();
        indexes = all.Select((v, i) => KeyValuePair.Create(v.Value, i)).ToFrozenDictionary();
        labels = [.. all.Select(v => KeyValuePair.Create(label, (object?)v.Text))];
        counts = new long[all.Length];
        meter.CreateObservableCounter(name, () => labels.Select((l, i) => new Measurement<long>(Interlocked.Read(ref counts[i]), l)), unit, description);
    }

    public void Add(T value) => Interlocked.Increment(ref counts[indexes[value]]);
}
