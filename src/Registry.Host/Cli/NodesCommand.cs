using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>nodes</c>: the gateways of the cluster.</summary>
internal static class NodesCommand
{
    public static Command Create()
    {
        var command = new Command("nodes", "List the gateways of the cluster, or the one that is asked when it is in none.") { SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            var nodes = (await gateway.ReadNodesAsync(cancellationToken)).Items;
            var console = CommandConsole.Of(result);
            if (result.GetValue(SharedOptions.Json))
                await console.Output.WriteLineAsync(JsonSerializer.Serialize(nodes, ApiJson.Options));
            else
                await TableOf(nodes, DateTimeOffset.UtcNow).WriteAsync(console);
            return ExitCode.Ok;
        }));
        return command;
    }

    private static Spectre.Console.Table TableOf(IReadOnlyList<NodeBody> nodes, DateTimeOffset now)
    {
        var table = Tables.Of("NODE", "ADDRESS", "STATE", "LOAD", "TUBES", "CREATING", "WAITING", "UP", "VERSION");
        foreach (var node in nodes)
            table.With(node.Node, node.Address, node.State, node.Load is { } load ? $"{load} %" : null,
                node.Capacity is { } tubes ? $"{tubes.Tubes} of {tubes.MaxTubes}" : null, node.Capacity is { } creates ? $"{creates.ActiveCreates} of {creates.MaxConcurrentCreates}" : null,
                node.Capacity?.Waiting.ToString(CultureInfo.InvariantCulture), node.Since is { } since ? Amounts.Age(now - since) : null, node.Version);
        return table;
    }
}
