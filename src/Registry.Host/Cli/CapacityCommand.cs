using System.CommandLine;
using System.Text.Json;

namespace Registry.Host.Cli;

/// <summary><c>capacity</c>: the gateway's load.</summary>
internal static class CapacityCommand
{
    public static Command Create()
    {
        var command = new Command("capacity", "Show the gateway's load.") { SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            var capacity = await gateway.ReadCapacityAsync(cancellationToken);
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(capacity.GetRawText());
            else if (capacity.ValueKind == JsonValueKind.Object)
                foreach (var figure in capacity.EnumerateObject())
                    await output.WriteLineAsync($"{figure.Name,-22}{figure.Value}");
            return ExitCode.Ok;
        }));
        return command;
    }
}
