using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>ports</c>: what must be open for a gateway.</summary>
internal static class PortsCommand
{
    public static Command Create()
    {
        var command = new Command("ports", "List what a firewall must let pass for the gateway that serve would run with the same options.") { SharedOptions.Json };
        foreach (var option in ServeCommand.All)
            command.Add(option);
        command.SetAction((result, _) => CommandLine.RunAsync(result, async _ =>
        {
            var console = CommandConsole.Of(result);
            var needs = GatewayPorts.Of(ServeCommand.Read(result, withFiles: false));
            if (result.GetValue(SharedOptions.Json))
            {
                await console.Output.WriteLineAsync(JsonSerializer.Serialize(needs, ApiJson.Options));
                return ExitCode.Ok;
            }

            var table = Tables.Of("PROTOCOL", "PORT", "DIRECTION", "WITH", "WHY");
            foreach (var need in needs)
                table.With(need.Protocol, need.Port, need.Direction, need.Peer, need.Why);
            await table.WriteAsync(console);
            return ExitCode.Ok;
        }));
        return command;
    }
}
