namespace Registry.Messages.Cluster;

/// <summary>One run of a node's process in its cluster.</summary>
/// <param name="Address">Its actor system's address, such as <c>akka.tcp://registry@10.0.0.1:4053</c>.</param>
/// <param name="Run">Tells two runs at the same address apart.</param>
public readonly record struct NodeAddress(string Address, long Run)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Address}#{Run}";
}

/// <summary>What a node tells the others each second and whenever it changes.</summary>
/// <param name="Node">The node.</param>
/// <param name="Name">Its name.</param>
/// <param name="Capacity">Its load.</param>
/// <param name="Version">The version of its program.</param>
/// <param name="Since">When it started.</param>
/// <param name="SupersededTubes">Tubes it closed as <see cref="CloseReason.Superseded"/>.</param>
public sealed record NodeLoad(NodeAddress Node, string Name, RegistryCapacity Capacity, string Version, DateTimeOffset Since, long SupersededTubes) : IRegistryProtocol;
