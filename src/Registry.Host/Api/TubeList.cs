using System.Globalization;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary><c>GET /v1/tubes</c>: a page of the live tubes in the order of their ids.</summary>
internal static class TubeList
{
    public static IResult Read(string? filter, string? state, string? owner, string? limit, string? cursor, ITubeRegistry registry)
    {
        var query = new TubeQuery { Text = filter, Owner = owner };
        if (limit is not null)
        {
            if (!int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var take) || take is < 1 or > TubeQuery.MaxLimit)
                return Problem.InvalidRequest("limit", $"'limit' must be a number from 1 to {TubeQuery.MaxLimit}.");
            query = query with { Limit = take };
        }
        if (state is not null)
        {
            if (!TubeState.TryParseText(state, out var wanted))
                return Problem.InvalidRequest("state", $"'state' must be one of {string.Join(", ", Enum.GetValues<TubeState>().Select(known => known.Text))}.");
            query = query with { State = wanted };
        }
        if (cursor is not null)
        {
            if (!TubeId.TryParse(cursor, out var after))
                return Problem.InvalidRequest("cursor", "'cursor' must be the nextCursor of the page before.");
            query = query with { Cursor = after };
        }

        var page = registry.Directory.List(query);
        return Results.Json(
            new ListBody<TubeBody>([.. page.Items.Select(tube => TubeBody.Of(tube, registry.Directory.TryGetTraffic(tube.TubeId, out var traffic) ? traffic : tube.Traffic))])
            {
                NextCursor = page.NextCursor?.ToString(),
            },
            ApiJson.Options);
    }
}
