using System.Diagnostics.Metrics;
using Registry.Actors.Cluster.Nodes;
using Registry.Actors.Metrics;
using Registry.Messages;

namespace Registry.Actors.Cluster;

/// <summary>The figures that a node has besides its own when it is in a cluster.</summary>
internal static class ClusterMetrics
{
    public static void AddTo(RegistryMetrics metrics, ClusterRoomContext room)
    {
        metrics.Meter.CreateObservableGauge("registry.cluster.nodes", () => CountByState(room.Nodes), "{node}", "Nodes of the cluster by state, as this one sees them.");
        metrics.Meter.CreateObservableCounter("registry.cluster.superseded", () => room.SupersededTubes, "{tube}", "Tubes of this node that were closed because another node's carry their conversations; stays 0.");
    }

    private static IEnumerable<Measurement<int>> CountByState(ClusterNodes nodes)
    {
        var states = nodes.Describe().Select(n => n.State).ToArray();
        return Enum.GetValues<NodeState>().Select(s => new Measurement<int>(states.Count(n => n == s), new KeyValuePair<string, object?>("state", s.ToString().ToLowerInvariant())));
    }
}
