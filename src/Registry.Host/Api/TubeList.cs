using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary><c>GET /v1/tubes</c>: a page of the live tubes in the order of their ids.</summary>
internal static class TubeList
{
    public static async Task<IResult> ReadAsync(string? filter, string? state, string? owner, string? limit, string? cursor, CallerRegistry registry, CancellationToken cancellationToken)
    {
        if (!TryState(state, out var inState, out var problem) || !TryLimit(limit, out var most, out problem) || !TryCursor(cursor, out var after, out problem))
            return problem;
        if (owner is "")
            return Problem.InvalidRequest(nameof(owner), "'owner' is empty; leave it out for the tubes of all owners.");
        if (filter is "")
            return Problem.InvalidRequest(nameof(filter), "'filter' is empty; leave it out for all tubes.");
        return await registry.ListTubesAsync(new() { Text = filter, State = inState, Owner = owner, Limit = most, Cursor = after }, cancellationToken) switch
        {
            TubesRead { Page: var page } => Results.Json(
                new ListBody<TubeBody>([.. page.Items.Select(TubeBody.Of)]) { NextCursor = page.NextCursor?.ToString(), IncompleteNodes = page.IncompleteNodes },
                ApiJson.Options),
            var reply => Replies.Translate(reply),
        };
    }

    private static bool TryState(string? text, out TubeState? state, [NotNullWhen(false)] out Problem? problem)
    {
        state = TubeState.TryParseText(text, out var known) ? known : null;
        problem = text is null || state is not null
            ? null
            : Problem.InvalidRequest("state", $"'state' must be one of {string.Join(", ", Enum.GetValues<TubeState>().Select(each => each.Text))}.");
        return problem is null;
    }

    private static bool TryLimit(string? text, out int limit, [NotNullWhen(false)] out Problem? problem)
    {
        limit = new TubeQuery().Limit;
        problem = text is null || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= TubeQuery.MaxLimit)
            ? null
            : Problem.InvalidRequest("limit", $"'limit' must be a number from 1 to {TubeQuery.MaxLimit}.");
        return problem is null;
    }

    private static bool TryCursor(string? text, out TubeId? cursor, [NotNullWhen(false)] out Problem? problem)
    {
        cursor = TubeId.TryParse(text, out var last) ? last : null;
        problem = text is null || cursor is not null ? null : Problem.InvalidRequest("cursor", "'cursor' must be the nextCursor of the page before.");
        return problem is null;
    }
}
