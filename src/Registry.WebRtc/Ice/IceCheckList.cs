using Registry.WebRtc.Net;

namespace Registry.WebRtc.Ice;

/// <summary>The pairs of a session, bounded, in no order: they are few and their priorities change with the role.</summary>
internal sealed class IceCheckList(int maxPairs)
{
    private readonly List<IcePair> pairs = [];

    public int Count => pairs.Count;

    public List<IcePair>.Enumerator GetEnumerator() => pairs.GetEnumerator();

    public IcePair? Find(TransportAddress remote)
    {
        foreach (var pair in pairs)
        {
            if (pair.Remote == remote)
                return pair;
        }
        return null;
    }

    /// <summary>Adds the pair. A full list gives up its worst failed pair for it, except <paramref name="keep"/>, or refuses.</summary>
    public bool TryAdd(IcePair pair, IcePair? keep, out IcePair? removed)
    {
        removed = null;
        if (pairs.Count >= maxPairs)
        {
            foreach (var candidate in pairs)
            {
                if (candidate.State is IcePairState.Failed && candidate != keep
                    && (removed is null || candidate.Priority < removed.Priority))
                    removed = candidate;
            }
            if (removed is null)
                return false;
            pairs.Remove(removed);
        }
        pairs.Add(pair);
        return true;
    }

    /// <summary>The next pair to check: triggered ones first, then by priority (RFC 8445 §6.1.4.2).</summary>
    public IcePair? NextWaiting()
    {
        IcePair? next = null;
        foreach (var pair in pairs)
        {
            if (pair.State == IcePairState.Waiting
                && (next is null || (pair.IsTriggered, pair.Priority).CompareTo((next.IsTriggered, next.Priority)) > 0))
                next = pair;
        }
        return next;
    }

    public IcePair? BestValid()
    {
        IcePair? best = null;
        foreach (var pair in pairs)
        {
            if (pair.IsValid && (best is null || pair.Priority > best.Priority))
                best = pair;
        }
        return best;
    }

    public int CountActive()
    {
        var count = 0;
        foreach (var pair in pairs)
        {
            if (pair.IsActive)
                count++;
        }
        return count;
    }

    public bool AnyActiveAbove(ulong priority)
    {
        foreach (var pair in pairs)
        {
            if (pair.IsActive && pair.Priority > priority)
                return true;
        }
        return false;
    }
}
