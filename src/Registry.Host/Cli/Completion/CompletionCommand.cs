using System.CommandLine;

namespace Registry.Host.Cli.Completion;

/// <summary><c>completion SHELL</c>: a script that completes the verbs and their options.</summary>
internal static class CompletionCommand
{
    public static Command Create()
    {
        var command = new Command("completion", "Print a script with which a shell completes verbs and options. Each shell's own help says where it belongs.");
        Add(command, "bash", "For bash: source <(registry completion bash)", BashCompletion.Script);
        Add(command, "zsh", "For zsh, after compinit: source <(registry completion zsh)", ZshCompletion.Script);
        Add(command, "fish", "For fish: registry completion fish > ~/.config/fish/completions/registry.fish", FishCompletion.Script);
        Add(command, "pwsh", "For PowerShell: registry completion pwsh | Out-String | Invoke-Expression", PwshCompletion.Script);
        return command;
    }

    private static void Add(Command parent, string shell, string description, Func<IReadOnlyList<CompletionNode>, string> script)
    {
        var command = new Command(shell, description);
        command.SetAction((result, _) => CommandLine.RunAsync(result, async _ =>
        {
            await result.InvocationConfiguration.Output.WriteAsync(script(CompletionNode.Of((RootCommand)result.RootCommandResult.Command)).ReplaceLineEndings("\n"));
            return ExitCode.Ok;
        }));
        parent.Add(command);
    }
}
