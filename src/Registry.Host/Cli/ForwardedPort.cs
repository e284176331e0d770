using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>A port, of this machine or of the gateway's, and what its clients reach on the other side of a tube.</summary>
/// <param name="Listen">Where clients connect; port 0 for any free one.</param>
internal abstract record ForwardedPort(IPEndPoint Listen)
{
    /// <summary>The option that says it.</summary>
    public abstract string Option { get; }

    /// <summary>What they reach, for people.</summary>
    public abstract string Target { get; }

    /// <summary>What this port is called where several may be meant.</summary>
    /// <param name="listen">Where clients connect.</param>
    public virtual string NameOf(IPEndPoint listen) => listen.ToString();

    /// <summary>Whether the port is the gateway's, and this process dials.</summary>
    public virtual bool IsAtGateway => false;

    /// <summary>What is said when it can carry traffic.</summary>
    /// <param name="listen">Where clients connect.</param>
    /// <param name="node">The gateway's node.</param>
    public virtual string Announce(IPEndPoint listen, string node) => $"Forwarding from {listen}{(IsAtGateway ? $" on {node}" : "")} -> {Target}";

    /// <summary>What the tube's half in this process does.</summary>
    /// <param name="listen">Where clients connect.</param>
    public abstract ConversationSettings LocalSettings(IPEndPoint listen);

    /// <summary>What the gateway's half does, as the HTTP API takes it.</summary>
    /// <param name="listen">Where clients connect.</param>
    public abstract Dictionary<string, JsonElement> GatewaySettings(IPEndPoint listen);
}
