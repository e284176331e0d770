using System.Globalization;
using Registry.Messages;

namespace Registry.Actors.Channels.Guacd;

/// <summary>What the parameters of a session are when guacd asks for them, by plain name.</summary>
internal static class GuacdValues
{
    private const string AzureDomain = "AzureAD";

    /// <summary>The values of a session: as given, or, of one that joins another's, only whether it may do more than watch.</summary>
    public static Dictionary<string, string> Of(GuacdSettings settings)
    {
        if (settings.ConnectionId is not null)
            return settings.IsReadOnly ? new() { ["readonly"] = "true" } : [];
        var values = settings.Parameters.All.ToDictionary(p => GuacdParameters.Plain(p.Key), p => p.Value);
        if (settings.Type == "rdp")
            SplitUser(values);
        return values;
    }

    /// <summary>Says where a target is; the port is always said, because guacd's own standard may be another.</summary>
    public static void SetTarget(Dictionary<string, string> values, GuacdTarget target, string host)
    {
        values[GuacdParameters.Plain(target.HostParameter)] = host;
        if (target.PortParameter is { } port)
            values[GuacdParameters.Plain(port)] = target.Port.ToString(CultureInfo.InvariantCulture);
    }

    // As with the original, a Windows user may be given with the domain in front.
    private static void SplitUser(Dictionary<string, string> values)
    {
        if (!values.TryGetValue("username", out var user) || user.IndexOf('\\', StringComparison.Ordinal) is not (> 0 and var at) || values.GetValueOrDefault("domain") is { Length: > 0 })
            return;
        values["username"] = user[(at + 1)..];
        if (user[..at].Equals(AzureDomain, StringComparison.OrdinalIgnoreCase))
            values.TryAdd("security", "aad");
        else
            values["domain"] = user[..at];
    }
}
