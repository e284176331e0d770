using System.CommandLine;
using System.Runtime.InteropServices;
using Akka.Configuration;
using Registry.Host.Cli.Completion;
using Registry.Host.Cli.Diagnosis;
using Registry.Host.Cli.Top;

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
        if (arguments is ["help", .. var verb])
            arguments = [.. verb, "--help"];
        // '@' begins a value as any other sign does, and no file of arguments.
        var result = Create().Parse(arguments, new() { ResponseFileTokenReplacer = null });
        var wrong = WrongArguments.Of(result, arguments);
        if (wrong.Count == 0)
            return await result.InvokeAsync(configuration);
        foreach (var line in wrong)
            await configuration.Error.WriteLineAsync($"registry: {PlainText.Of(line)}");
        return (int)ExitCode.Usage;
    }

    /// <summary>Runs a verb's work until it ends or <see cref="StopSignals"/> stop it.</summary>
    public static async Task<int> RunAsync(ParseResult result, Func<CancellationToken, Task<ExitCode>> work)
    {
        using var stop = new CancellationTokenSource();
        var signals = new StopSignals(stop.Cancel, TimeProvider.System);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signals.Take);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signals.Take);
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
        catch (ConfigurationException e)
        {
            // Of a verb without a configuration: a variable of the environment.
            await error.WriteLineAsync($"registry: {PlainText.Of(e.Message)}");
            return (int)ExitCode.Usage;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return (int)ExitCode.Ok;
        }
        catch (Exception e)
        {
            var cause = e.GetBaseException();
            var place = cause.TargetSite is { } method ? $"{method.DeclaringType?.Name}.{method.Name}" : "an unknown place";
            await error.WriteLineAsync($"registry: {result.CommandResult.Command.Name} failed: {cause.GetType().Name} in {place}: {PlainText.Of(cause.Message)} This is a fault of the program; please report it.");
            return (int)ExitCode.Failed;
        }
    }
}
