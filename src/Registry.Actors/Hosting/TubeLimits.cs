using Akka.Actor;
using Registry.Actors.Hosting;

namespace Registry.Actors;

/// <summary>What a tube gets that asks for no less.</summary>
/// <param name="IdleTimeout">Time without user bytes after which it ends; null for none.</param>
/// <param name="MaxAge">Age at which it ends; null for none.</param>
/// <param name="MaxBytesPerSecond">Limit on the bytes per second of its connections, each way; null for none.</param>
/// <param name="MaxOwnerBytesPerSecond">The same for all tubes of one owner together.</param>
public sealed record TubeLimit(TimeSpan? IdleTimeout, TimeSpan? MaxAge, int? MaxBytesPerSecond, int? MaxOwnerBytesPerSecond);

/// <summary>The limits of <c>registry.tube</c> on idleness, age and rate, while the node runs.</summary>
public sealed class TubeLimits
{
    private volatile TubeLimit current;

    internal TubeLimits(RegistrySettings settings) => current = From(settings);

    /// <summary>Those that hold for a tube that is made now.</summary>
    public TubeLimit Current => current;

    internal event Action<TubeLimit>? Changed;

    /// <summary>
    /// Puts other limits in force: for tubes made from now on, and an owner's rate also for those of its tubes that have one.
    /// <see cref="TubeRegistryOptions"/> that stood over the settings no longer do.
    /// </summary>
    /// <param name="settings">Where <c>idle-timeout</c>, <c>max-age</c>, <c>max-bytes-per-second</c> and <c>max-owner-bytes-per-second</c> are taken from.</param>
    public void Change(RegistrySettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var changed = From(settings);
        current = changed;
        Changed?.Invoke(changed);
    }

    private static TubeLimit From(RegistrySettings settings) => new(settings.IdleTimeout, settings.MaxAge, settings.MaxBytesPerSecond, settings.MaxOwnerBytesPerSecond);
}

/// <summary>Finds the limits of an actor system's registry.</summary>
public static class TubeLimitsExtensions
{
    /// <summary>What tubes of this node get that ask for no less.</summary>
    public static TubeLimits GetTubeLimits(this ActorSystem system) => TubeRegistryNode.Get(system).Limits;
}
