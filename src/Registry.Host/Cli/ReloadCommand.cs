using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>reload</c>: makes a gateway read its files again.</summary>
internal static class ReloadCommand
{
    public static Command Create()
    {
        var command = new Command("reload", "Make the gateway read its configuration, keys and certificate again, as SIGHUP does, and say what changed and what needs a restart. A wrong file changes nothing.")
        {
            SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            var report = await ReloadAsync(gateway, cancellationToken);
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(JsonSerializer.Serialize(report, ApiJson.Options));
            else
                foreach (var line in report is { Applied: [], NeedRestart: [] } ? report.Lines.Prepend("No setting has changed.") : report.Lines)
                    await output.WriteLineAsync(PlainText.Of(line));
            return ExitCode.Ok;
        }));
        return command;
    }

    // The refusal has a line for each fault.
    private static async Task<ReloadedBody> ReloadAsync(GatewayClient gateway, CancellationToken cancellationToken)
    {
        try
        {
            return await gateway.ReloadAsync(cancellationToken);
        }
        catch (GatewayRefusedException e) when (e.Code == ProblemCodes.InvalidConfiguration)
        {
            throw new CommandException(e.ExitCode, e.Line.ReplaceLineEndings());
        }
    }
}
