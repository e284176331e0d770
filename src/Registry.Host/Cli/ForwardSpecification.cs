using System.Globalization;
using System.Net;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>What <c>-L [bind:]port:host:hostport</c> says, in the manner of ssh.</summary>
/// <param name="Listen">Where clients connect on this machine; port 0 for any free one.</param>
/// <param name="TargetHost">Name or address the gateway dials.</param>
/// <param name="TargetPort">TCP port the gateway dials.</param>
internal sealed record ForwardSpecification(IPEndPoint Listen, string TargetHost, int TargetPort) : ForwardedPort(Listen)
{
    private const string Form = "must be [bind:]port:host:hostport, such as 15432:127.0.0.1:5432 or [::1]:8080:[::1]:80";

    /// <summary>The target as <c>host:port</c>.</summary>
    public override string Target => TargetText(TargetHost, TargetPort);

    public override string Option => "-L";

    /// <summary>Whether only this process connects there, once.</summary>
    public bool IsStdio { get; private init; }

    public override string NameOf(IPEndPoint listen) => IsStdio ? Target : base.NameOf(listen);

    public override ConversationSettings LocalSettings(IPEndPoint listen) => TunnelSettings.Listen(listen);

    public override Dictionary<string, JsonElement> GatewaySettings(IPEndPoint listen) => TubeSettings.Of(new { conversationType = "tunnel", target_host = TargetHost, target_port = TargetPort });

    /// <exception cref="CommandException">The text has another form; the message names the part.</exception>
    public static ForwardSpecification Parse(string text)
    {
        var (listen, host, port) = Read("-L", text);
        return new(listen, host, port);
    }

    /// <summary>Reads the form that <c>-L</c> and <c>-R</c> share.</summary>
    /// <exception cref="CommandException">The text has another form; the message names option and part.</exception>
    public static (IPEndPoint Listen, string Host, int Port) Read(string option, string text)
    {
        var given = $"{option} '{text}'";
        var parts = Split(text);
        if (parts is not { Count: 3 or 4 })
            throw CommandException.Usage($"{given} {Form}.");
        var bind = parts.Count == 4 ? ReadBind(parts[0], given) : IPAddress.Loopback;
        var rest = parts[^3..];
        if (Uri.CheckHostName(rest[1]) == UriHostNameType.Unknown)
            throw CommandException.Usage($"{given}: '{rest[1]}' is not a host name or address. It {Form}.");
        return (new(bind, ReadPort(rest[0], 0, given)), rest[1], ReadPort(rest[2], 1, given));
    }

    /// <summary>A target as <c>host:port</c>.</summary>
    public static string TargetText(string host, int port) => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{port}" : $"{host}:{port}";

    /// <summary>Reads <c>--stdio host:port</c>: a target, and any free port that only this process is to know.</summary>
    /// <exception cref="CommandException">The text has another form.</exception>
    public static ForwardSpecification ParseStdio(string text) =>
        Split(text) is [var host, var port] && Uri.CheckHostName(host) != UriHostNameType.Unknown
        && ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? new(new(IPAddress.Loopback, 0), host, number) { IsStdio = true }
            : throw CommandException.Usage($"--stdio '{text}' must be host:port, such as build.internal:22 or [::1]:22.");

    private static IPAddress ReadBind(string bind, string given) =>
        bind == "localhost" ? IPAddress.Loopback
        : IPAddress.TryParse(bind, out var address) ? address
        : throw CommandException.Usage($"{given}: the address to listen on, '{bind}', must be an IP address of the machine that listens, such as 127.0.0.1, or 0.0.0.0 for all.");

    private static int ReadPort(string port, int least, string given) =>
        ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            ? number
            : throw CommandException.Usage($"{given}: '{port}' is not a port from {least} to 65535. It {Form}.");

    // Colons separate, except inside brackets, which hold an IPv6 address.
    private static List<string>? Split(string text)
    {
        var parts = new List<string>();
        var rest = text.AsSpan();
        while (true)
        {
            var bracketed = rest.StartsWith("[");
            var end = bracketed ? rest.IndexOf(']') : rest.IndexOf(':');
            if (bracketed && end < 0)
                return null;
            parts.Add((bracketed ? rest[1..end] : end < 0 ? rest : rest[..end]).ToString());
            rest = bracketed ? rest[(end + 1)..] : end < 0 ? default : rest[end..];
            if (rest.IsEmpty)
                return parts;
            if (rest[0] != ':')
                return null;
            rest = rest[1..];
        }
    }
}
