using System.Globalization;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>
/// How large the scenarios are: small unless <c>CLUSTER_FULL=1</c>, and each number may be given by an environment variable of its own.
/// </summary>
internal static class Size
{
    /// <summary>Whether the numbers are those that the product is measured by.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("CLUSTER_FULL") == "1";

    /// <summary>Tubes of clients that carry transfers, and tubes whose node is killed, suspended or cut off.</summary>
    public static int Tubes { get; } = Of("CLUSTER_TUBES", 60, 300);

    /// <summary>Further creates once a node has joined.</summary>
    public static int FurtherCreates { get; } = Of("CLUSTER_FURTHER", 20, 100);

    /// <summary>Bytes that each connection carries at last.</summary>
    public static long TransferBytes { get; } = Of("CLUSTER_TRANSFER_BYTES", 1_000_000, 5_000_000);

    /// <summary>How many times a node is killed, each time in a cluster of its own.</summary>
    public static int Kills { get; } = Of("CLUSTER_RUNS", 1, 10);

    /// <summary>How long a node is suspended.</summary>
    public static TimeSpan Suspension { get; } = TimeSpan.FromSeconds(Of("CLUSTER_SUSPENSION_SECONDS", 10, 30));

    /// <summary>Conversations of the large list.</summary>
    public static int Conversations { get; } = Of("CLUSTER_CONVERSATIONS", 300, 5000);

    /// <summary>Conversations that two clients create at the same moment.</summary>
    public static int Races { get; } = Of("CLUSTER_RACES", 100, 1000);

    /// <summary>Clients that work while the nodes are restarted.</summary>
    public static int Clients { get; } = Of("CLUSTER_CLIENTS", 12, 100);

    private static int Of(string variable, int small, int full) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : IsFull ? full : small;
}
