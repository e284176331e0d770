using System.CommandLine;
using System.Runtime.InteropServices;
using Akka.Configuration;
using Registry.Actors;
using Registry.Actors.Channels;
using Registry.Host.Audit;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Serving.Reload;
using Registry.Host.Serving.Settings;
using Registry.Host.Serving.Stacks;
using Registry.Host.Telemetry;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>serve</c>: the gateway. Needs no file, no account and no database.</summary>
internal static class ServeCommand
{
    private static readonly Option<string> Http = new("--http")
    {
        Description = "Address of the HTTP interface, http or https; beyond loopback with authentication and TLS only. Port 0 = any free one.",
        HelpName = "URL",
        DefaultValueFactory = _ => GatewayOptions.DefaultHttp,
    };

    /// <summary>What a gateway without target rules says.</summary>
    public const string NoRule = "No target is reachable: there is no rule. Add one with --allow host-or-cidr:port or registry.targets.allow.";

    private static readonly Option<ushort> UdpPort = new("--udp-port") { Description = "UDP port of all tubes, which a firewall must let in; 0 = any free one.", HelpName = "N" };

    private static readonly Option<string[]> Allow = new("--allow")
    {
        Description = "Target that tubes may reach, as host-or-cidr:port[,port], * = any host or port, such as db.example:5432, *.example.com:443 or 10.0.0.0/8:22,443. May be repeated. Without a rule nothing is reachable.",
        HelpName = "RULE",
    };

    private static readonly Option<bool> Dev = new("--dev") { Description = "Let tubes reach every port of this machine's loopback. For development only." };

    private static readonly Option<bool> Insecure = new("--insecure") { Description = "Let other machines reach the HTTP interface without authentication or TLS. Says loudly what that means." };

    public static readonly Option<string?> ConfigFile = new("--config") { Description = "File of settings in HOCON. What it leaves out is as docs/configuration.md says.", HelpName = "FILE.conf" };

    public static readonly Option<string[]> Set = new("--set") { Description = "One setting, such as registry.admission.max-tubes=100; wins over the file. May be repeated. Secrets are refused here: they belong into the file.", HelpName = "key=value" };

    private static readonly Option<string?> Cluster = new("--cluster")
    {
        Description = "Make the gateway a node of a cluster; the other nodes reach it at this address. Port 0 = any free one.",
        HelpName = "HOST:PORT",
    };

    private static readonly Option<string[]> Seed = new("--seed")
    {
        Description = "Node of the cluster to join at. May be repeated: give every node the same list; the first one in it may form the cluster. Without one, this node forms it.",
        HelpName = "HOST:PORT",
    };

    private static readonly Option<string?> LogFormat = new("--log-format")
    {
        Description = "How the log is written: text, or json for one object a line.",
        HelpName = "FORMAT",
        CompletionSources = { LogSettings.FormatNames.Select(format => format.Text).ToArray() },
    };

    private static readonly Option<string?> LogLevel = new("--log-level")
    {
        Description = "The least level that is logged: trace, debug, information, warning, error, critical or none.",
        HelpName = "LEVEL",
        CompletionSources = { LogSettings.LevelNames.Select(level => level.Text).ToArray() },
    };

