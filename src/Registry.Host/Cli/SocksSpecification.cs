using System.Globalization;
using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>What <c>-D [bind:]port</c> says, in the manner of ssh.</summary>
/// <param name="Listen">Where SOCKS5 clients connect; port 0 for any free one.</param>
internal sealed record SocksSpecification(IPEndPoint Listen) : ForwardedPort(Listen)
{
    public override string Target => "what SOCKS5 clients ask for";

    public override string Option => "-D";

    public override string Announce(IPEndPoint listen, string node) => $"SOCKS5 proxy on {listen}, connecting from {node}";

    public override ConversationSettings LocalSettings(IPEndPoint listen) => SocksSettings.Listen(listen);

    public override Dictionary<string, JsonElement> GatewaySettings(IPEndPoint listen) => TubeSettings.Of(new { conversationType = "socks5" });

    /// <exception cref="CommandException">The text has another form.</exception>
    public static SocksSpecification Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        var bind = colon < 0 ? "127.0.0.1" : text[..colon];
        var isBracketed = bind is ['[', .., ']'];
        if (bind == "localhost")
            bind = "127.0.0.1";
        if (!ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || bind.Contains(':', StringComparison.Ordinal) != isBracketed
            || !IPAddress.TryParse(isBracketed ? bind[1..^1] : bind, out var address))
            throw CommandException.Usage($"-D '{text}' must be [bind:]port with an IP address of this machine, such as 1080 or [::1]:1080.");
        return new(new IPEndPoint(address, port));
    }
}
