using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Registry.Messages;

/// <summary>Reads a settings map. Nothing is guessed: an unknown key, a wrong type or a contradiction is refused and named.</summary>
public static class ConversationSettingsReader
{
    private const string TypeKey = "conversationType";
    private const string ListenKey = "local_listen_addr";
    private const string HostKey = "target_host";
    private const string PortKey = "target_port";
    private const string SocksKey = "socks_mode";
    private const string AllowedHostsKey = "allowed_hosts";
    private const string AllowedPortsKey = "allowed_ports";
    private const string HandlerKey = "handler";
    private const string GuacdKey = "guacd";
    private const string GuacdHostKey = "guacd_host";
    private const string GuacdPortKey = "guacd_port";
    private const string GuacdParametersKey = "guacd_params";
    private const string Types = "\"tunnel\", \"socks5\", \"raw\", \"handler\", \"echo\" or, for guacd, \"rdp\", \"ssh\", \"vnc\", \"telnet\", \"http\", \"kubernetes\", \"mysql\", \"postgresql\", \"sql-server\"";

    private const string ListenForm = "must be a string \"ip:port\" such as \"127.0.0.1:0\" or \"[::1]:8080\"; names are not taken";

    private static readonly HashSet<string> LaterTypes = ["python_handler"];

    // Keys of the original that this version does not read: refusing them beats ignoring what the caller relies on.
    private static readonly HashSet<string> LaterKeys =
    [
        "tunnelType", "guacd", "guacd_params", "connect_as_settings", "proxy", "host",
        "db_params", "databaseType", "use_turn", "turn_only", "turn_url", "turn_username", "turn_password",
    ];

    /// <summary>Reads the settings of one conversation.</summary>
    /// <param name="map">Keys and JSON values.</param>
    /// <param name="settings">The settings, or null.</param>
    /// <param name="refusal">An <see cref="RefusalCode.InvalidSettings"/> that names the key and the remedy, or null.</param>
    public static bool TryRead(IReadOnlyDictionary<string, JsonElement> map, [NotNullWhen(true)] out ConversationSettings? settings, [NotNullWhen(false)] out Refused? refusal)
    {
        settings = null;
        refusal = null;
        if (map.FirstOrDefault(m => !IsText(m.Value)) is { Key: { } broken })
            refusal = Invalid(Shown(broken), "holds half of a surrogate pair, which is no text");
        else if (!map.TryGetValue(TypeKey, out var typeValue))
            refusal = Invalid(TypeKey, $"is missing; give {Types}");
        else if (typeValue.ValueKind != JsonValueKind.String)
            refusal = Invalid(TypeKey, $"is {Kind(typeValue)}; give a string, {Types}");
        else
            settings = typeValue.GetString() switch
            {
                "tunnel" => ReadTunnel(map, out refusal),
                "socks5" => ReadSocks(map, out refusal),
                "raw" => ReadRaw(map, out refusal),
                "handler" => ReadHandler(map, out refusal),
                "echo" => ReadEcho(map, out refusal),
                "postgres" => ReadGuacd("postgresql", map, out refusal),
                { } guacd when GuacdSettings.Types.Contains(guacd) => ReadGuacd(guacd, map, out refusal),
                { } later when LaterTypes.Contains(later) => Fail(out refusal, TypeKey, $"\"{later}\" is not supported by this version yet; give {Types}"),
                var unknown => Fail(out refusal, TypeKey, $"\"{Shown(unknown!)}\" is unknown; give {Types}"),
            };
        return refusal is null && settings is not null;
    }

    private static EchoSettings? ReadEcho(IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        refusal = RefuseUnread(map, "echo", TypeKey);
        return refusal is null ? new EchoSettings() : null;
    }

    private static ConversationSettings? ReadHandler(IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        refusal = RefuseUnread(map, "handler", TypeKey, HandlerKey);
        if (refusal is not null)
            return null;
        return map.TryGetValue(HandlerKey, out var name) && name.ValueKind == JsonValueKind.String && HandlerSettings.IsName(name.GetString())
            ? new HandlerSettings(name.GetString()!)
            : Fail(out refusal, HandlerKey, $"must be the name of a handler: a string with 1 to {HandlerSettings.MaxLength} characters of A-Z a-z 0-9 . _ -");
    }

