using System.Net;
using Registry.Host.Cli;

namespace Registry.Host.Serving;

/// <summary>What <c>serve</c> was told.</summary>
internal sealed record GatewayOptions
{
    /// <summary>Where the HTTP interface listens when nothing is said.</summary>
    public const string DefaultHttp = "http://127.0.0.1:8080";

    /// <summary>Address and port of the HTTP interface; port 0 for any free one.</summary>
    public required IPEndPoint Http { get; init; }

    /// <summary>The registry behind it.</summary>
    public RegistrySetup Registry { get; init; } = new();

    /// <summary>The least level that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Reads <c>--http</c>.</summary>
    /// <exception cref="CommandException">The text is not an http URL of a loopback address.</exception>
    public static IPEndPoint ParseHttp(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttp || url.PathAndQuery != "/" || url.UserInfo.Length > 0)
            throw CommandException.Usage($"--http '{text}' must be a URL such as {DefaultHttp}, without a path.");
        var address = url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            ? IPAddress.Loopback
            : IPAddress.TryParse(url.DnsSafeHost, out var parsed) ? parsed : null;
        if (address is null || !IPAddress.IsLoopback(address))
            throw CommandException.Usage(
                $"--http '{text}' is not a loopback address. This version has no authentication and so serves its own machine only: "
                + $"use {DefaultHttp}, and reach it from elsewhere through a reverse proxy that authenticates.");
        return new(address, url.Port);
    }
}
