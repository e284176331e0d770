using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Documentation;

public sealed class ConfigurationDocumentTests
{
    [Fact]
    public void The_document_says_what_the_files_say()
    {
        var root = Path.GetFullPath(Path.Combine(Programs.SourceFolder, "../.."));
        var file = Path.Combine(root, "docs", "configuration.md");
        var made = ConfigurationDocument.Make(Path.Combine(root, "hocon"));
        if (Environment.GetEnvironmentVariable("REGISTRY_UPDATE_DOCS") == "1")
            File.WriteAllText(file, made);

        (File.Exists(file) && File.ReadAllText(file) == made).ShouldBeTrue("docs/configuration.md is stale. Run: REGISTRY_UPDATE_DOCS=1 dotnet test tests/Registry.Host.Tests --filter ConfigurationDocumentTests");
    }
}
