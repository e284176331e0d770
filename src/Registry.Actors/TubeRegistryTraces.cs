namespace Registry.Actors;

/// <summary>Where the registry's traces are found.</summary>
public static class TubeRegistryTraces
{
    /// <summary>
    /// Name of the <see cref="System.Diagnostics.ActivitySource"/>. Its spans: <c>registry.place</c> (a create on its way to a node of the cluster), <c>registry.create</c>,
    /// <c>registry.admit</c>, <c>tube.make</c>, <c>tube.connect</c> and, under that, <c>ice.connect</c>, <c>dtls.connect</c> and <c>sctp.connect</c>. While nobody listens to it,
    /// none is made.
    /// </summary>
    public const string SourceName = "Registry";
}
