namespace Registry.Host.Serving.Settings;

/// <summary>Which known key an unknown one was probably meant to be.</summary>
internal static class NearestKey
{
    /// <summary>The known key that takes the fewest changes of single characters (Levenshtein distance), if those are few for its length.</summary>
    /// <param name="key">The unknown key.</param>
    /// <param name="known">Those there are.</param>
    /// <param name="most">So many changes are few; null for half of its last part, or three.</param>
    public static string? Of(string key, IEnumerable<string> known, int? most = null)
    {
        var (nearest, distance) = known.Select(candidate => (candidate, Distance(key, candidate))).DefaultIfEmpty((null!, int.MaxValue)).MinBy(pair => pair.Item2);
        return distance <= (most ?? Math.Max(3, LastPart(key).Length / 2)) ? nearest : SameName(key, known);
    }

    // The right name without what stands before it, or in the wrong section.
    private static string? SameName(string key, IEnumerable<string> known) =>
        known.FirstOrDefault(candidate => candidate.EndsWith($".{key}", StringComparison.Ordinal)) ?? known.FirstOrDefault(candidate => LastPart(candidate) == LastPart(key));

    private static string LastPart(string key) => key[(key.LastIndexOf('.') + 1)..];

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[b.Length];
    }
}
