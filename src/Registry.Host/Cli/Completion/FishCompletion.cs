using System.Text;

namespace Registry.Host.Cli.Completion;

/// <summary>A script for fish.</summary>
internal static class FishCompletion
{
    public static string Script(IReadOnlyList<CompletionNode> nodes)
    {
        var script = new StringBuilder(
            """
            # Completion of registry for fish: registry completion fish > ~/.config/fish/completions/registry.fish
            function __registry_at
              set -l path
              for word in (commandline -opc)[2..-1]
                if contains -- (string trim -- "$path $word") $__registry_verbs
                  set path (string trim -- "$path $word")
                end
              end
              test "$path" = "$argv"
            end

            """);
        script.Append($"set -g __registry_verbs {string.Join(' ', nodes.Where(node => node.Path.Length > 0).Select(node => Quote(node.Path)))}\ncomplete -c registry -f\n");
        foreach (var node in nodes)
        {
            var at = $"complete -c registry -n {Quote($"__registry_at {Quote(node.Path)}")}";
            foreach (var (verb, description) in node.Verbs)
                script.Append($"{at} -a {Quote(verb)} -d {Quote(description)}\n");
            foreach (var option in node.Options)
                script.Append($"{at} {string.Join(' ', option.Names.Select(Name))}{Values(option)} -d {Quote(option.Description)}\n");
        }

        return script.ToString();
    }

    private static string Name(string name) => name.StartsWith("--", StringComparison.Ordinal) ? $"-l {name[2..]}" : name.Length == 2 && name[0] == '-' ? $"-s {Quote(name[1..])}" : $"-a {Quote(name)}";

    private static string Values(CompletionOption option) =>
        option.Value is null ? "" : option.Choices.Count > 0 ? $" -x -a {Quote(string.Join(' ', option.Choices))}" : option.IsFile ? " -r -F" : " -x";

    private static string Quote(string text) => $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
