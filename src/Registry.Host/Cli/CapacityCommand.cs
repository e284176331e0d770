using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;

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
            var figures = JsonSerializer.SerializeToElement(capacity, ApiJson.Options);
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(figures.GetRawText());
            else
                foreach (var figure in figures.EnumerateObject())
                    await output.WriteLineAsync($"{figure.Name,-22}{figure.Value}");
            return ExitCode.Ok;
        }));
        return command;
    }
}
