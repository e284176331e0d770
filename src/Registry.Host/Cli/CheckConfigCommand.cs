using System.CommandLine;
using System.Text.Json;
using Akka.Configuration;
using Registry.Host.Api;
using Registry.Host.Audit;
using Registry.Host.Security;
using Registry.Host.Serving;
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
            var (config, faults, sources) = ServeCommand.Inspect(result);
            GatewayOptions? options = null;
            if (faults.Count == 0)
                faults = FaultsOf("", () => options = ServeCommand.Read(result));
            faults = [.. faults, .. FileFaults(config).Select(fault => fault.In(sources))];
            return (faults, faults.Count == 0 && options is { HasRules: false } ? [ServeCommand.NoRule] : []);
        }
        catch (CommandException e)
        {
            return ([new("", e.Message)], []);
        }
    }

    // Also where keys are wrong, so that one run tells everything; a section that is wrong itself names no files.
    private static IEnumerable<SettingFault> FileFaults(Config config)
    {
        var security = Section(() => SecuritySettings.From(config));
        List<SettingFault> faults = [];
        if (security?.ApiKeysFile is { } keys)
            faults.AddRange(FaultsOf("registry.auth.keys", () => new ApiKeys(keys)));
        if (security?.Jwt?.KeysFile is { } jwtKeys)
            faults.AddRange(FaultsOf("registry.auth.jwt.keys", () => new JwtKeys(jwtKeys)));
        if (security is { Certificate: { } certificate, CertificateKey: { } key })
            faults.AddRange(FaultsOf("registry.http.tls", () => new ServerCertificate(certificate, key)));
        return faults.Concat(Section(() => AuditSettings.From(config))?.FolderFaults ?? []);
    }

    private static T? Section<T>(Func<T> read) where T : class
    {
        try
        {
            return read();
        }
        catch (ConfigurationException)
        {
            return null;
        }
    }

    private static IReadOnlyList<SettingFault> FaultsOf(string setting, Func<object> read)
    {
        try
        {
            read();
            return [];
        }
        catch (SettingsException e)
        {
            return e.Faults;
        }
        catch (CommandException e)
        {
            return [new(setting, e.Message)];
        }
    }
}
