namespace Registry.Actors;

/// <summary>Where the registry's figures are found.</summary>
public static class TubeRegistryMetrics
{
    /// <summary>Name of the <see cref="System.Diagnostics.Metrics.Meter"/>, which exists once the actor system has started.</summary>
    public const string MeterName = "Registry";
}
