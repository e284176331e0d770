using System.Text;

namespace Registry.Host.Cli.Completion;

/// <summary>A script for bash.</summary>
internal static class BashCompletion
{
    public static string Script(IReadOnlyList<CompletionNode> nodes)
    {
        var script = new StringBuilder(
            """
            # Completion of registry for bash: source <(registry completion bash)
            _registry() {
              local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" path="" word i skip=""
              for ((i = 1; i < COMP_CWORD; i++)); do
                word="${COMP_WORDS[i]}"
                if [[ -n $skip ]]; then skip=""; continue; fi
                case "$path $word" in

            """);
        foreach (var node in nodes)
        {
            foreach (var (verb, _) in node.Verbs.Where(verb => nodes.Any(below => below.Path == Join(node.Path, verb.Name))))
                script.Append($"      '{node.Path} {verb}') path='{Join(node.Path, verb)}' ;;\n");
            if (node.Options.Where(option => option.Value is not null).SelectMany(option => option.Names).ToArray() is { Length: > 0 } names)
                script.Append($"      {string.Join('|', names.Select(name => $"'{node.Path} {name}'"))}) skip=1 ;;\n");
        }

        script.Append("    esac\n  done\n  COMPREPLY=()\n  case \"$path $previous\" in\n");
        foreach (var node in nodes)
            foreach (var option in node.Options.Where(option => option.Value is not null))
                script.Append($"    {string.Join('|', option.Names.Select(name => $"'{node.Path} {name}'"))}) {Values(option)}; return ;;\n");
        script.Append("  esac\n  case \"$path\" in\n");
        foreach (var node in nodes)
            script.Append($"    '{node.Path}') COMPREPLY=($(compgen -W '{string.Join(' ', node.Words)}' -- \"$current\")) ;;\n");
        return script.Append("  esac\n}\n# Where there is nothing of its own, such as the value of --config, names of files.\ncomplete -o default -F _registry registry\n").ToString();
    }

    private static string Values(CompletionOption option) =>
        option.Choices.Count > 0 ? $"COMPREPLY=($(compgen -W '{string.Join(' ', option.Choices)}' -- \"$current\"))" : ":";

    private static string Join(string path, string verb) => path.Length == 0 ? verb : $"{path} {verb}";
}
