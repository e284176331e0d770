using System.CommandLine;
using System.Runtime.InteropServices;
using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving;

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

    private static readonly Option<ushort> UdpPort = new("--udp-port") { Description = "UDP port of all tubes; 0 = any free one.", HelpName = "N" };

    private static readonly Option<string[]> Allow = new("--allow")
    {
        Description = "Target that tubes may reach, as host-or-cidr:port[,port], port * = any. May be repeated. Without a rule nothing is reachable.",
        HelpName = "RULE",
    };

    private static readonly Option<bool> Dev = new("--dev") { Description = "Let tubes reach every port of this machine's loopback. For development only." };

    private static readonly Option<bool> Insecure = new("--insecure") { Description = "Let other machines reach the HTTP interface without authentication or TLS. Says loudly what that means." };

    public static readonly Option<string?> ConfigFile = new("--config") { Description = "HOCON file whose settings replace those of hocon/registry.conf.", HelpName = "FILE.conf" };

    public static readonly Option<string[]> Set = new("--set") { Description = "One setting; wins over every file. May be repeated.", HelpName = "key=value" };

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

    public static Command Create()
    {
        var command = new Command("serve", "Run the gateway (the default verb).") { Http, Insecure, ConfigFile, UdpPort, Allow, Dev, Cluster, Seed, Set };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var dev = result.GetValue(Dev);
            var options = Read(result, dev);
            await using var gateway = await Gateway.StartAsync(options, cancellationToken: cancellationToken);
            using var reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                Reload(result, dev, gateway);
            });
            await GreetAsync(result.InvocationConfiguration.Output, gateway, options, dev);
            await gateway.RunAsync(cancellationToken);
            return ExitCode.Ok;
        }));
        return command;
    }

    private static GatewayOptions Read(ParseResult result, bool dev)
    {
        var seeds = result.GetValue(Seed) ?? [];
        var configuration = GatewayConfiguration.Read(result.GetValue(ConfigFile), result.GetValue(Set) ?? [], ClusterOptions(result.GetValue(Cluster), seeds));
        if (seeds.Length > 0 && !TubeRegistryClusterOptions.From(configuration).Enabled)
            throw CommandException.Usage("--seed is for a node of a cluster: add --cluster HOST:PORT, the address that the other nodes reach this one at.");
        string[] loopback = dev ? ["127.0.0.0/8:*", "[::1]:*", "localhost:*"] : [];
        var (http, isHttps) = GatewayOptions.ParseHttp(result.GetRequiredValue(Http));
        var options = new GatewayOptions
        {
            Http = http,
            IsHttps = isHttps,
            Security = SecuritySettings.From(configuration),
            Audit = AuditSettings.From(configuration),
            Limits = RequestLimits.From(configuration),
            Registry = new()
            {
                Configuration = configuration,
                PeerConnections = new() { UdpPort = result.GetValue(UdpPort) },
                AllowTargets = [.. result.GetValue(Allow) ?? [], .. loopback],
            },
        };
        if (isHttps && options.Security.Certificate is null)
            throw CommandException.Usage($"--http https://{http} needs a certificate: set registry.http.tls.certificate and registry.http.tls.key.");
        if (!result.GetValue(Insecure) && options.WhyNotBeyondLoopback is { } why)
            throw CommandException.Usage($"--http {http} can be reached from other machines, and {why}. --insecure serves all the same.");
        return options;
    }

    // What is wrong stays as it was; the rest changes all the same.
    private static void Reload(ParseResult result, bool dev, Gateway gateway)
    {
        ReloadTargets(result, dev, gateway.Targets);
        var error = result.InvocationConfiguration.Error;
        foreach (var (name, reload) in gateway.Reloadable)
        {
            try
            {
                reload();
                error.WriteLine($"registry: {name} read again.");
            }
            catch (CommandException e)
            {
                error.WriteLine($"registry: {name} not read again, and as before: {e.Message}");
            }
        }
    }

    private static void ReloadTargets(ParseResult result, bool dev, TubeTargets targets)
    {
        var error = result.InvocationConfiguration.Error;
        try
        {
            var read = Read(result, dev).Registry;
            var rules = RegistrySettings.From(read.Configuration).AllowTargets.Concat(read.AllowTargets).ToArray();
            var ended = targets.Change(rules);
            error.WriteLine($"registry: {rules.Length} target rules were read again; {ended} connections that they do not allow ended.");
        }
        catch (Exception e) when (e is CommandException or FormatException)
        {
            error.WriteLine($"registry: the target rules stay as they are: {e.Message}");
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

    private static async Task GreetAsync(TextWriter output, Gateway gateway, GatewayOptions options, bool dev)
    {
        var url = gateway.Url;
        if (dev)
            await output.WriteLineAsync("WARNING: --dev lets everyone who can reach this gateway connect to every port on this machine's loopback. Not for production.");
        if (options.WhyNotBeyondLoopback is { } why)
            await output.WriteLineAsync($"WARNING: other machines reach this gateway, and {why}. --insecure allows it.");
        await output.WriteLineAsync($"Dashboard: {url}");
        await output.WriteLineAsync($"Client:    registry forward -L 15432:127.0.0.1:5432 --gateway {url.GetLeftPart(UriPartial.Authority)}");
        if (gateway.Membership is { IsOpen: true })
            await output.WriteLineAsync("WARNING: the cluster's port is open beyond this machine and has no TLS: whoever reaches it can take part. Set registry.cluster.tls, or use a network of the cluster's own.");
        if (gateway.Membership is { } membership)
            await output.WriteLineAsync($"Cluster:   {membership.Address}");
        await output.FlushAsync();
    }
}
