namespace Registry.Actors.Channels;

/// <summary>
/// Targets that were denied on one tube, so that each is told once: a peer must not fill logs and audit by asking again. More than are remembered
/// are told to nobody.
/// </summary>
internal sealed class DeniedTargets
{
    /// <summary>Most that are remembered. A peer with more is scanning.</summary>
    public const int MaxKnown = 256;

    /// <summary>After so long all are forgotten, and told again.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly Lock gate = new();
    private readonly HashSet<(string Host, int Port)> known = [];
    private DateTimeOffset since;

    /// <summary>Whether a denial of this target would be told to nobody.</summary>
    public bool IsQuiet(string host, int port, DateTimeOffset now)
    {
        lock (gate)
        {
            Expire(now);
            return known.Count >= MaxKnown || known.Contains((host, port));
        }
    }

    /// <summary>Remembers a target that is denied.</summary>
    /// <returns>Whether that is to be told.</returns>
    public bool TryAdd(string host, int port, DateTimeOffset now)
    {
        lock (gate)
        {
            Expire(now);
            if (known.Count == 0)
                since = now;
            return known.Count < MaxKnown && known.Add((host, port));
        }
    }

    private void Expire(DateTimeOffset now)
    {
        if (now - since >= Lifetime)
            known.Clear();
    }
}
