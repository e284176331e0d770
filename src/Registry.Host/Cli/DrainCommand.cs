using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>drain</c>: takes the gateway out of service, or puts it back.</summary>
internal static class DrainCommand
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private static readonly Option<TimeSpan?> Deadline = new("--deadline")
    {
        Description = "How long tubes may go on, as 500ms, 30s, 5m or 2h; unless told otherwise as long as a drain that runs says, or else registry.drain.deadline.",
        HelpName = "TIME",
        CustomParser = argument => TimeArgument.Parse(argument, "--deadline", DrainNode.LongestDeadline),
    };

    private static readonly Option<int> UntilAtMost = new Option<int>("--until-at-most") { Description = "Close what is left before the deadline, as soon as it is this many tubes or fewer; 0 unless told otherwise.", HelpName = "N" }.From(0);

    private static readonly Option<bool> Resume = new("--resume") { Description = "Put the gateway back into service instead." };

    private static readonly Option<bool> Wait = new("--wait") { Description = "Return only when no tube is left, or as few as --until-at-most says." };

    public static Command Create()
    {
        var command = new Command("drain", "Take the gateway out of service: it makes no more tubes, tells clients to move, and closes what is left at the deadline.")
        {
            Deadline, UntilAtMost, Resume, Wait, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            var capacity = await AskAsync(gateway, result, cancellationToken);
            if (result.GetValue(Wait))
                capacity = await WaitAsync(gateway, result, capacity, cancellationToken);
            await result.InvocationConfiguration.Output.WriteLineAsync(result.GetValue(SharedOptions.Json) ? JsonSerializer.Serialize(capacity, ApiJson.Options) : Describe(capacity));
            return ExitCode.Ok;
        }));
        return command;
    }

    private static Task<CapacityBody> AskAsync(GatewayClient gateway, ParseResult result, CancellationToken cancellationToken)
    {
        if (!result.GetValue(Resume))
            return gateway.DrainAsync(new() { DeadlineMs = (long?)result.GetValue(Deadline)?.TotalMilliseconds, UntilAtMost = result.GetValue(UntilAtMost) }, cancellationToken);
        if (new Option[] { Deadline, UntilAtMost, Wait }.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } other)
            throw CommandException.Usage($"{other.Name} is of no use with --resume.");
        return gateway.ResumeAsync(cancellationToken);
    }

    private static async Task<CapacityBody> WaitAsync(GatewayClient gateway, ParseResult result, CapacityBody capacity, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine(CommandConsole.Of(result), "drain");
        while (capacity.Tubes is var tubes && tubes > result.GetValue(UntilAtMost))
        {
            if (!capacity.IsDraining)
                throw new CommandException(ExitCode.Failed, $"Somebody put {gateway.Gateway} back into service; {Amounts.Count(tubes, "tube")} left.");
            progress.Report($"{Until(capacity)}{Amounts.Count(tubes, "tube")} left");
            await Task.Delay(Poll, cancellationToken);
            capacity = await gateway.ReadCapacityAsync(cancellationToken);
        }

        return capacity;
    }

    private static string Describe(CapacityBody capacity) => (capacity.IsDraining, capacity.Tubes) switch
    {
        (false, var tubes) => $"In service, {Amounts.Count(tubes, "tube")}.",
        (true, 0) => "Drained: no tube is left.",
        (true, var tubes) => $"Draining {Until(capacity)}{Amounts.Count(tubes, "tube")} left.",
    };

    private static string Until(CapacityBody capacity) => capacity.DrainUntil is { } end ? $"until {end.ToUniversalTime():yyyy-MM-ddTHH:mm:ssZ}, " : "";
}
