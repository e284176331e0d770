namespace Registry.Actors.Admission;

/// <summary>What a node's registry admits at most. Replaced as a whole when one changes.</summary>
/// <param name="MaxConcurrentCreates">Creates in flight, at least 1.</param>
/// <param name="MaxTubes">Tubes, those being made included, at least 1.</param>
/// <param name="MaxTubesPerOwner">Tubes of one owner; 0 for no limit.</param>
/// <param name="MaxWaiting">Creates that may wait for admission; 0 for none.</param>
internal sealed record RegistryLimits(int MaxConcurrentCreates, int MaxTubes, int MaxTubesPerOwner, int MaxWaiting);
