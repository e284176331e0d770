namespace Registry.Messages;

/// <summary>What a watcher of the registry is told: of each node first every live tube, then what happens to them.</summary>
/// <param name="Position">Where the watcher stands after this; to go on, watch from here. Null where one cannot go on.</param>
public abstract record RegistryEvent(string? Position);

/// <summary>A tube that lives when the watch of its node begins, or begins again because changes were missed.</summary>
/// <param name="Tube">The tube.</param>
public sealed record TubeListed(TubeSnapshot Tube) : RegistryEvent((string?)null);

/// <summary>Every live tube of a node was listed: one of that node that the watcher knows and that was not among them has ended. Changes follow, unless the node is gone.</summary>
/// <param name="Position">Where the watcher stands.</param>
/// <param name="Node">The node.</param>
public sealed record TubesListed(string? Position, string Node) : RegistryEvent(Position);

/// <summary>Something happened to a tube: any of its signals except candidates.</summary>
/// <param name="Position">Where the watcher stands.</param>
/// <param name="Signal">The signal, with its number within the tube.</param>
public sealed record TubeSignalled(string Position, TubeSignal Signal) : RegistryEvent(Position);