    public static Command Create()
    {
        var command = new Command("serve", "Run the gateway (the default verb).");
        foreach (var option in All)
            command.Add(option);
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var options = Read(result) with { ReadAgain = () => Read(result) };
            await using var gateway = await StartAsync(options, cancellationToken);
            using var reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                Reload(gateway);
            });
            await GreetAsync(result.InvocationConfiguration.Output, gateway, options, result.GetValue(Dev));
            await gateway.RunAsync(cancellationToken);
            return ExitCode.Ok;
        }));
        return command;
    }

    /// <summary>What <see cref="Read"/> reads.</summary>
    public static IReadOnlyList<Option> All { get; } = [Http, Insecure, ConfigFile, UdpPort, Allow, Dev, Cluster, Seed, LogFormat, LogLevel, Set];

    /// <summary>What the command line and the files say, checked.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="withFiles">Whether the files and folders that settings name are looked at too; they are those of the machine that serves.</param>
    /// <exception cref="CommandException">Something is of no use.</exception>
    public static GatewayOptions Read(ParseResult result, bool withFiles = true)
    {
        var (options, faults) = Check(result, withFiles);
        return faults.Count == 0 ? options! : throw new SettingsException(faults);
    }

    /// <summary>What the command line and the files say, null where it is of no use, and all that is wrong with it.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="withFiles">As for <see cref="Read"/>.</param>
    /// <exception cref="CommandException">A file cannot be read or is not HOCON, or an option is of no use.</exception>
    public static (GatewayOptions? Options, IReadOnlyList<SettingFault> Faults) Check(ParseResult result, bool withFiles = true)
    {
        var (configuration, faults, sources) = GatewayConfiguration.Inspect(
            result.GetValue(ConfigFile), result.GetValue(Set) ?? [], WithLogOptions(ClusterOptions(result.GetValue(Cluster), result.GetValue(Seed) ?? []), result));
        var areGood = faults.Count == 0;
        GatewayOptions? options = null;
        if (withFiles)
            faults = [.. faults, .. NamedFiles.FaultsOf(GatewayConfiguration.Without(faults, configuration)).Where(fault => faults.All(told => told.Key != fault.Key)).Select(fault => fault.In(sources))];
        // Options are judged by the settings: those have to be good.
        if (areGood)
        {
            try
            {
                options = OptionsOf(result, configuration, sources);
                faults = [.. faults, .. WrongOptions(options, result.GetValue(Insecure))];
            }
            catch (CommandException e)
            {
                faults = [.. faults, new("", e.Message)];
            }
        }

        return (options, SettingFault.InOrder(faults, sources));
    }

    /// <summary>What a gateway serves with all the same, though hardly as it was meant.</summary>
    /// <param name="options">Of the gateway.</param>
    /// <param name="certificate">What it shows, if any.</param>
    /// <param name="keys">The keys of its file, if any.</param>
    public static IEnumerable<string> RemarksOn(GatewayOptions options, ServerCertificate? certificate, ApiKeys? keys)
    {
        if (keys is { Count: 0 } && options.Security.Jwt is null)
            yield return $"registry.auth.keys holds no key: nobody can call. 'registry keys new … >> {options.Security.ApiKeysFile}' adds one.";
        if (certificate?.Remark is { } refused)
            yield return refused;
        if (options is { IsHttps: false, Security.Certificate: not null })
            yield return $"registry.http.tls is set, but --http is http://{options.Http}: it is not used. Give --http https://ADDRESS:PORT, such as https://0.0.0.0:8443.";
        if (TubeRegistryClusterOptions.From(options.Registry.Configuration) is { Enabled: false, SeedNodes.Count: > 0 })
            yield return "registry.cluster.seed-nodes are named, but the gateway is in no cluster: set registry.cluster.enabled = on, or give --cluster HOST:PORT.";
    }

    private static GatewayOptions OptionsOf(ParseResult result, Config configuration, IReadOnlyList<SettingSource> sources)
    {
        if (result.GetValue(Seed) is { Length: > 0 } && !TubeRegistryClusterOptions.From(configuration).Enabled)
            throw CommandException.Usage("--seed is for a node of a cluster: add --cluster HOST:PORT, the address that the other nodes reach this one at.");
        string[] loopback = result.GetValue(Dev) ? ["127.0.0.0/8:*", "[::1]:*", "localhost:*"] : [];
        var (http, isHttps) = GatewayOptions.ParseHttp(result.GetRequiredValue(Http));
        return new()
        {
            Http = http,
            IsHttps = isHttps,
            Security = SecuritySettings.From(configuration),
            Audit = AuditSettings.From(configuration),
            Telemetry = TelemetrySettings.From(configuration),
            Limits = RequestLimits.From(configuration),
            Sources = sources,
            Registry = new()
            {
                Configuration = configuration,
                PeerConnections = new() { UdpPort = result.GetValue(UdpPort) },
                AllowTargets = [.. result.GetValue(Allow) ?? [], .. loopback],
            },
        };
    }

    private static IEnumerable<SettingFault> WrongOptions(GatewayOptions options, bool isInsecure)
    {
        if (WrongRules(options.Registry.AllowTargets) is { } wrong)
            yield return new(Allow.Name, $"--allow: {wrong}");
        if (options.Registry.PeerConnections.UdpPort != 0 && !WebRtcStacks.HasUdpPort(RegistrySettings.From(options.Registry.Configuration)))
            yield return new(UdpPort.Name, $"--udp-port is for a WebRTC stack whose tubes share one port, and that of {WebRtcStacks.Key} does not: leave the option out, or set {WebRtcStacks.Key} = managed.");
        if (options.IsHttps && options.Security.Certificate is null)
            yield return new(Http.Name, $"--http https://{options.Http} needs a certificate: set registry.http.tls.certificate and registry.http.tls.key.");
        if (!isInsecure && options.WhyNotBeyondLoopback is { } why)
            yield return new(Http.Name, $"--http {options.Http} can be reached from other machines, and {why}. --insecure serves all the same.");
        foreach (var fault in GatewayPorts.TakenFromItself(options))
            yield return fault.In(options.Sources);
    }

    // What only use shows, such as a file that may not be written, is told with its place too.
    private static async Task<Gateway> StartAsync(GatewayOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return await Gateway.StartAsync(options, cancellationToken: cancellationToken);
        }
        catch (SettingsException e)
        {
            throw new SettingsException([.. e.Faults.Select(fault => fault.In(options.Sources))]);
        }
    }

    private static string? WrongRules(IReadOnlyList<string> rules)
    {
        try
        {
            _ = TargetPolicy.Parse(rules);
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    private static void Reload(Gateway gateway)
    {
        var log = gateway.Services.GetRequiredService<ILogger<GatewayReload>>();
        try
        {
            log.LogInformation("Settings were read again on SIGHUP: {Lines}", string.Join(' ', gateway.Reload.ReloadAsync().GetAwaiter().GetResult().Lines));
        }
        catch (CommandException e)
        {
            log.LogError("SIGHUP: nothing changed: {Why}", e.Message.ReplaceLineEndings(" "));
        }
        catch (Exception e)
        {
            // On the thread of the signal, where anything else would end the gateway.
            log.LogError(e, "SIGHUP: the reload failed");
        }
    }

    // The options as the settings that they stand for.
    private static Config ClusterOptions(string? cluster, string[] seeds)
    {
        if (seeds.FirstOrDefault(seed => TubeRegistryClusterOptions.ParseEndPoint(seed) is null or { Port: 0 }) is { } wrong)
            throw CommandException.Usage($"--seed '{wrong}' must be HOST:PORT as that node announces it, such as 10.0.0.1:4053.");
        if (cluster is null)
            return seeds.Length == 0 ? Config.Empty : ConfigurationFactory.ParseString($"registry.cluster.seed-nodes = [{string.Join(", ", seeds.Select(seed => $"\"{seed}\""))}]");
        if (TubeRegistryClusterOptions.ParseEndPoint(cluster) is not { } bind)
            throw CommandException.Usage($"--cluster '{cluster}' must be HOST:PORT, such as 10.0.0.1:4053.");
        return ConfigurationFactory.ParseString($"registry.cluster {{ enabled = on, hostname = \"{bind.Host}\", port = {bind.Port} }}").WithFallback(ClusterOptions(null, seeds));
    }

    private static Config WithLogOptions(Config options, ParseResult result)
    {
        foreach (var (option, key, allowed) in new[] { (LogFormat, "format", LogSettings.FormatNames.Select(f => f.Text)), (LogLevel, "level", LogSettings.LevelNames.Select(l => l.Text)) })
        {
            if (result.GetValue(option) is not { } value)
                continue;
            options = allowed.Contains(value)
                ? ConfigurationFactory.ParseString($"registry.telemetry.log.{key} = {value}").WithFallback(options)
                : throw CommandException.Usage($"{option.Name} '{value}' must be one of {string.Join(", ", allowed)}.");
        }

        return options;
    }

    // Something that a rule allows, so that the line can be pasted, where one names any.
    private static string ExampleTarget(GatewayOptions options, bool dev) =>
        RegistrySettings.From(options.Registry.Configuration).AllowTargets.Concat(options.Registry.AllowTargets)
            .FirstOrDefault(rule => !rule.Contains('/', StringComparison.Ordinal) && !rule.Contains('*', StringComparison.Ordinal) && !rule.Contains(',', StringComparison.Ordinal)) ?? (dev ? "127.0.0.1:5432" : "HOST:PORT");

    private static async Task GreetAsync(TextWriter output, Gateway gateway, GatewayOptions options, bool dev)
    {
        var url = options.ClientUrl(gateway.Url);
        if (dev)
            await output.WriteLineAsync("WARNING: --dev lets everyone who can reach this gateway connect to every port on this machine's loopback. Not for production.");
        if (options.WhyNotBeyondLoopback is { } why)
            await output.WriteLineAsync($"WARNING: other machines reach this gateway, and {why}. --insecure allows it.");
        foreach (var remark in RemarksOn(options, gateway.Services.GetService<ServerCertificate>(), gateway.Services.GetService<ApiKeys>()))
            await output.WriteLineAsync($"WARNING: {remark}");
        await output.WriteLineAsync($"Dashboard: {url}/");
        await output.WriteLineAsync($"Client:    registry forward -L 15432:{ExampleTarget(options, dev)} --gateway {url}{(options.Security.IsClosed ? " --key-file FILE" : "")}");
        if (!options.HasRules)
            await output.WriteLineAsync(NoRule);
        if (gateway.Membership is { IsOpen: true })
            await output.WriteLineAsync("WARNING: the cluster's port is open beyond this machine and has no TLS: whoever reaches it can take part. Set registry.cluster.tls, or use a network of the cluster's own.");
        if (gateway.Membership is { } membership)
        {
            if (membership is { State: NodeState.Joining, Tried: { } where })
                await output.WriteLineAsync($"This node is joining {where}, and takes no tubes until it has.");
            await output.WriteLineAsync($"Cluster:   {membership.Address}");
        }

        await output.FlushAsync();
    }
}
