using System.Text.RegularExpressions;

namespace Registry.Actors.Channels.Guacd;

/// <summary>A version of the Guacamole protocol, such as <c>VERSION_1_5_0</c>.</summary>
internal static partial class GuacdVersion
{
    /// <summary>What a guacd speaks that names no version.</summary>
    public static readonly Version Unnamed = new(1, 0, 0);

    /// <summary>The first in which the client may say where in the world it is.</summary>
    public static readonly Version WithTimeZone = new(1, 1, 0);

    /// <summary>The first in which it may say who is there.</summary>
    public static readonly Version WithName = new(1, 3, 0);

    /// <summary>The newest that is known here.</summary>
    public static readonly Version Newest = new(1, 5, 0);

    /// <summary>The version to speak with a guacd: the older one of its own and <see cref="Newest"/>.</summary>
    /// <param name="text">What it named first in its <c>args</c>.</param>
    /// <returns>Null when that is no version but the name of a parameter.</returns>
    public static Version? Agree(string text)
    {
        if (Form().Match(text) is not { Success: true } match)
            return null;
        var theirs = new Version(int.Parse(match.Groups[1].ValueSpan, null), int.Parse(match.Groups[2].ValueSpan, null), int.Parse(match.Groups[3].ValueSpan, null));
        return theirs < Newest ? theirs : Newest;
    }

    /// <summary>A version as it is named.</summary>
    public static string Name(Version version) => $"VERSION_{version.Major}_{version.Minor}_{version.Build}";

    [GeneratedRegex("^VERSION_([0-9]{1,5})_([0-9]{1,5})_([0-9]{1,5})$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
