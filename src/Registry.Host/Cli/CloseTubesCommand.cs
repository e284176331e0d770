using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>tubes close</c>: by id, or all that are meant by options.</summary>
internal static class CloseTubesCommand
{
    // So many closes are under way at once: each waits for its peer, for 5 s at most.
    private const int AtOnce = 32;

    private static readonly Argument<string[]> Ids = new("tube") { Description = "Ids of tubes, or 8 characters or more of their beginnings.", Arity = ArgumentArity.ZeroOrMore };

    private static readonly Option<bool> All = new("--all") { Description = "Every tube of every node. Asks first, unless --yes is given." };

    private static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Do not ask." };

    private static readonly Option<string?> Reason = new Option<string?>("--reason")
    {
        Description = "Client or Normal; an operator's also AdminClosed or AIClosed. Left out, AdminClosed for operators and Client for others.",
        HelpName = "REASON",
    }.OneOf([.. Arguments.CallersReasons.Select(reason => reason.Name)]);

    public static Command Create()
    {
        var selection = new TubeSelection();
        var command = new Command("close", "Close tubes: those that are named, those that all of the given options mean, or all. Prints how many.")
        {
            Ids, All, Yes, Reason, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        selection.AddTo(command);
        command.Validators.Add(result =>
        {
            var given = new[] { result.GetResult(Ids) is { Tokens.Count: > 0 }, result.GetResult(All) is not null, selection.IsGiven(result) }.Count(isGiven => isGiven);
            if (given != 1)
                result.AddError("tubes close takes ids of tubes, or options that choose them (--owner, --target, --node, --state, --filter), or --all.");
        });
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            return await RunAsync(gateway, selection, result, cancellationToken);
        }));
        return command;
    }

    private static async Task<ExitCode> RunAsync(GatewayClient gateway, TubeSelection selection, ParseResult result, CancellationToken cancellationToken)
    {
        var console = CommandConsole.Of(result);
        var tubes = result.GetValue(Ids) ?? [];
        var areNamed = tubes.Length > 0;
        // All of them before the first is closed: one that is not clear closes nothing.
        for (var i = 0; i < tubes.Length; i++)
            tubes[i] = await TubeName.ResolveAsync(gateway, tubes[i], cancellationToken);
        if (!areNamed)
        {
            var list = await selection.ReadAsync(gateway, result, cancellationToken);
            await TubesCommand.WarnOfIncompleteAsync(console, list.IncompleteNodes);
            tubes = [.. list.Items.Select(tube => tube.TubeId)];
        }

        if (result.GetValue(All) && !result.GetValue(Yes) && tubes.Length > 0 && !await AskAsync(console, tubes.Length, gateway.Gateway, cancellationToken))
            throw new CommandException(ExitCode.Refused, "Nothing was closed.");
        var (closed, failures) = await CloseAsync(gateway, tubes, result.GetValue(Reason), areNamed, cancellationToken);
        if (result.GetValue(SharedOptions.Json))
            await console.Output.WriteLineAsync(JsonSerializer.Serialize(new { Closed = closed, Failed = failures.Select(failure => new { failure.TubeId, failure.Why }) }, ApiJson.Options));
        else if (tubes.Length == 0)
            await console.Output.WriteLineAsync(PlainText.Of(result.GetValue(All) ? "There is no tube to close." : $"No tube matched {selection.Describe(result)}: nothing was closed."));
        else if (closed > 0 || failures.Count == 0)
            await console.Output.WriteLineAsync($"Closed {Amounts.Count(closed, "tube")}.");
        foreach (var (tube, why) in failures)
            await console.Error.WriteLineAsync(PlainText.Of($"registry: {tube} was not closed: {why}"));
        return failures.Count == 0 ? ExitCode.Ok : ExitCode.Refused;
    }

    private static Task<bool> AskAsync(CommandConsole console, int count, Uri gateway, CancellationToken cancellationToken) =>
        console.CanAsk
            ? console.ConfirmAsync($"Close {Amounts.Count(count, "tube")}, which is every one of {gateway}?", cancellationToken)
            : throw CommandException.Usage("tubes close --all needs --yes where nobody can be asked.");

    private static async Task<(int Closed, IReadOnlyList<(string TubeId, string Why)> Failures)> CloseAsync(
        GatewayClient gateway, IReadOnlyList<string> tubes, string? reason, bool areNamed, CancellationToken cancellationToken)
    {
        var closed = 0;
        var failures = new List<(string, string)>();
        var gate = new Lock();
        await Parallel.ForEachAsync(tubes, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (tube, token) =>
        {
            try
            {
                await gateway.CloseTubeAsync(tube, reason, token);
                Interlocked.Increment(ref closed);
            }
            catch (GatewayRefusedException e) when (e.Code == RefusalCode.TubeNotFound.Text && !areNamed)
            {
                // It ended by itself since it was listed.
            }
            catch (GatewayRefusedException e)
            {
                lock (gate)
                    failures.Add((tube, e.Code == RefusalCode.TubeNotFound.Text ? TubeName.TellUnknown(tube) : e.Message));
            }
        });
        return (closed, failures);
    }
}
