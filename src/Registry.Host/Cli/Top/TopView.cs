using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli.Top;

/// <summary>What <c>top</c> shows at one moment.</summary>
/// <param name="At">When.</param>
/// <param name="Nodes">The nodes.</param>
/// <param name="Rows">The tubes, in order.</param>
internal sealed record TopView(DateTimeOffset At, IReadOnlyList<NodeBody> Nodes, IReadOnlyList<TubeRow> Rows)
{
    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            At,
            Total = Rows.Count,
            ByState = ByState.ToDictionary(group => group.State, group => group.Count),
            Nodes,
            Tubes = Rows.Select(row => new { row.Tube.TubeId, row.Tube.Node, row.Tube.State, row.Tube.Owner, row.Tube.SelectedPair, row.Tube.CreatedAt, row.Bytes, BytesPerSecond = row.BytesPerSecond is { } rate ? Math.Round(rate) : (double?)null, row.Tube.Traffic?.RoundTripMs, row.Tube.Conversations }),
        },
        ApiJson.Options);

    /// <summary>Text of at most so many lines and columns.</summary>
    /// <param name="title">The first line.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Lines.</param>
    /// <param name="isTerminal">Whether it may hold control sequences.</param>
    public string ToText(string title, int width, int height, bool isTerminal)
    {
        var draining = Nodes.Count(node => node.State == "draining");
        var summary = $"{Amounts.Count(Rows.Count, "tube")}: {(Rows.Count == 0 ? "none" : string.Join(", ", ByState.Select(group => $"{group.Count} {group.State}")))}   "
            + $"{Amounts.Count(Nodes.Count, "node")}{(draining > 0 ? $", {draining} draining" : "")}   {Amounts.Bytes(Rows.Sum(row => row.BytesPerSecond) ?? 0)}/s";
        var lines = Lines(height, idLength: int.MaxValue);
        // The rest of an id says nothing; what is at the end of the line does.
        if (lines.Any(line => line.Length > width))
            lines = Lines(height, TubeName.LeastLength);
        var head = isTerminal ? Tables.Bold(Fit(lines[0], width)) : lines[0];
        return string.Join(Environment.NewLine, [Fit(PlainText.Of(title), width), Fit(PlainText.Of(summary), width), head, .. lines.Skip(1).Select(line => Fit(line, width))]);
    }

    private string[] Lines(int height, int idLength)
    {
        var table = Tables.Of("TUBE", "STATE", "RATE", "BYTES", "RTT", "AGE", "PATH", "OWNER", "NODE", "CONVERSATIONS");
        foreach (var row in Rows.Take(Math.Max(1, height - 3)))
            table.With(row.Tube.TubeId.Length <= idLength ? row.Tube.TubeId : row.Tube.TubeId[..idLength], row.Tube.State, row.BytesPerSecond is { } rate ? $"{Amounts.Bytes(rate)}/s" : null, Amounts.Bytes(row.Bytes), row.Tube.Traffic?.RoundTripMs is { } ms ? $"{ms:0.0} ms" : null,
                Amounts.Age(At - row.Tube.CreatedAt), row.Tube.SelectedPair, row.Tube.Owner, row.Tube.Node, string.Join(", ", row.Tube.Conversations.Select(Tables.Carried)));
        return Tables.Lines(table);
    }

    private IEnumerable<(string State, int Count)> ByState =>
        Rows.GroupBy(row => row.Tube.State).Select(group => (group.Key, group.Count())).OrderByDescending(group => group.Item2).ThenBy(group => group.Key, StringComparer.Ordinal);

    private static string Fit(string line, int width) => line.Length <= width ? line : $"{line[..(width - 1)]}…";
}
