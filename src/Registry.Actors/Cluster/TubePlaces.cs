using System.Collections.Concurrent;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster;

/// <summary>Where tubes of other nodes were found last. A place may be out of date: its node then says so.</summary>
internal sealed class TubePlaces
{
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<TubeId, NodeAddress> places = new();
    private int count;

    public bool TryGet(TubeId tube, out NodeAddress node) => places.TryGetValue(tube, out node);

    public void Learn(TubeId tube, NodeAddress node)
    {
        if (!places.TryAdd(tube, node))
            places[tube] = node;
        else if (Interlocked.Increment(ref count) > Most)
        {
            // Rarely, and everything is found again by asking.
            places.Clear();
            Interlocked.Exchange(ref count, 0);
        }
    }

    public void Forget(TubeId tube)
    {
        if (places.TryRemove(tube, out _))
            Interlocked.Decrement(ref count);
    }
}
