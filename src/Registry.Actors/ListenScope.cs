namespace Registry.Actors;

/// <summary>Where conversations may listen on this node for clients (<c>registry.channels.listen</c>).</summary>
public enum ListenScope
{
    /// <summary>Nowhere but at <see cref="TubeRegistryOptions.Listeners"/>.</summary>
    Off,
    /// <summary>On the machine's loopback addresses.</summary>
    Loopback,
    /// <summary>On every address of the machine.</summary>
    Any,
}
