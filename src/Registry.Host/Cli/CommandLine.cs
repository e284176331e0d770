using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Registry.Host.Cli.Completion;
using Registry.Host.Cli.Diagnosis;
using Registry.Host.Cli.Top;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Cli;

/// <summary>The verbs, and how each ends: an exit code, and for every error one line on standard error.</summary>
internal static class CommandLine
{
    private const string About =
        """
        A gateway for TCP connections over WebRTC, and what it is used and looked after with. Without a verb it serves.
        A tube is one WebRTC connection between a gateway and a client; forwarded ports go through it.

        To begin, in two terminals:
          registry serve --dev
          registry forward -L 15432:127.0.0.1:5432    and connect to 127.0.0.1:15432

        'registry VERB --help' tells the options of a verb.
        """;

    public static RootCommand Create()
    {
        var root = new RootCommand($"{About}{Environment.NewLine}{Environment.NewLine}{ExitCodes.Table}");
        var serve = ServeCommand.Create();
        root.Add(serve);
        root.Add(ForwardCommand.Create());
        root.Add(ForwardCommand.CreateSocks());
        root.Add(SelfTestCommand.Create());
        root.Add(TubesCommand.Create());
        root.Add(TopCommand.Create());
        root.Add(NodesCommand.Create());
        root.Add(CapacityCommand.Create());
        root.Add(DrainCommand.Create());
        root.Add(ReloadCommand.Create());
        root.Add(CheckConfigCommand.Create());
        root.Add(PortsCommand.Create());
        root.Add(KeysCommand.Create());
        root.Add(DiagCommand.Create());
        root.Add(CompletionCommand.Create());
        root.Add(BenchCommand.Create());
        // "registry --dev" is "registry serve --dev".
        foreach (var option in serve.Options)
            root.Add(option);
        root.Action = serve.Action;
        return root;
    }

    /// <summary>Parses and runs.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> InvokeAsync(string[] arguments, TextWriter? output = null, TextWriter? error = null, TextReader? input = null)
    {
        var configuration = new CommandConsole(output, error, input);
        var result = Create().Parse(arguments);
        if (result.Errors.Count == 0)
            return await result.InvokeAsync(configuration);
        string[] lines = [.. Wrong(result)];
        lines[^1] += $" See '{string.Join(' ', PathOf(result))} --help'.";
        foreach (var line in lines)
            await configuration.Error.WriteLineAsync($"registry: {line}");
        return (int)ExitCode.Usage;
    }

    private static IEnumerable<string> Wrong(ParseResult result)
    {
        var command = result.CommandResult.Command;
        var verbs = command.Subcommands.Select(verb => verb.Name).ToArray();
        // What else is wrong follows from the word that is not known.
        if (result.UnmatchedTokens is [['-', ..] option, ..])
            return [$"'{option}' is no option{Meant(option, [.. command.Options.Where(known => !known.Hidden && known.Name.StartsWith("--", StringComparison.Ordinal)).Select(known => known.Name)])}."];
        if (result.UnmatchedTokens is [var word, ..] && verbs.Length > 0)
            return [$"'{word}' is no verb{Meant(word, verbs)}."];
        return command.Action is null && verbs.Length > 0
            ? [$"{command.Name} takes one of {string.Join(", ", verbs)}."]
            : result.Errors.Select(wrong => wrong.Message).Distinct();
    }

    private static string Meant(string word, IReadOnlyList<string> known) => Nearest(word, known) is { } nearest ? $"; the nearest is {nearest}" : "";

    // The root is called what the program's file is called.
    private static IEnumerable<string> PathOf(ParseResult result)
    {
        var path = new Stack<string>();
        for (var command = result.CommandResult; command.Parent is CommandResult parent; command = parent)
            path.Push(command.Command.Name);
        return path.Prepend("registry");
    }

    // The first letters, or no more than half of them mistyped; the dashes of an option are none.
    private static string? Nearest(string word, IReadOnlyList<string> known) =>
        known.FirstOrDefault(each => each.StartsWith(word, StringComparison.OrdinalIgnoreCase)) ?? NearestKey.Of(word, known, most: (word.TrimStart('-').Length + 1) / 2);

    /// <summary>Runs a verb's work until it ends or the process is told to; the second time it is told ends it at once.</summary>
    public static async Task<int> RunAsync(ParseResult result, Func<CancellationToken, Task<ExitCode>> work)
    {
        using var stop = new CancellationTokenSource();
        void OnSignal(PosixSignalContext context)
        {
            if (stop.IsCancellationRequested)
                return;
            context.Cancel = true;
            stop.Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        var error = result.InvocationConfiguration.Error;
        try
        {
            return (int)await work(stop.Token);
        }
        catch (CommandException e)
        {
            foreach (var line in e.Message.Split(Environment.NewLine))
                await error.WriteLineAsync($"registry: {PlainText.Of(line)}");
            return (int)e.ExitCode;
        }
        catch (GatewayException e)
        {
            await error.WriteLineAsync($"registry: {PlainText.Of(e.Line)}");
            return (int)e.ExitCode;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return (int)ExitCode.Ok;
        }
        catch (Exception e)
        {
            await error.WriteLineAsync($"registry: {result.CommandResult.Command.Name} failed: {e.GetType().Name}: {PlainText.Of(e.Message)} This is a fault of the program; please report it.");
            return (int)ExitCode.Failed;
        }
    }
}
