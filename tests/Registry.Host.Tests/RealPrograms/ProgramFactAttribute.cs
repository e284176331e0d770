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
}
