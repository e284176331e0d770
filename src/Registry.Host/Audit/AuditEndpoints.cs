using System.Globalization;
using Registry.Actors.Audit;
using Registry.Host.Api;
using Registry.Host.Api.Description;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Audit;

/// <summary>The state of the audit.</summary>
internal sealed record AuditStateBody(string Mode, IReadOnlyList<AuditWriterState> Stores);

/// <summary><c>/v1/audit</c>: what this node recorded, and <c>/v1/node/audit</c>: whether it can.</summary>
internal static class AuditEndpoints
{
    private static readonly Dictionary<string, AuditKind> kinds = Enum.GetValues<AuditKind>().Where(kind => kind is not (AuditKind.TubeOpen or AuditKind.ConnectionOpen)).ToDictionary(AuditJson.KindOf);

    /// <summary>Records what the registry does, where the settings say so.</summary>
    public static void AddAudit(this IServiceCollection services, AuditSettings settings)
    {
        services.AddSingleton(provider => AuditLog.Open(settings, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<AuditLog>>()));
        if (settings.IsOn)
            services.AddSingleton<IAuditSink>(provider => provider.GetRequiredService<AuditLog>());
    }

    public static void MapAudit(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/audit", Read).ForReaders().Described(Operations.ReadAudit);
        v1.MapGet("/node/audit", (AuditLog audit) => Results.Json(new AuditStateBody(NameOf(audit.Mode), audit.Stores), ApiJson.Options)).ForViewers().Described(Operations.ReadAuditState);
    }

    private static IResult Read(HttpContext context, AuditLog audit, string? owner, string? tube, string? conversation, string? kind, string? since, string? until, string? limit, string? cursor)
    {
        var query = new AuditQuery { Owner = owner, Tube = tube, Conversation = conversation, Limit = AuditQuery.DefaultLimit };
        if (Narrow(ref query, new(context.User)) is { } notYours)
            return notYours;
        if ((TakeKind(ref query, kind) ?? TakeTimes(ref query, since, until) ?? TakePlace(ref query, limit, cursor)) is { } wrong)
            return wrong;
        if (audit.Reader is not { } reader)
            return new Problem(StatusCodes.Status404NotFound, ProblemCodes.AuditNotKept, "This gateway keeps no database of audit records. Set registry.audit.database.path on it.");
        try
        {
            var page = reader.Read(query);
            return Results.Json(new ListBody<AuditRecord>(page.Records) { NextCursor = page.Next?.ToString(CultureInfo.InvariantCulture) }, ApiJson.Options);
        }
        catch (Exception e) when (AuditFailure.Is(e))
        {
            return new Problem(StatusCodes.Status503ServiceUnavailable, RefusalCode.AuditUnavailable.Text, $"The audit's database cannot be read: {e.Message}") { Retryable = true };
        }
    }

    // As with tubes: those of an owner see that owner's, viewers and operators everybody's.
    private static Problem? Narrow(ref AuditQuery query, Caller caller)
    {
        if (caller.SeesAll)
            return null;
        if (query.Owner is not null && query.Owner != caller.Owner)
            return Problem.InvalidRequest("owner", $"'owner' must be left out or be '{caller.Owner}': you see the records of that owner only.");
        query = query with { Owner = caller.Owner ?? throw new InvalidOperationException("A creator has an owner.") };
        return null;
    }

    private static Problem? TakeKind(ref AuditQuery query, string? text)
    {
        if (text is null)
            return null;
        if (!kinds.TryGetValue(text, out var kind))
            return Problem.InvalidRequest("kind", $"'kind' must be one of {string.Join(", ", kinds.Keys)}.");
        query = query with { Kind = kind };
        return null;
    }

    private static Problem? TakeTimes(ref AuditQuery query, string? since, string? until)
    {
        if (!TryTime(since, out var from))
            return Problem.InvalidRequest("since", "'since' must be a time such as 2026-11-28T12:00:00Z.");
        if (!TryTime(until, out var to))
            return Problem.InvalidRequest("until", "'until' must be a time such as 2026-11-28T12:00:00Z.");
        query = query with { Since = from, Until = to };
        return null;
    }

    private static Problem? TakePlace(ref AuditQuery query, string? limit, string? cursor)
    {
        if (limit is not null)
        {
            if (!int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var most) || most is < 1 or > AuditQuery.MaxLimit)
                return Problem.InvalidRequest("limit", $"'limit' must be a number from 1 to {AuditQuery.MaxLimit}.");
            query = query with { Limit = most };
        }

        if (cursor is null)
            return null;
        if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var last))
            return Problem.InvalidRequest("cursor", "'cursor' must be the nextCursor of the page before.");
        query = query with { Cursor = last };
        return null;
    }

    // A time without a zone is UTC, as all times of records are.
    private static bool TryTime(string? text, out DateTimeOffset? time)
    {
        var isTime = DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var read);
        time = isTime ? read : null;
        return isTime || text is null;
    }

    private static string NameOf(AuditMode mode) => mode switch
    {
        AuditMode.Strict => "strict",
        AuditMode.BestEffort => "best-effort",
        _ => "off",
    };
}
