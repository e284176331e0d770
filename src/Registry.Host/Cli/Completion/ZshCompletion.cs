using System.Text;

namespace Registry.Host.Cli.Completion;

/// <summary>A script for zsh.</summary>
internal static class ZshCompletion
{
    public static string Script(IReadOnlyList<CompletionNode> nodes)
    {
        var script = new StringBuilder(
            """
            #compdef registry
            # Completion of registry for zsh: source <(registry completion zsh)
            _registry() {
              local path_="" word skip="" i
              local -a found
              for ((i = 2; i < CURRENT; i++)); do
                word="${words[i]}"
                if [[ -n $skip ]]; then skip=""; continue; fi
                case "$path_ $word" in

            """);
        foreach (var node in nodes)
        {
            foreach (var (verb, _) in node.Verbs.Where(verb => nodes.Any(below => below.Path == Join(node.Path, verb.Name))))
                script.Append($"      ({Quote($"{node.Path} {verb}")}) path_={Quote(Join(node.Path, verb))} ;;\n");
            if (node.Options.Where(option => option.Value is not null).SelectMany(option => option.Names).ToArray() is { Length: > 0 } names)
                script.Append($"      ({string.Join('|', names.Select(name => Quote($"{node.Path} {name}")))}) skip=1 ;;\n");
        }

        script.Append("    esac\n  done\n  case \"$path_ ${words[CURRENT-1]}\" in\n");
        foreach (var node in nodes)
            foreach (var option in node.Options.Where(option => option.Value is not null))
                script.Append($"    ({string.Join('|', option.Names.Select(name => Quote($"{node.Path} {name}")))}) {Values(option)}; return ;;\n");
        script.Append("  esac\n  case \"$path_\" in\n");
        foreach (var node in nodes)
        {
            var entries = node.Verbs.Concat(node.Options.SelectMany(option => option.Names.Select(name => (Name: name, option.Description))));
            script.Append($"    ({Quote(node.Path)}) found=({string.Join(' ', entries.Select(entry => Quote($"{entry.Name.Replace(":", "\\:", StringComparison.Ordinal)}:{entry.Description}")))}) ;;\n");
        }

        return script.Append("  esac\n  _describe 'registry' found\n}\n(( $+functions[compdef] )) && compdef _registry registry\n").ToString();
    }

    private static string Values(CompletionOption option) =>
        option.Choices.Count > 0 ? $"compadd -- {string.Join(' ', option.Choices.Select(Quote))}" : option.IsFile ? "_files" : ":";

    private static string Join(string path, string verb) => path.Length == 0 ? verb : $"{path} {verb}";

    private static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
