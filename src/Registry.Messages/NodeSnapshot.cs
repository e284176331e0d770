namespace Registry.Messages;

/// <summary>Where a node stands in its cluster.</summary>
public enum NodeState
{
    /// <summary>It is on its way in.</summary>
    Joining,
    /// <summary>It takes tubes.</summary>
    Up,
    /// <summary>It takes no new tubes; those it has go on for now.</summary>
    Draining,
    /// <summary>It is on its way out.</summary>
    Leaving,
    /// <summary>It does not answer; the cluster decides shortly whether it is gone.</summary>
    Unreachable,
}

/// <summary>The state's names as text.</summary>
public static class NodeStateText
{
    extension(NodeState state)
    {
        /// <summary>The state as lower-case text, such as <c>draining</c>.</summary>
        public string Text => state switch
        {
            NodeState.Joining => "joining",
            NodeState.Up => "up",
            NodeState.Draining => "draining",
            NodeState.Leaving => "leaving",
            NodeState.Unreachable => "unreachable",
            _ => throw new ArgumentOutOfRangeException(nameof(state), state, "Not a node state."),
        };
    }
}

/// <summary>A node of the cluster.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Address">Where the other nodes reach it, as <c>host:port</c>; empty for a node that is in no cluster.</param>
/// <param name="State">Where it stands.</param>
public sealed record NodeSnapshot(string Node, string Address, NodeState State)
{
    /// <summary>Its load when it was last heard of; null when it was not within the last seconds.</summary>
    public RegistryCapacity? Capacity { get; init; }

    /// <summary>The version of its program; null as <see cref="Capacity"/> is.</summary>
    public string? Version { get; init; }

    /// <summary>When it started; null as <see cref="Capacity"/> is.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Tubes it had to close because another node's tube carries the conversation; stays 0.</summary>
    public long SupersededTubes { get; init; }
}
