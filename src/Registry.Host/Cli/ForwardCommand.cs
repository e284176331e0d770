using System.CommandLine;
using System.Net;
using System.Text.Json;
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
        var command = new Command("forward", "Forward a local TCP port through a tube to a target the gateway can reach. Ctrl-C closes it.") { specification, SharedOptions.Gateway, SharedOptions.Json };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var forward = ForwardSpecification.Parse(result.GetRequiredValue(specification));
            using var gateway = new GatewayClient(GatewayClient.ParseGateway(result.GetRequiredValue(SharedOptions.Gateway)));
            var console = result.InvocationConfiguration;
            await RunAsync(forward, gateway, new Report(console.Output, console.Error, result.GetValue(SharedOptions.Json)), cancellationToken);
            return ExitCode.Ok;
        }));
        return command;
    }

    /// <summary>Forwards until the token ends it.</summary>
    public static async Task RunAsync(ForwardSpecification forward, GatewayClient gateway, IForwardReport report, CancellationToken cancellationToken)
    {
        await using var registry = await InProcessRegistry.StartAsync(new()
        {
            // Tubes of one process to one gateway cannot share a socket on both sides: DTLS names no connection.
            PeerConnections = new() { SocketPerConnection = true },
            // Who writes another address behind -L wants it.
            ListenBeyondLoopback = !IPAddress.IsLoopback(forward.Listen.Address),
            ConnectionRefused = (reason, text) => report.Warn($"{forward.Target}: {text} ({reason.Name})"),
        }, cancellationToken);
        await new Forwarder(registry.Registry, gateway, forward, report).RunAsync(cancellationToken);
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
