using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Registry.Actors.Channels;
using Registry.Host.Api;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>forward -L [bind:]port:host:hostport</c>.</summary>
internal static class ForwardCommand
{
    public static Command Create()
    {
        var specification = new Option<string>("-L")
        {
            Description = "Listen on [bind:]port here (loopback and port 0 = any free one unless told otherwise) and reach host:hostport from the gateway.",
            HelpName = "[bind:]port:host:hostport",
            Required = true,
        };
        var gateway = new Option<string[]>("--gateway")
        {
            Description = "A gateway's HTTP address. May be repeated: they are asked in turn, and one that works is kept.",
            HelpName = "URL",
            DefaultValueFactory = _ => [GatewayOptions.DefaultHttp],
        };
        var command = new Command("forward", "Forward a local TCP port through a tube to a target the gateway can reach. Ctrl-C closes it.") { specification, gateway, SharedOptions.Json };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var forward = ForwardSpecification.Parse(result.GetRequiredValue(specification));
            Uri[] gateways = [.. result.GetRequiredValue(gateway).Select(GatewayClient.ParseGateway)];
            var console = result.InvocationConfiguration;
            await RunAsync(forward, gateways, new Report(console.Output, console.Error, result.GetValue(SharedOptions.Json)), cancellationToken);
            return ExitCode.Ok;
        }));
        return command;
    }

    /// <summary>Forwards until the token ends it.</summary>
    public static async Task RunAsync(ForwardSpecification forward, IReadOnlyList<Uri> gateways, IForwardReport report, CancellationToken cancellationToken)
    {
        using var listener = Listen(forward.Listen);
        await using var registry = await InProcessRegistry.StartAsync(new()
        {
            // Tubes of one process to one gateway cannot share a socket on both sides: DTLS names no connection.
            PeerConnections = new() { SocketPerConnection = true },
            Listeners = [listener],
            ConnectionRefused = (reason, text) => report.Warn($"{forward.Target}: {text} ({reason.Name})"),
        }, cancellationToken);
        GatewayClient[] clients = [.. gateways.Select(gateway => new GatewayClient(gateway))];
        try
        {
            await new Forwarder(registry.Registry, clients, forward, listener.EndPoint, report).RunAsync(cancellationToken);
        }
        finally
        {
            foreach (var client in clients)
                client.Dispose();
        }
    }

    private static TunnelListener Listen(IPEndPoint endPoint)
    {
        try
        {
            return new(endPoint);
        }
        catch (SocketException e)
        {
            throw new CommandException(ExitCode.AddressUnavailable, $"-L: cannot listen on {endPoint}: {e.Message}. Choose another port, or 0 for any free one.");
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
