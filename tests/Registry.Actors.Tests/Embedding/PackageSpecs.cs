using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Registry.Actors.Tests.Embedding;

public sealed class PackageSpecs
{
    /// <summary>The repository pins versions also of packages that nobody asks for by name. Programs that embed the registry do not have the pins: they get the highest version that something asks for.</summary>
    [Fact]
    public void What_the_registry_is_built_with_is_what_a_program_that_embeds_it_gets()
    {
        using var assets = JsonDocument.Parse(File.ReadAllText(Path.Combine(Path.GetDirectoryName(HereIs())!, "../../../src/Registry.Actors/obj/project.assets.json")));
        var resolved = assets.RootElement.GetProperty("targets").EnumerateObject().First().Value.EnumerateObject().ToArray();
        var direct = assets.RootElement.GetProperty("projectFileDependencyGroups").EnumerateObject().First().Value.EnumerateArray()
            .Select(text => text.GetString()!.Split(' ') is [var name, _, var version] ? (name, version) : default);
        var asked = resolved
            .Where(package => package.Value.TryGetProperty("dependencies", out _))
            .SelectMany(package => package.Value.GetProperty("dependencies").EnumerateObject().Select(one => (name: one.Name, version: one.Value.GetString()!)))
            .Concat(direct)
            .ToLookup(one => one.name, one => one.version);
        var used = typeof(TubeRegistryOptions).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name!).ToHashSet();

        var packages = resolved.Where(package => package.Value.GetProperty("type").GetString() == "package").Select(package => package.Name.Split('/')).Where(package => used.Contains(package[0])).ToArray();

        packages.ShouldNotBeEmpty();
        foreach (var package in packages)
            asked[package[0]].ShouldContain(package[1], package[0]);
    }

    private static string HereIs([CallerFilePath] string path = "") => path;
}
