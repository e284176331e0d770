using System.CommandLine;
using Registry.Host.Serving;

namespace Registry.Host.Cli;

/// <summary><c>check-config</c>: whether <c>serve</c> would take the configuration.</summary>
internal static class CheckConfigCommand
{
    public static Command Create()
    {
        var command = new Command("check-config", "Check the configuration that serve would run with, and change nothing.") { ServeCommand.ConfigFile, ServeCommand.Set };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async _ =>
        {
            GatewayConfiguration.Read(result.GetValue(ServeCommand.ConfigFile), result.GetValue(ServeCommand.Set) ?? []);
            await result.InvocationConfiguration.Output.WriteLineAsync("The configuration is good.");
            return ExitCode.Ok;
        }));
        return command;
    }
}
