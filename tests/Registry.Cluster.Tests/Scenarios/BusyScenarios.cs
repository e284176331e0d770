namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Scenarios with so much traffic that another cluster beside them would hear its own nodes too late.</summary>
[CollectionDefinition(nameof(BusyScenarios), DisableParallelization = true)]
public sealed class BusyScenarios;
