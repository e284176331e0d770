namespace Registry.Host.Security;

/// <summary>What a caller may do; several add up.</summary>
internal static class Roles
{
    /// <summary>Makes tubes, and sees, signals to and closes those of its own owner.</summary>
    public const string Creator = "creator";

    /// <summary>Sees the tubes of all owners.</summary>
    public const string Viewer = "viewer";

    /// <summary>Everything: acts on the tubes of all owners and on the node.</summary>
    public const string Operator = "operator";

    public static readonly string[] All = [Viewer, Creator, Operator];
}