    private static ConversationSettings? ReadSocks(IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        refusal = RefuseUnread(map, "socks5", TypeKey, SocksKey, ListenKey, AllowedHostsKey, AllowedPortsKey);
        if (refusal is not null)
            return null;
        if (map.TryGetValue(SocksKey, out var mode) && mode.ValueKind != JsonValueKind.True)
            return Fail(out refusal, SocksKey, "must be true where a SOCKS5 conversation is meant");
        if (map.TryGetValue(ListenKey, out var listen))
        {
            if (map.ContainsKey(AllowedHostsKey) || map.ContainsKey(AllowedPortsKey))
                return Fail(out refusal, ListenKey, $"excludes {AllowedHostsKey} and {AllowedPortsKey}: they say what the end that dials may dial");
            return TryReadEndPoint(listen, out var endPoint) ? SocksSettings.Listen(endPoint) : Fail(out refusal, ListenKey, ListenForm);
        }

        if (!TryReadText(map, AllowedHostsKey, out var hosts) || hosts is not null && !AllowedTargets.TryParse(hosts, null, out _))
            return Fail(out refusal, AllowedHostsKey, $"must be a string with names, *.suffixes, IP addresses and CIDR networks, separated by commas{(hosts is not null && AllowedTargets.HostBits(hosts) is { } hostBits ? $": {hostBits}" : "")}");
        if (!TryReadText(map, AllowedPortsKey, out var ports) || ports is not null && !AllowedTargets.TryParse(null, ports, out _))
            return Fail(out refusal, AllowedPortsKey, "must be a string with ports from 1 to 65535, separated by commas");
        AllowedTargets? allowed = null;
        if (hosts is not null || ports is not null)
            AllowedTargets.TryParse(hosts, ports, out allowed);
        return SocksSettings.Dial(allowed);
    }

    private static ConversationSettings? ReadTunnel(IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        // As with the original, rules for hosts or ports make a tunnel a SOCKS5 proxy.
        if (map.ContainsKey(AllowedHostsKey) || map.ContainsKey(AllowedPortsKey) || map.TryGetValue(SocksKey, out var mode) && mode.ValueKind != JsonValueKind.False)
            return ReadSocks(map, out refusal);
        refusal = RefuseUnread(map, "tunnel", TypeKey, ListenKey, HostKey, PortKey, SocksKey);
        if (refusal is not null)
            return null;
        if (map.TryGetValue(ListenKey, out var listen))
        {
            if (map.ContainsKey(HostKey) || map.ContainsKey(PortKey))
                return Fail(out refusal, ListenKey, $"excludes {HostKey} and {PortKey}: one end of a tunnel listens and the other dials. Keep what this end does");
            return TryReadEndPoint(listen, out var endPoint)
                ? TunnelSettings.Listen(endPoint)
                : Fail(out refusal, ListenKey, ListenForm);
        }

        if (!map.ContainsKey(HostKey))
            return Fail(out refusal, HostKey, $"is missing; give {HostKey} and {PortKey} for the end that dials, or {ListenKey} for the end that listens");
        return TryReadTarget(map, out var host, out var port, out refusal) ? TunnelSettings.Dial(host, port) : null;
    }

    private static RawSettings? ReadRaw(IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        refusal = RefuseUnread(map, "raw", TypeKey, HostKey, PortKey);
        return refusal is null && TryReadTarget(map, out var host, out var port, out refusal) ? RawSettings.Dial(host, port) : null;
    }

    private static ConversationSettings? ReadGuacd(string type, IReadOnlyDictionary<string, JsonElement> map, out Refused? refusal)
    {
        refusal = RefuseUnread(map, type, TypeKey, GuacdKey, GuacdParametersKey);
        if (refusal is not null || !TryReadGuacd(map, out var host, out var port, out refusal))
            return null;
        Dictionary<string, JsonElement> given = [];
        if (map.TryGetValue(GuacdParametersKey, out var parameters) && !TryReadObject(parameters, out given))
            return Fail(out refusal, GuacdParametersKey, "must be an object with guacd's parameters, none of them twice");
        var texts = given.Where(p => p.Value.ValueKind != JsonValueKind.Null).Select(p => KeyValuePair.Create(p.Key, ParameterText(p.Value)));
        return GuacdSettings.TryCreate(type, texts, host, port, out var settings, out var error) ? settings : Fail(out refusal, Shown(error.Key), error.What);
    }

