using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Reads what stands in paths and queries. What is wrong is named.</summary>
internal static class Arguments
{
    /// <summary>The close reasons that a caller can know to be true; those of operators first. All others the gateway finds out itself.</summary>
    public static readonly CloseReason[] CallersReasons = [CloseReason.AdminClosed, CloseReason.AIClosed, CloseReason.Client, CloseReason.Normal];

    private static readonly CloseReason[] reasonsOfOthers = [CloseReason.Client, CloseReason.Normal];

    public static bool TryTubeId(string? text, out TubeId id, [NotNullWhen(false)] out Problem? problem)
    {
        problem = TubeId.TryParse(text, out id)
            ? null
            : Problem.InvalidRequest("tubeId", $"'tubeId' must be 1 to {TubeId.MaxLength} characters of A-Z a-z 0-9 . _ -.");
        return problem is null;
    }

    public static bool TryConversationId(string? text, out ConversationId id, [NotNullWhen(false)] out Problem? problem)
    {
        problem = ConversationId.TryParse(text, out id)
            ? null
            : Problem.InvalidRequest("conversationId", $"'conversationId' must be a string of 1 to {ConversationId.MaxLength} printable characters.");
        return problem is null;
    }

    /// <summary>Reads a close reason given as number or name, one of those that are for the caller to give; the first of them when it is left out.</summary>
    public static bool TryCloseReason(string? text, Caller caller, out CloseReason reason, [NotNullWhen(false)] out Problem? problem)
    {
        var allowed = caller.ActsOnAll ? CallersReasons : reasonsOfOthers;
        reason = allowed[0];
        problem = null;
        if (string.IsNullOrEmpty(text))
            return true;
        var given = allowed.Where(each => each.Name.Equals(text, StringComparison.OrdinalIgnoreCase) || each.Code.ToString(CultureInfo.InvariantCulture) == text).ToArray();
        if (given is [var one])
            reason = one;
        else
            problem = Problem.InvalidRequest("reason", $"'reason' must be left out or be, as name or number, one of {string.Join(", ", allowed.Select(each => $"{each.Name} ({each.Code})"))}: why else something ends the gateway says itself.");
        return problem is null;
    }

    /// <summary>Reads a duration in milliseconds, which may be left out.</summary>
    public static bool TryDuration(long? milliseconds, TimeSpan most, string field, out TimeSpan? duration, [NotNullWhen(false)] out Problem? problem)
    {
        problem = milliseconds is null || milliseconds > 0 && milliseconds <= (long)most.TotalMilliseconds
            ? null
            : Problem.InvalidRequest(field, $"'{field}' must be a number of milliseconds from 1 to {(long)most.TotalMilliseconds}.");
        duration = problem is null && milliseconds is { } ms ? TimeSpan.FromMilliseconds(ms) : null;
        return problem is null;
    }

    /// <summary>
    /// The path's last segment as it was meant. A conversation id may hold a slash, which the server leaves encoded in the path while it decodes
    /// everything else; only the raw target tells an encoded slash from an encoded percent sign.
    /// </summary>
    public static string LastSegment(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = target.AsSpan(0, target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? query : target.Length).TrimEnd('/');
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}
