using Akka.Configuration.Hocon;

namespace Registry.Host.Serving.Settings;

/// <summary>Finds a substitution that leads back to itself: whoever reads its value comes to no end.</summary>
internal static class EndlessSubstitution
{
    /// <summary>The key that it names; null where each leads to a value.</summary>
    public static string? FindIn(HoconValue value) => Find(value, new(ReferenceEqualityComparer.Instance), new(ReferenceEqualityComparer.Instance));

    private static string? Find(HoconValue value, HashSet<object> within, HashSet<object> good)
    {
        if (good.Contains(value))
            return null;
        within.Add(value);
        foreach (var element in value.Values)
        {
            var found = element switch
            {
                HoconSubstitution { ResolvedValue: { } resolved } substitution => within.Contains(resolved) ? substitution.Path : Find(resolved, within, good),
                HoconObject part => part.Items.Values.Select(item => Find(item, within, good)).FirstOrDefault(path => path is not null),
                HoconArray list => list.Select(item => Find(item, within, good)).FirstOrDefault(path => path is not null),
                _ => null,
            };
            if (found is not null)
                return found;
        }

        within.Remove(value);
        good.Add(value);
        return null;
    }
}
