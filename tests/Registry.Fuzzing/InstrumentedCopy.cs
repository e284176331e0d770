using System.Reflection;
using System.Runtime.Loader;

namespace Registry.Fuzzing;

/// <summary>
/// Copies of the assemblies under test in which every branch leaves a mark (AFL's edge coverage, by SharpFuzz), and the context that loads
/// them and everything that refers to them. The rest, and with it the marks, is shared with the program.
/// </summary>
internal sealed class InstrumentedCopy : IDisposable
{
    private static readonly string[] Instrumented = ["Registry.WebRtc", "Registry.Actors"];
    private static readonly string[] Copied = [.. Instrumented, "Registry.Messages", "Registry.Fuzzing"];

    private readonly string folder;
    private readonly Context context;

    private InstrumentedCopy(string folder)
    {
        this.folder = folder;
        context = new(folder);
    }

    /// <summary>Makes the copy in a temporary folder.</summary>
    public static InstrumentedCopy Create()
    {
        var folder = Directory.CreateTempSubdirectory("registry-fuzzing-").FullName;
        foreach (var name in Copied)
            File.Copy(PathIn(AppContext.BaseDirectory, name), PathIn(folder, name));
        foreach (var name in Instrumented)
            _ = SharpFuzz.Fuzzer.Instrument(PathIn(folder, name), IsUnderTest, SharpFuzz.Options.Value).Count();
        return new InstrumentedCopy(folder);
    }

    /// <summary>Loads an assembly of the copy.</summary>
    public Assembly Load(AssemblyName name) => context.LoadFromAssemblyName(name);

    /// <summary>Removes the files. What was loaded stays as long as the process.</summary>
    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>What needs a socket, a thread or an actor system is not reached from the targets.</summary>
    private static bool IsUnderTest(string type) =>
        type.StartsWith("Registry.WebRtc", StringComparison.Ordinal) || type.StartsWith("Registry.Actors.Channels", StringComparison.Ordinal);

    private static string PathIn(string folder, string name) => Path.Combine(folder, name + ".dll");

    private sealed class Context(string folder) : AssemblyLoadContext("instrumented")
    {
        protected override Assembly? Load(AssemblyName assemblyName) =>
            Copied.Contains(assemblyName.Name) ? LoadFromAssemblyPath(PathIn(folder, assemblyName.Name!)) : null;
    }
}
