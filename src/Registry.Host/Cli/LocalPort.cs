using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>A port of this machine and what its clients reach through a gateway.</summary>
/// <param name="Listen">Where clients connect; port 0 for any free one.</param>
internal abstract record LocalPort(IPEndPoint Listen)
{
    /// <summary>The option that says it.</summary>
    public abstract string Option { get; }

    /// <summary>What they reach, for people.</summary>
    public abstract string Target { get; }

    /// <summary>What the tube's half in this process does.</summary>
    /// <param name="listen">The listener's address.</param>
    public abstract ConversationSettings LocalSettings(IPEndPoint listen);

    /// <summary>What the gateway's half does, as the HTTP API takes it.</summary>
    public abstract Dictionary<string, JsonElement> GatewaySettings { get; }
}
