using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>tubes ls|show|close</c>.</summary>
internal static class TubesCommand
{
    private static readonly Argument<string> Id = new("tube") { Description = "The tube's id." };

    public static Command Create() => new("tubes", "List, show or close the gateway's tubes.") { CreateList(), CreateShow(), CreateClose() };

    private static Command CreateList()
    {
        var filter = new Option<string?>("--filter") { Description = "Part of a tube's or conversation's id.", HelpName = "TEXT" };
        var state = new Option<string?>("--state") { Description = "Only tubes in this state.", HelpName = "STATE" };
        var owner = new Option<string?>("--owner") { Description = "Only tubes made for this owner.", HelpName = "OWNER" };
        var command = new Command("ls", "List tubes.") { filter, state, owner, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, async (gateway, output, cancellationToken) =>
        {
            var tubes = await gateway.ListTubesAsync(result.GetValue(filter), result.GetValue(state), result.GetValue(owner), cancellationToken);
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(JsonSerializer.Serialize(tubes.Items, ApiJson.Options));
            else
                await WriteTableAsync(output, tubes.Items);
            if (tubes.IncompleteNodes.Count > 0)
                await result.InvocationConfiguration.Error.WriteLineAsync($"registry: the list lacks the tubes of nodes that did not answer: {string.Join(", ", tubes.IncompleteNodes)}");
        }));
        return command;
    }

    private static Command CreateShow()
    {
        var command = new Command("show", "Show one tube.") { Id, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, async (gateway, output, cancellationToken) =>
        {
            var tube = await gateway.ReadTubeAsync(result.GetRequiredValue(Id), cancellationToken);
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(JsonSerializer.Serialize(tube, ApiJson.Options));
            else
                await WriteTubeAsync(output, tube);
        }));
        return command;
    }

    private static Command CreateClose()
    {
        var reason = new Option<string?>("--reason") { Description = "Close reason, as number or name; AdminClosed unless told otherwise.", HelpName = "REASON" };
        var command = new Command("close", "Close a tube.") { Id, reason, SharedOptions.Gateway, SharedOptions.KeyFile };
        command.SetAction((result, _) => RunAsync(result, (gateway, _, cancellationToken) =>
            gateway.CloseTubeAsync(result.GetRequiredValue(Id), result.GetValue(reason), cancellationToken)));
        return command;
    }

    private static Task<int> RunAsync(ParseResult result, Func<GatewayClient, TextWriter, CancellationToken, Task> work) =>
        CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            await work(gateway, result.InvocationConfiguration.Output, cancellationToken);
            return ExitCode.Ok;
        });

    private static async Task WriteTableAsync(TextWriter output, IReadOnlyList<TubeBody> tubes)
    {
        await output.WriteLineAsync($"{"TUBE",-38}{"STATE",-14}{"PATH",-14}{"CREATED",-22}{"OWNER",-20}  CONVERSATIONS");
        foreach (var tube in tubes)
            await output.WriteLineAsync($"{tube.TubeId,-38}{tube.State,-14}{tube.SelectedPair ?? "-",-14}{tube.CreatedAt:yyyy-MM-ddTHH:mm:ssZ}  {tube.Owner ?? "-",-20}  {string.Join(", ", tube.Conversations.Select(Describe))}");
    }

    private static async Task WriteTubeAsync(TextWriter output, TubeBody tube)
    {
        await output.WriteLineAsync($"tube           {tube.TubeId}");
        await output.WriteLineAsync($"node           {tube.Node}");
        await output.WriteLineAsync($"state          {tube.State}");
        await output.WriteLineAsync($"path           {tube.SelectedPair ?? "-"}");
        if (tube.Traffic is { } traffic)
            await output.WriteLineAsync($"bytes          {traffic.BytesSent} sent, {traffic.BytesReceived} received");
        if (tube.CloseReason is { } reason)
            await output.WriteLineAsync($"closed         {reason.Name} ({reason.Code}): {tube.CloseText}");
        foreach (var conversation in tube.Conversations)
            await output.WriteLineAsync($"conversation   {Describe(conversation)}{(conversation.IsOpen ? ", open" : "")}{(conversation.LocalListenAddress is { } address ? $", listens on {address}" : "")}");
        foreach (var entry in tube.History)
            await output.WriteLineAsync($"{entry.At:yyyy-MM-ddTHH:mm:ss.fffZ}  {entry.State}");
    }

    private static string Describe(TubeConversationBody conversation) => $"{conversation.ConversationId} ({conversation.Type})";
}
