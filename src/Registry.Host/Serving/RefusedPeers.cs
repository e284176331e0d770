namespace Registry.Host.Serving;

/// <summary>
/// Peers that were refused at the cluster's port within a minute, so that each is told once with each reason: whoever reaches the port must not fill the log. More
/// than are remembered are only counted. Safe for any thread.
/// </summary>
internal sealed class RefusedPeers
{
    /// <summary>Most that are remembered. With more somebody is scanning.</summary>
    public const int MaxKnown = 256;

    /// <summary>After so long all are forgotten, and told again.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly HashSet<(string Address, string Why)> known = [];
    private DateTimeOffset since;
    private int untold;

    /// <summary>Remembers a refusal.</summary>
    /// <param name="peer">Its address and port.</param>
    /// <param name="why">The reason.</param>
    /// <param name="now">When it was.</param>
    /// <param name="more">How many were told to nobody since the last that was told.</param>
    /// <returns>Whether it is to be told.</returns>
    public bool TryTell(string peer, string why, DateTimeOffset now, out int more)
    {
        var address = peer.LastIndexOf(':') is > 0 and var port ? peer[..port] : peer;
        lock (gate)
        {
            if ((now - since).Duration() >= Lifetime)
            {
                known.Clear();
                since = now;
            }

            var isTold = known.Count < MaxKnown && known.Add((address, why));
            more = isTold ? untold : 0;
            untold = isTold ? 0 : untold + 1;
            return isTold;
        }
    }
}
