using System.CommandLine;
using Registry.Host.Cli;
using Registry.Host.Tests.RealPrograms;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

/// <summary>What the program says of itself, and what the page on it says.</summary>
public sealed class HelpTests
{
    private static readonly string page = File.ReadAllText(Path.GetFullPath(Path.Combine(Programs.SourceFolder, "../../docs/cli.md")));

    public static TheoryData<string> Verbs => [.. Walk(CommandLine.Create(), "").Where(verb => verb.Path.Length > 0).Select(verb => verb.Path)];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Every_verb_and_each_of_its_options_has_a_text_and_is_on_the_page(string verb)
    {
        var command = Walk(CommandLine.Create(), "").Single(each => each.Path == verb).Command;

        command.Description.ShouldNotBeNullOrWhiteSpace();
        page.ShouldContain($"`{verb}`");
        foreach (var option in command.Options.Where(option => !option.Hidden))
        {
            option.Description.ShouldNotBeNullOrWhiteSpace($"{verb} {option.Name}");
            page.ShouldContain($"`{option.Name}", customMessage: $"{verb} {option.Name}");
        }

        foreach (var argument in command.Arguments)
            argument.Description.ShouldNotBeNullOrWhiteSpace($"{verb} {argument.Name}");
        var (code, output, _) = await RunAsync([.. verb.Split(' '), "--help"]);
        code.ShouldBe(0);
        // Help breaks lines where it likes.
        string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ShouldContain(string.Join(' ', command.Description!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public void Every_exit_code_is_on_the_page_and_in_the_help()
    {
        foreach (var code in Enum.GetValues<ExitCode>())
        {
            var text = ExitCodes.Table.Split('\n').Single(line => line.StartsWith($"  {(int)code}  ", StringComparison.Ordinal))[5..].TrimEnd();
            page.ShouldContain($"| {(int)code} | {text}", customMessage: "said in the same words");
        }
    }

    private static IEnumerable<(string Path, Command Command)> Walk(Command command, string path) =>
        command.Subcommands.SelectMany(verb => Walk(verb, path.Length == 0 ? verb.Name : $"{path} {verb.Name}")).Prepend((path, command));
}
