namespace Registry.Cluster.Tests.Scenarios;

/// <summary>A cluster of three for scenarios that break nothing and close what they made. One of them adds a node.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private GatewayCluster? cluster;

    /// <summary>Its nodes.</summary>
    public GatewayCluster Cluster => cluster!;

    public async Task InitializeAsync()
    {
        cluster = await GatewayCluster.StartAsync(3, ["--dev", .. GatewayApi.PatientTubes]);
        await Cluster.KnowEachOtherAsync();
    }

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

[CollectionDefinition(nameof(SharedCluster))]
public sealed class UsersOfTheSharedCluster : ICollectionFixture<SharedCluster>;
