using System.Globalization;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary><c>GET /v1/tubes</c>: a page of the live tubes in the order of their ids.</summary>
internal static class TubeList
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 1000;

    public static IResult Read(string? filter, string? state, string? limit, string? cursor, ITubeRegistry registry)
    {
        var take = DefaultLimit;
        if (limit is not null && (!int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out take) || take is < 1 or > MaxLimit))
            return Problem.InvalidRequest("limit", $"'limit' must be a number from 1 to {MaxLimit}.");
        TubeState? wanted = null;
        if (state is not null)
        {
            if (!TubeState.TryParseText(state, out var parsed))
                return Problem.InvalidRequest("state", $"'state' must be one of {string.Join(", ", Enum.GetValues<TubeState>().Select(known => known.Text))}.");
            wanted = parsed;
        }
        if (cursor is not null && !TubeId.TryParse(cursor, out _))
            return Problem.InvalidRequest("cursor", "'cursor' must be the nextCursor of the page before.");

        // One more than asked for tells whether there is a next page.
        var page = registry.Directory.List()
            .Where(tube => wanted is null || tube.State == wanted)
            .Where(tube => string.IsNullOrEmpty(filter) || Matches(tube, filter))
            .Where(tube => cursor is null || string.CompareOrdinal(tube.TubeId.ToString(), cursor) > 0)
            .OrderBy(tube => tube.TubeId.ToString(), StringComparer.Ordinal)
            .Take(take + 1)
            .Select(tube => TubeBody.Of(tube, registry.Directory.TryGetTraffic(tube.TubeId, out var traffic) ? traffic : null))
            .ToList();
        var hasMore = page.Count > take;
        if (hasMore)
            page.RemoveAt(take);
        return Results.Json(new ListBody<TubeBody>(page) { NextCursor = hasMore ? page[^1].TubeId : null }, ApiJson.Options);
    }

    private static bool Matches(TubeSnapshot tube, string filter) =>
        tube.TubeId.ToString().Contains(filter, StringComparison.OrdinalIgnoreCase)
        || tube.Conversations.Any(conversation => conversation.ConversationId.ToString().Contains(filter, StringComparison.OrdinalIgnoreCase));
}
