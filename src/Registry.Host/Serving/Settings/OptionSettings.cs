namespace Registry.Host.Serving.Settings;

/// <summary>Settings that people look for and that are options of <c>serve</c>.</summary>
internal static class OptionSettings
{
    private const string UdpPort = "--udp-port of serve";

    private const string Http = $"--http of serve, such as --http {GatewayOptions.DefaultHttp}";

    private static readonly Dictionary<string, string> known = new(StringComparer.Ordinal)
    {
        ["registry.udp-port"] = UdpPort,
        ["registry.webrtc.udp-port"] = UdpPort,
        ["registry.http.port"] = Http,
        ["registry.http.listen"] = Http,
        ["registry.http.address"] = Http,
    };

    /// <summary>The option that a setting is, and how it is written; null for none.</summary>
    public static string? Of(string key) => known.GetValueOrDefault(key);
}