    // The original's guacd_host and guacd_port; without them it is the node's guacd.
    private static bool TryReadGuacd(IReadOnlyDictionary<string, JsonElement> map, out string? host, out int port, out Refused? refusal)
    {
        (host, port, refusal) = (null, 0, null);
        if (!map.TryGetValue(GuacdKey, out var guacd))
            return true;
        if (!TryReadObject(guacd, out var place))
            refusal = Invalid(GuacdKey, $"must be an object with {GuacdHostKey} and {GuacdPortKey}");
        else if (place.Keys.FirstOrDefault(k => k is not (GuacdHostKey or GuacdPortKey)) is { } unknown)
            refusal = Invalid($"{GuacdKey}.{Shown(unknown)}", $"is unknown; {GuacdKey} takes {GuacdHostKey} and {GuacdPortKey}");
        else if (!place.TryGetValue(GuacdHostKey, out var name) || name.ValueKind != JsonValueKind.String || !TunnelSettings.IsHost(name.GetString()))
            refusal = Invalid($"{GuacdKey}.{GuacdHostKey}", "must be a string with the host name or IP address of guacd");
        else if (!place.TryGetValue(GuacdPortKey, out var number) || !TryReadPort(number, out port))
            refusal = Invalid($"{GuacdKey}.{GuacdPortKey}", "must be a number from 1 to 65535, or that number as a string");
        else
            host = name.GetString();
        return refusal is null;
    }

    // JSON may hold halves of surrogate pairs, which throw once they are read.
    private static bool IsText(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString() is not null,
                JsonValueKind.Array => value.EnumerateArray().All(IsText),
                JsonValueKind.Object => value.EnumerateObject().All(m => m.Name.Length >= 0 && IsText(m.Value)),
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool TryReadObject(JsonElement value, out Dictionary<string, JsonElement> members)
    {
        members = [];
        if (value.ValueKind != JsonValueKind.Object)
            return false;
        foreach (var member in value.EnumerateObject())
            if (!members.TryAdd(member.Name, member.Value))
                return false;
        return true;
    }

    // As the original does: a list is joined with commas, and what has members stays JSON.
    private static string ParameterText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Join(',', value.EnumerateArray().Where(v => v.ValueKind != JsonValueKind.Null).Select(ParameterText)),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => value.GetRawText(),
    };

    private static bool TryReadTarget(IReadOnlyDictionary<string, JsonElement> map, [NotNullWhen(true)] out string? host, out int port, out Refused? refusal)
    {
        (host, port, refusal) = (null, 0, null);
        if (!map.TryGetValue(HostKey, out var name))
            refusal = Invalid(HostKey, "is missing; give the target's name or IP address");
        else if (name.ValueKind != JsonValueKind.String || !TunnelSettings.IsHost(name.GetString()))
            refusal = Invalid(HostKey, "must be a string with a host name or an IP address");
        else if (!map.TryGetValue(PortKey, out var number))
            refusal = Invalid(PortKey, "is missing; give the target's TCP port, 1 to 65535");
        else if (!TryReadPort(number, out port))
            refusal = Invalid(PortKey, "must be a number from 1 to 65535, or that number as a string");
        else
            host = name.GetString()!;
        return host is not null;
    }

    private static Refused? RefuseUnread(IReadOnlyDictionary<string, JsonElement> map, string type, params ReadOnlySpan<string> read)
    {
        foreach (var key in map.Keys)
        {
            if (read.Contains(key))
                continue;
            if (LaterKeys.Contains(key))
                return Invalid(key, "is known but not supported by this version; leave it out");
            return Invalid(Shown(key), $"is unknown for type \"{type}\"; it takes {string.Join(", ", read)}");
        }

        return null;
    }

    private static bool TryReadEndPoint(JsonElement value, [NotNullWhen(true)] out IPEndPoint? endPoint)
    {
        endPoint = null;
        // IPEndPoint.TryParse also takes an address without a port, which then would be 0 by accident.
        return value.ValueKind == JsonValueKind.String
            && value.GetString() is { } text
            && text.LastIndexOf(':') is > 0 and var colon
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out _)
            && (text[0] == '[' ? text[colon - 1] == ']' : text.IndexOf(':') == colon)
            && IPEndPoint.TryParse(text, out endPoint);
    }

    private static bool TryReadText(IReadOnlyDictionary<string, JsonElement> map, string key, out string? text)
    {
        text = map.TryGetValue(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return text is not null || !map.ContainsKey(key);
    }

    private static bool TryReadPort(JsonElement value, out int port)
    {
        port = 0;
        var isNumber = value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetInt32(out port),
            JsonValueKind.String => int.TryParse(value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out port),
            _ => false,
        };
        return isNumber && port is >= 1 and <= IPEndPoint.MaxPort;
    }

    private static ConversationSettings? Fail(out Refused? refusal, string key, string what)
    {
        refusal = Invalid(key, what);
        return null;
    }

    private static Refused Invalid(string key, string what) => new(RefusalCode.InvalidSettings, $"settings.{key} {what}.") { Key = key };

    private static string Kind(JsonElement value) => value.ValueKind.ToString().ToLowerInvariant();

    private static string Shown(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
