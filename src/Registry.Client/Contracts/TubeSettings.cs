using System.Text.Json;

namespace Registry.Client;

/// <summary>Makes <see cref="CreateTubeBody.Settings"/>.</summary>
public static class TubeSettings
{
    /// <summary>The settings that an object's members are, as in <c>TubeSettings.Of(new { conversationType = "tunnel", target_host = "db.example", target_port = 5432 })</c>.</summary>
    /// <param name="members">An object whose members have the settings' own names.</param>
    /// <exception cref="ArgumentException">It is a text, a number or a list.</exception>
    public static Dictionary<string, JsonElement> Of(object members)
    {
        ArgumentNullException.ThrowIfNull(members);
        var element = JsonSerializer.SerializeToElement(members, members.GetType());
        return element.ValueKind == JsonValueKind.Object
            ? element.EnumerateObject().ToDictionary(member => member.Name, member => member.Value, StringComparer.Ordinal)
            : throw new ArgumentException($"Settings are an object's members, and this is {element.ValueKind}.", nameof(members));
    }
}
