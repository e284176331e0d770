using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>What <c>-R [bind:]port:host:hostport</c> says, in the manner of ssh.</summary>
/// <param name="Listen">Where clients connect on the gateway's machine; port 0 for any free one.</param>
/// <param name="TargetHost">Name or address this process dials, and nothing else for this port.</param>
/// <param name="TargetPort">TCP port it dials.</param>
internal sealed record RemoteForwardSpecification(IPEndPoint Listen, string TargetHost, int TargetPort) : ForwardedPort(Listen)
{
    public override string Option => "-R";

    /// <summary>The target as <c>host:port</c>, which is also the rule that allows it.</summary>
    public override string Target => ForwardSpecification.TargetText(TargetHost, TargetPort);

    public override bool IsAtGateway => true;

    public override ConversationSettings LocalSettings(IPEndPoint listen) => TunnelSettings.Dial(TargetHost, TargetPort);

    public override Dictionary<string, JsonElement> GatewaySettings(IPEndPoint listen) => TubeSettings.Of(new { conversationType = "tunnel", local_listen_addr = listen.ToString() });

    /// <exception cref="CommandException">The text has another form; the message names the part.</exception>
    public static RemoteForwardSpecification Parse(string text)
    {
        var (listen, host, port) = ForwardSpecification.Read("-R", text);
        return new(listen, host, port);
    }
}
