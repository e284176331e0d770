namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Scenarios with so much traffic that another cluster beside them would hear its own nodes too late: one follows the other.</summary>
[CollectionDefinition(nameof(BusyScenarios), DisableParallelization = true)]
public sealed class BusyScenarios : ICollectionFixture<BusyCluster>;

/// <summary>A cluster for scenarios that stop or kill its nodes, and close what they made.</summary>
public sealed class BusyCluster : IAsyncLifetime
{
    private GatewayCluster? cluster;

    /// <summary>The cluster with three nodes that run, know each other and have no tubes.</summary>
    public async Task<GatewayCluster> OfThreeAsync()
    {
        while (cluster!.Running.Count < 3)
            await cluster.AddAsync();
        await cluster.KnowEachOtherAsync();
        await Eventually.HoldsAsync(async () => (await cluster.Running[0].ListAsync()).Count == 0, "no tube is left");
        return cluster;
    }

    public async Task InitializeAsync() => cluster = await GatewayCluster.StartAsync(3, ["--dev", .. GatewayApi.PatientTubes]);

    public async Task DisposeAsync() => await cluster!.DisposeAsync();
}
