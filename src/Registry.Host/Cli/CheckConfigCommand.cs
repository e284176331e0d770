using System.CommandLine;
using System.Text.Json;
using Registry.Actors;
using Registry.Host.Api;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Cli;

/// <summary><c>check-config</c>: whether <c>serve</c> would take the configuration.</summary>
internal static class CheckConfigCommand
{
    public static Command Create()
    {
        var command = new Command("check-config", "Check the configuration that serve would run with and the files that it names, and change nothing.") { ServeCommand.ConfigFile, ServeCommand.Set, SharedOptions.Json };
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
            var configuration = GatewayConfiguration.Read(result.GetValue(ServeCommand.ConfigFile), result.GetValue(ServeCommand.Set) ?? []);
            CheckFiles(SecuritySettings.From(configuration));
            return ([], RegistrySettings.From(configuration).AllowTargets.Count == 0 ? [ServeCommand.NoRule] : []);
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

    private static void CheckFiles(SecuritySettings security)
    {
        if (security.ApiKeysFile is { } keys)
            _ = new ApiKeys(keys);
        if (security.Jwt?.KeysFile is { } jwtKeys)
            _ = new JwtKeys(jwtKeys);
        if (security is { Certificate: { } certificate, CertificateKey: { } key })
            _ = new ServerCertificate(certificate, key);
    }
}
