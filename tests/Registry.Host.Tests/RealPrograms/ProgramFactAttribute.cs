namespace Registry.Host.Tests.RealPrograms;

/// <summary>A test that needs programs; skipped, with their names, on a machine that lacks one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(params string[] programs)
    {
        var missing = programs.Where(program => Programs.Find(program) is null).ToArray();
        if (missing.Length > 0)
            Skip = $"This machine lacks {string.Join(", ", missing)}.";
    }

    /// <summary>An npm package that the test needs too.</summary>
    public string NodePackage
    {
        get;
        set
        {
            field = value;
            if (!Directory.Exists(Path.Combine(Path.GetDirectoryName(Programs.NodePackages)!, "node_modules", value)))
                Skip ??= $"The npm package {value} is not installed; run 'npm ci' in tests/Registry.Interop.Tests/peers.";
        }
    } = "";
}
