using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Registry.Actors.Channels;
using Registry.Host.Api;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>forward -L [bind:]port:host:hostport</c> (several) and <c>socks -D [bind:]port</c>.</summary>
internal static class ForwardCommand
{
    private static readonly Option<string[]> Gateways = new("--gateway")
    {
        Description = "A gateway's HTTP address. May be repeated: they are asked in turn, and one that works is kept.",
        HelpName = "URL",
        DefaultValueFactory = _ => [GatewayOptions.DefaultHttp],
    };

    public static Command Create()
    {
        var specifications = new Option<string[]>("-L")
        {
            Description = "Listen on [bind:]port here (loopback and port 0 = any free one unless told otherwise) and reach host:hostport from the gateway. May be repeated.",
            HelpName = "[bind:]port:host:hostport",
            Required = true,
        };
        var command = new Command("forward", "Forward local TCP ports through tubes to targets the gateway can reach. Ctrl-C closes them.") { specifications, Gateways, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, () => [.. result.GetRequiredValue(specifications).Select(ForwardSpecification.Parse)]));
        return command;
    }

    public static Command CreateSocks()
    {
        var specification = new Option<string>("-D")
        {
            Description = "Serve SOCKS5 on [bind:]port here (loopback and port 0 = any free one unless told otherwise) and reach what its clients ask for from the gateway.",
            HelpName = "[bind:]port",
            Required = true,
        };
        var command = new Command("socks", "Serve a SOCKS5 proxy (TCP CONNECT) whose connections begin at the gateway. Ctrl-C closes it.") { specification, Gateways, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, () => [SocksSpecification.Parse(result.GetRequiredValue(specification))]));
        return command;
    }

    private static Task<int> RunAsync(ParseResult result, Func<IReadOnlyList<LocalPort>> parse) => CommandLine.RunAsync(result, async cancellationToken =>
    {
        var ports = parse();
        Uri[] gateways = [.. result.GetRequiredValue(Gateways).Select(GatewayClient.ParseGateway)];
        var console = result.InvocationConfiguration;
        await RunAsync(ports, gateways, new Report(console.Output, console.Error, result.GetValue(SharedOptions.Json)), cancellationToken);
        return ExitCode.Ok;
    });

    /// <summary>Forwards until the token ends it.</summary>
    public static async Task RunAsync(IReadOnlyList<LocalPort> ports, IReadOnlyList<Uri> gateways, IForwardReport report, CancellationToken cancellationToken)
    {
        var listeners = new List<TunnelListener>();
        try
        {
            foreach (var port in ports)
                listeners.Add(Listen(port));
            await using var registry = await InProcessRegistry.StartAsync(new()
            {
                // Tubes of one process to one gateway cannot share a socket on both sides: DTLS names no connection.
                PeerConnections = new() { SocketPerConnection = true },
                Listeners = listeners,
                ConnectionRefused = (reason, text) => report.Warn($"{string.Join(", ", ports.Select(p => p.Target))}: {text} ({reason.Name})"),
            }, cancellationToken);
            await RunAsync(ports, listeners, registry, gateways, report, cancellationToken);
        }
        finally
        {
            foreach (var listener in listeners)
                listener.Dispose();
        }
    }

    // One port's failure for good ends all: a command that serves half of what it was asked for would go unnoticed.
    private static async Task RunAsync(IReadOnlyList<LocalPort> ports, List<TunnelListener> listeners, InProcessRegistry registry, IReadOnlyList<Uri> gateways, IForwardReport report, CancellationToken cancellationToken)
    {
        GatewayClient[] clients = [.. gateways.Select(gateway => new GatewayClient(gateway))];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            Task[] running = [.. ports.Select((port, i) => new Forwarder(registry.Registry, clients, port, listeners[i].EndPoint, report).RunAsync(stop.Token))];
            var first = await Task.WhenAny(running);
            await stop.CancelAsync();
            foreach (var task in running)
                await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        finally
        {
            foreach (var client in clients)
                client.Dispose();
        }
    }

    private static TunnelListener Listen(LocalPort port)
    {
        try
        {
            return new(port.Listen);
        }
        catch (SocketException e)
        {
            throw new CommandException(ExitCode.AddressUnavailable, $"{port.Option}: cannot listen on {port.Listen}: {e.Message}. Choose another port, or 0 for any free one.");
        }
    }

    private sealed class Report(TextWriter output, TextWriter error, bool json) : IForwardReport
    {
        public void Forwarding(ForwardReady ready)
        {
            if (json)
                output.WriteLine(JsonSerializer.Serialize(ready, ApiJson.Options));
            else
                output.WriteLine($"Forwarding from {ready.Listen} -> {ready.Target} (tube {ready.TubeId}, {ready.Path})");
            output.Flush();
        }

        public void Lost(string why) => Say($"tube lost: {why} Reconnecting.");

        public void Warn(string what) => Say(what);

        private void Say(string what)
        {
            error.WriteLine($"forward: {what}");
            error.Flush();
        }
    }
}
