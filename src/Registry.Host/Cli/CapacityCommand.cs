using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>capacity</c>: the gateway's load; <c>capacity limits</c> changes its limits.</summary>
internal static class CapacityCommand
{
    public static Command Create()
    {
        var command = new Command("capacity", "Show the gateway's load and limits.") { SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json, CreateLimits() };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            await WriteAsync(result, await gateway.ReadCapacityAsync(cancellationToken));
            return ExitCode.Ok;
        }));
        return command;
    }

    private static Command CreateLimits()
    {
        var creates = Limit("--max-concurrent-creates", "Creates in flight at once, at least 1.");
        var tubes = Limit("--max-tubes", "Tubes of the node, at least 1.");
        var owner = Limit("--max-tubes-per-owner", "Tubes of one owner; 0 for no limit.");
        var waiting = Limit("--max-waiting", "Creates that may wait for admission; 0 for none.");
        var command = new Command("limits", "Change the gateway's limits until it stops; for good they stand in registry.admission of its configuration.")
        {
            creates, tubes, owner, waiting, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        command.Validators.Add(result =>
        {
            if (new[] { creates, tubes, owner, waiting }.All(option => result.GetResult(option) is null))
                result.AddError("capacity limits takes at least one limit to change, such as --max-tubes 500.");
        });
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            await WriteAsync(result, await gateway.ChangeLimitsAsync(
                new() { MaxConcurrentCreates = result.GetValue(creates), MaxTubes = result.GetValue(tubes), MaxTubesPerOwner = result.GetValue(owner), MaxWaiting = result.GetValue(waiting) }, cancellationToken));
            return ExitCode.Ok;
        }));
        return command;

        static Option<int?> Limit(string name, string description) => new(name) { Description = description, HelpName = "N" };
    }

    private static async Task WriteAsync(ParseResult result, CapacityBody capacity)
    {
        var console = CommandConsole.Of(result);
        var figures = JsonSerializer.SerializeToElement(capacity, ApiJson.Options);
        if (result.GetValue(SharedOptions.Json))
        {
            await console.Output.WriteLineAsync(figures.GetRawText());
            return;
        }

        var table = Tables.Of("FIGURE", "VALUE");
        foreach (var figure in figures.EnumerateObject())
            table.With(figure.Name, figure.Value.ToString());
        await table.WriteAsync(console);
    }
}
