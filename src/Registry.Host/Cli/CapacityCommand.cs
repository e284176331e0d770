using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;
using Spectre.Console;

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
        var creates = Limit("--max-concurrent-creates", "Creates in flight at once, at least 1.", least: 1);
        var tubes = Limit("--max-tubes", "Tubes of the node, at least 1.", least: 1);
        var owner = Limit("--max-tubes-per-owner", "Tubes of one owner; 0 for no limit.");
        var waiting = Limit("--max-waiting", "Creates that may wait for admission; 0 for none.");
        var command = new Command("limits", "Change the gateway's limits until it stops. To change them for good, set registry.admission in its configuration.")
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

        static Option<int?> Limit(string name, string description, int least = 0) => new Option<int?>(name) { Description = description, HelpName = "N" }.From(least);
    }

    private static async Task WriteAsync(ParseResult result, CapacityBody capacity)
    {
        var console = CommandConsole.Of(result);
        if (result.GetValue(SharedOptions.Json))
            await console.Output.WriteLineAsync(JsonSerializer.Serialize(capacity, ApiJson.Options));
        else
            await TableOf(capacity).WriteAsync(console);
    }

    private static Table TableOf(CapacityBody capacity) => Tables.Of("FIGURE", "VALUE")
        .With("takes new tubes", capacity.CanAcceptMore ? "yes" : "no")
        .With("goes out of service", !capacity.IsDraining ? "no" : capacity.DrainUntil is { } end ? $"yes, and closes what is left at {end.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ}" : "yes")
        .With("time of tubes in a drain", capacity.DrainDeadlineMs == 0 ? null : $"{Amounts.Age(TimeSpan.FromMilliseconds(capacity.DrainDeadlineMs))} unless it says otherwise")
        .With("tubes", $"{capacity.Tubes} of {capacity.MaxTubes}")
        .With("tubes of one owner", capacity.MaxTubesPerOwner == 0 ? "no limit" : $"at most {capacity.MaxTubesPerOwner}")
        .With("creates in flight", $"{capacity.ActiveCreates} of {capacity.MaxConcurrentCreates} ({capacity.LoadPercentage} %)")
        .With("creates that wait", $"{capacity.Waiting} of {capacity.MaxWaiting}")
        .With("suggested delay", $"{capacity.SuggestedDelayMs} ms")
        .With("mean time of a create", capacity.AvgCreateTimeMs == 0 ? "no create yet" : Amounts.Milliseconds(capacity.AvgCreateTimeMs))
        .With("creates admitted", $"{capacity.TotalCreates}")
        .With("creates that failed", $"{capacity.TotalFailures}")
        .With("creates refused by a limit", $"{capacity.TotalRejected}")
        .With("tubes ended by a deadline", $"{capacity.StaleTubesRemoved}")
        .With("closes cut short", $"{capacity.CloseTimeouts}")
        .With("faults in the records", $"{capacity.ReconcilerFindings}");
}
