using Registry.Host.Cli;
using Registry.Host.Tests.RealPrograms;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

public sealed class CompletionTests
{
    [ProgramFact("bash")]
    public async Task Bash_completes_verbs_options_and_values()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("registry.bash"), (await RunAsync("completion", "bash")).Output);
        (string Typed, string Expected)[] lines =
        [
            ("registry tub", "tubes"),
            ("registry tubes ", "ls show close"),
            ("registry tubes cl", "close"),
            ("registry tubes close --al", "--all"),
            ("registry tubes ls --state connec", "connecting"),
            ("registry tubes ls --filter close --ow", "--owner"),
            ("registry top --sort ra", "rate"),
            ("registry top --interval 2s --co", "--count"),
            ("registry bench cyc", "cycles"),
            ("registry completion ", "bash zsh fish pwsh"),
            ("registry serve --cl", "--cluster"),
            ("registry serve --log-level war", "warning"),
            ("registry --log-format js", "json"),
            ("registry --inse", "--insecure"),
            ("registry check-config --config ", ""),
        ];
        var script = new System.Text.StringBuilder($"source '{folder.File("registry.bash")}'\ncomplete -p registry >&2 || exit 1\n");
        foreach (var (typed, _) in lines)
        {
            var words = typed.Split(' ');
            script.Append($"COMP_WORDS=({string.Join(' ', words.Select(word => $"'{word}'"))}); COMP_CWORD={words.Length - 1}; COMPREPLY=(); _registry registry; echo \"${{COMPREPLY[*]}}\"\n");
        }

        var output = await Programs.RunAsync(Programs.Start("bash", "--norc", "-euc", script.ToString()));

        var answers = output.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var offered = answers[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            offered.Where(word => !word.StartsWith('-') || lines[i].Expected.StartsWith('-')).ShouldBe(lines[i].Expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), lines[i].Typed);
        }
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    [InlineData("pwsh")]
    public async Task Every_verb_and_option_is_in_each_script(string shell)
    {
        var (code, script, _) = await RunAsync("completion", shell);

        code.ShouldBe(0);
        foreach (var alias in new[] { "/h", "/?" })
            script.ShouldNotContain($"{alias} ", customMessage: "which nobody types");
        foreach (var command in CommandLine.Create().Subcommands.SelectMany(verb => verb.Subcommands.Prepend(verb)))
        {
            script.ShouldContain(command.Name);
            foreach (var option in command.Options.Where(option => !option.Hidden))
                script.ShouldContain(shell == "fish" && option.Name.StartsWith("--", StringComparison.Ordinal) ? $"-l {option.Name[2..]}" : option.Name, customMessage: $"{command.Name} {option.Name}");
        }
    }
}
