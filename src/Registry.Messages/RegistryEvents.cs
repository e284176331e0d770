namespace Registry.Messages;

/// <summary>What a watcher of a node's registry is told: first every live tube, then what happens to them.</summary>
/// <param name="Sequence">The number of the last change the watcher knows after this; to go on, watch from here.</param>
public abstract record RegistryEvent(long Sequence);

/// <summary>A tube that lives when the watch begins, or begins again because changes were missed.</summary>
/// <param name="Sequence">The number of the last change before the list.</param>
/// <param name="Tube">The tube.</param>
public sealed record TubeListed(long Sequence, TubeSnapshot Tube) : RegistryEvent(Sequence);

/// <summary>Every live tube was listed: one that the watcher knows and that was not among them has ended. Changes follow.</summary>
/// <param name="Sequence">The number of the last change before the list.</param>
public sealed record TubesListed(long Sequence) : RegistryEvent(Sequence);

/// <summary>Something happened to a tube: any of its signals except candidates.</summary>
/// <param name="Sequence">The change's number on this node, without gaps.</param>
/// <param name="Signal">The signal, with its number within the tube.</param>
public sealed record TubeSignalled(long Sequence, TubeSignal Signal) : RegistryEvent(Sequence);
