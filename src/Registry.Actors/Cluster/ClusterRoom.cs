using Akka.Hosting;
using Registry.Actors.Cluster.Membership;

namespace Registry.Actors.Cluster;

/// <summary>The actors that a node has because it is one of a cluster.</summary>
internal static class ClusterRoom
{
    public static void Configure(AkkaConfigurationBuilder builder, TubeRegistryClusterOptions options)
    {
    }
}
