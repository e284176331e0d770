using System.Runtime.CompilerServices;
using Registry.Messages;

namespace Registry.Actors.Tests.Embedding;

public sealed class SampleSpecs
{
    [Fact]
    public async Task The_sample_runs()
    {
        var created = (await Sample.RunAsync([], offer: null)).ShouldBeOfType<TubeCreated>();

        created.Offer.ShouldNotBeNull();
    }

    [Fact]
    public void The_readme_shows_the_sample_and_it_is_short()
    {
        var folder = Path.GetDirectoryName(HereIs())!;
        var sample = File.ReadAllText(Path.Combine(folder, "Sample.cs")).Split("// README")[1].Split('\n')[1..^1]
            .Select(line => line.Length > 8 ? line[8..] : "").ToArray();
        var readme = File.ReadAllText(Path.Combine(folder, "..", "..", "..", "README.md"));

        sample.Length.ShouldBeLessThan(30);
        readme.ShouldContain("```csharp\n" + string.Join('\n', sample) + "\n```");
    }

    private static string HereIs([CallerFilePath] string path = "") => path;
}
