using System.CommandLine;
using System.Text.Json;
using Registry.Host.Api;
using Registry.Host.Security;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Cli;

/// <summary><c>check-config</c>: whether <c>serve</c> would take the configuration.</summary>
internal static class CheckConfigCommand
{
    public static Command Create()
    {
        var command = new Command("check-config", "Check the configuration that serve would run with and the files that it names, and change nothing.") { SharedOptions.Json };
        foreach (var option in ServeCommand.All)
            command.Add(option);
        command.SetAction((result, _) => CommandLine.RunAsync(result, async _ =>
        {
            var output = result.InvocationConfiguration.Output;
            var (faults, remarks) = Check(result);
            if (result.GetValue(SharedOptions.Json))
            {
                await output.WriteLineAsync(JsonSerializer.Serialize(new { Ok = faults.Count == 0, Faults = faults, Remarks = remarks }, ApiJson.Options));
                return faults.Count == 0 ? ExitCode.Ok : ExitCode.Usage;
            }

            if (faults.Count > 0)
                throw new SettingsException(faults);
            await output.WriteLineAsync("The configuration is good.");
            foreach (var remark in remarks)
                await output.WriteLineAsync(remark);
            return ExitCode.Ok;
        }));
        return command;
    }

    private static (IReadOnlyList<SettingFault> Faults, IReadOnlyList<string> Remarks) Check(ParseResult result)
    {
        try
        {
            var (options, faults) = ServeCommand.Check(result);
            var certificate = options?.Security is { Certificate: { } file, CertificateKey: { } key } && faults.Count == 0 ? new ServerCertificate(file, key) : null;
            var keys = options?.Security.ApiKeysFile is { } keysFile && faults.Count == 0 ? new ApiKeys(keysFile) : null;
            return (faults, faults.Count == 0 ? [.. ServeCommand.RemarksOn(options!, certificate, keys), .. options!.HasRules ? Array.Empty<string>() : [ServeCommand.NoRule]] : []);
        }
        catch (SettingsException e)
        {
            return (e.Faults, []);
        }
        catch (CommandException e)
        {
            return ([new("", e.Message)], []);
        }
    }
}
