using System.Text;

namespace Registry.Host.Cli.Completion;

/// <summary>A script for PowerShell.</summary>
internal static class PwshCompletion
{
    public static string Script(IReadOnlyList<CompletionNode> nodes)
    {
        var script = new StringBuilder(
            """
            # Completion of registry for PowerShell: registry completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName registry -ScriptBlock {
              param($wordToComplete, $commandAst, $cursorPosition)
              $words = @{

            """);
        foreach (var node in nodes)
            script.Append($"    {Quote(node.Path)} = @({string.Join(", ", node.Words.Select(Quote))})\n");
        script.Append("  }\n  $choices = @{\n");
        foreach (var node in nodes)
            foreach (var option in node.Options.Where(option => option.Choices.Count > 0))
                foreach (var name in option.Names)
                    script.Append($"    {Quote($"{node.Path} {name}")} = @({string.Join(", ", option.Choices.Select(Quote))})\n");
        return script.Append(
            """
              }
              $path = ''
              $previous = ''
              foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
                if ($element.Extent.EndOffset -ge $cursorPosition) { break }
                $previous = $element.ToString()
                $below = ("$path $previous").Trim()
                if ($words.ContainsKey($below)) { $path = $below }
              }
              $found = if ($choices.ContainsKey("$path $previous")) { $choices["$path $previous"] } else { $words[$path] }
              $found | Where-Object { $_.StartsWith($wordToComplete) } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
              }
            }

            """).ToString();
    }

    private static string Quote(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
