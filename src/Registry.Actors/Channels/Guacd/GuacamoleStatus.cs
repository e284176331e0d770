using System.Globalization;

namespace Registry.Actors.Channels.Guacd;

/// <summary>The status codes of the Guacamole protocol's <c>error</c>.</summary>
internal static class GuacamoleStatus
{
    // Whoever reads it is a person; guacd's own are shorter.
    private const int MaxText = 256;

    /// <summary>What an error says, for people.</summary>
    /// <param name="error">Its text and then its code.</param>
    public static string Tell(GuacamoleInstruction error)
    {
        var text = error.Arguments is [{ Length: > 0 } said, ..] ? said : "no reason was given";
        if (text.Length > MaxText)
            text = text[..(char.IsHighSurrogate(text[MaxText - 1]) ? MaxText - 1 : MaxText)];
        return error.Arguments is [_, var status, ..] && int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out var code)
            ? $"guacd reported an error: {text.TrimEnd('.')} ({Name(code)}, 0x{code:X4})."
            : $"guacd reported an error: {text.TrimEnd('.')}.";
    }

    private static string Name(int code) => code switch
    {
        0x0100 => "UNSUPPORTED",
        0x0200 => "SERVER_ERROR",
        0x0201 => "SERVER_BUSY",
        0x0202 => "UPSTREAM_TIMEOUT",
        0x0203 => "UPSTREAM_ERROR",
        0x0204 => "RESOURCE_NOT_FOUND",
        0x0205 => "RESOURCE_CONFLICT",
        0x0206 => "RESOURCE_CLOSED",
        0x0207 => "UPSTREAM_NOT_FOUND",
        0x0208 => "UPSTREAM_UNAVAILABLE",
        0x0209 => "SESSION_CONFLICT",
        0x020A => "SESSION_TIMEOUT",
        0x020B => "SESSION_CLOSED",
        0x0300 => "CLIENT_BAD_REQUEST",
        0x0301 => "CLIENT_UNAUTHORIZED",
        0x0303 => "CLIENT_FORBIDDEN",
        0x0308 => "CLIENT_TIMEOUT",
        0x030D => "CLIENT_OVERRUN",
        0x030F => "CLIENT_BAD_TYPE",
        0x031D => "CLIENT_TOO_MANY",
        _ => "unknown status",
    };
}
