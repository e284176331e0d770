using System.CommandLine;
using System.CommandLine.Completions;

namespace Registry.Host.Cli.Completion;

/// <summary>An option as shells complete it.</summary>
/// <param name="Names">Its names.</param>
/// <param name="Description">What it does.</param>
/// <param name="Value">What its value is called; null when it takes none.</param>
/// <param name="Choices">The values there are, where they are few.</param>
internal sealed record CompletionOption(IReadOnlyList<string> Names, string Description, string? Value, IReadOnlyList<string> Choices)
{
    /// <summary>Whether the value is a file's name.</summary>
    public bool IsFile => Value?.StartsWith("FILE", StringComparison.Ordinal) == true;
}

/// <summary>A verb, or the program itself, as shells complete it.</summary>
/// <param name="Path">The verbs that lead to it, joined by a space; empty for the program.</param>
/// <param name="Description">What it does.</param>
/// <param name="Verbs">The verbs below it, and the choices of an argument.</param>
/// <param name="Options">Its options.</param>
internal sealed record CompletionNode(string Path, string Description, IReadOnlyList<(string Name, string Description)> Verbs, IReadOnlyList<CompletionOption> Options)
{
    public IEnumerable<string> Words => Verbs.Select(verb => verb.Name).Concat(Options.SelectMany(option => option.Names));

    /// <summary>The program and all verbs below it.</summary>
    public static IReadOnlyList<CompletionNode> Of(RootCommand root) => [.. Walk(root, "")];

    private static IEnumerable<CompletionNode> Walk(Command command, string path)
    {
        var verbs = command.Subcommands.Where(verb => !verb.Hidden).Select(verb => (verb.Name, verb.Description ?? ""))
            .Concat(command.Arguments.SelectMany(Choices).Select(choice => (choice, command.Description ?? "")));
        yield return new(path, command.Description ?? "", [.. verbs], [.. command.Options.Where(option => !option.Hidden).Select(Of)]);
        foreach (var verb in command.Subcommands.Where(verb => !verb.Hidden))
            foreach (var below in Walk(verb, path.Length == 0 ? verb.Name : $"{path} {verb.Name}"))
                yield return below;
    }

    private static CompletionOption Of(Option option) => new(
        [option.Name, .. option.Aliases.Where(alias => alias.StartsWith('-'))], option.Description ?? "",
        option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? null : option.HelpName ?? "VALUE", option.ValueType == typeof(bool) ? [] : [.. Choices(option)]);

    private static IEnumerable<string> Choices(Symbol symbol) => symbol.GetCompletions(CompletionContext.Empty).Select(choice => choice.Label);
}
