using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;
using Registry.Messages;
using Spectre.Console;

namespace Registry.Host.Cli;

/// <summary><c>tubes ls|show|close</c>.</summary>
internal static class TubesCommand
{
    public static Command Create() => new("tubes", "List, show or close the gateway's tubes.") { CreateList(), CreateShow(), CloseTubesCommand.Create() };

    private static Command CreateList()
    {
        var selection = new TubeSelection();
        var command = new Command("ls", "List tubes, of all nodes; with --state closed those that ended in the last minutes, the newest first, and why.") { SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        selection.AddTo(command);
        command.SetAction((result, _) => RunAsync(result, async (gateway, console, cancellationToken) =>
        {
            var tubes = await selection.ReadAsync(gateway, result, cancellationToken);
            var areEnded = selection.AreEnded(result);
            IReadOnlyList<TubeBody> items = areEnded ? [.. tubes.Items.OrderByDescending(EndOf)] : tubes.Items;
            if (result.GetValue(SharedOptions.Json))
                await console.Output.WriteLineAsync(JsonSerializer.Serialize(items, ApiJson.Options));
            else
                await (areEnded ? TableOfEnded(items) : TableOf(items, DateTimeOffset.UtcNow)).WriteAsync(console);
            await WarnOfIncompleteAsync(console, tubes.IncompleteNodes);
        }));
        return command;
    }

    private static Command CreateShow()
    {
        var id = new Argument<string>("tube") { Description = "The tube's id, or 8 characters or more of its beginning." };
        var command = new Command("show", "Show one tube, also for a while after its end.") { id, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, async (gateway, console, cancellationToken) =>
        {
            var tube = await ReadAsync(gateway, result.GetRequiredValue(id), cancellationToken);
            if (result.GetValue(SharedOptions.Json))
                await console.Output.WriteLineAsync(JsonSerializer.Serialize(tube, ApiJson.Options));
            else
                await TableOf(tube).WriteAsync(console);
        }));
        return command;
    }

    private static async Task<TubeBody> ReadAsync(GatewayClient gateway, string id, CancellationToken cancellationToken)
    {
        try
        {
            return await gateway.ReadTubeAsync(await TubeName.ResolveAsync(gateway, id, cancellationToken), cancellationToken);
        }
        catch (GatewayRefusedException e) when (e.Code == RefusalCode.TubeNotFound.Text)
        {
            var nodes = await ReadMissingAsync(gateway, id, cancellationToken);
            throw TubeName.Unknown(id, nodes.Count > 0 ? $" Its node may be one of those that were lost or do not answer; their audit tells of their tubes: {string.Join(", ", nodes)}." : "");
        }
    }

    // A lost node's tubes ended with it, and nobody kept how. That there is no such tube is so without this too.
    private static async Task<IReadOnlyList<string>> ReadMissingAsync(GatewayClient gateway, string id, CancellationToken cancellationToken)
    {
        try
        {
            return (await gateway.ReadTubesAsync(id, TubeState.Closed.Text, owner: null, cursor: null, limit: 1, cancellationToken)).IncompleteNodes;
        }
        catch (GatewayException)
        {
            return [];
        }
    }

    /// <summary>Says on standard error which nodes' tubes a list lacks.</summary>
    public static async Task WarnOfIncompleteAsync(CommandConsole console, IReadOnlyList<string> nodes)
    {
        if (nodes.Count > 0)
            await console.Error.WriteLineAsync(PlainText.Of($"registry: the list lacks tubes of these nodes, which do not answer, are not in the cluster or were lost: {string.Join(", ", nodes)}"));
    }

    private static Task<int> RunAsync(ParseResult result, Func<GatewayClient, CommandConsole, CancellationToken, Task> work) =>
        CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            await work(gateway, CommandConsole.Of(result), cancellationToken);
            return ExitCode.Ok;
        });

    private static Table TableOf(IReadOnlyList<TubeBody> tubes, DateTimeOffset now)
    {
        var table = Tables.Of("TUBE", "NODE", "STATE", "PATH", "AGE", "OWNER", "CONVERSATIONS");
        foreach (var tube in tubes)
            table.With(tube.TubeId, tube.Node, tube.State, tube.SelectedPair, Amounts.Age(now - tube.CreatedAt), tube.Owner, string.Join(", ", tube.Conversations.Select(Tables.Carried)));
        return table;
    }

    // Their conversations have gone with them.
    private static Table TableOfEnded(IReadOnlyList<TubeBody> tubes)
    {
        var table = Tables.Of("TUBE", "NODE", "ENDED", "LIVED", "PATH", "OWNER", "REASON", "BY", "TEXT");
        foreach (var tube in tubes)
            table.With(tube.TubeId, tube.Node, $"{EndOf(tube):yyyy-MM-ddTHH:mm:ssZ}", Amounts.Age(EndOf(tube) - tube.CreatedAt), tube.SelectedPair, tube.Owner, tube.CloseReason?.Name, tube.ClosedBy, tube.CloseText);
        return table;
    }

    private static DateTimeOffset EndOf(TubeBody tube) => tube.History is [.., var last] ? last.At.ToUniversalTime() : tube.CreatedAt;

    private static Table TableOf(TubeBody tube)
    {
        var table = Tables.Of("TUBE", tube.TubeId)
            .With("node", tube.Node).With("state", tube.State).With("owner", tube.Owner).With("created", $"{tube.CreatedAt:yyyy-MM-ddTHH:mm:ss.fffZ}")
            .With("path", tube.SelectedPair is null ? null : $"{tube.SelectedPair}, {tube.LocalAddress} to {tube.RemoteAddress}");
        if (tube.Traffic is { } traffic)
            table.With("bytes", $"{traffic.BytesSent} sent, {traffic.BytesReceived} received").With("round trip", traffic.RoundTripMs is { } ms ? $"{ms:0.0} ms" : null);
        if (tube.CloseReason is { } reason)
            table.With("closed", $"{reason.Name} ({reason.Code}): {tube.CloseText}");
        if (tube.ClosedBy is { } caller)
            table.With("closed by", caller);
        foreach (var conversation in tube.Conversations)
            table.With("conversation", $"{Tables.Carried(conversation)}{(conversation.IsOpen ? ", open" : "")}");
        foreach (var entry in tube.History)
            table.With($"{entry.State}", $"{entry.At:yyyy-MM-ddTHH:mm:ss.fffZ}");
        return table;
    }
}
