using Registry.Actors.Audit;
using Registry.Messages;

namespace Registry.Host.Tests.Audit;

/// <summary>Records as the registry makes them.</summary>
internal static class Records
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    public static AuditRecord Start(string id, string? owner = "alice", int minute = 0) => new(AuditKind.TubeStart, id, Noon.AddMinutes(minute), "here")
    {
        Owner = owner,
        Caller = "laptop",
        TubeId = $"tube-{id}",
        ConversationId = $"talk-{id}",
        Type = "tunnel",
        Target = "db.example:5432",
    };

    public static AuditRecord Connection(string id) => Start(id) with { Kind = AuditKind.ConnectionStart, Connection = 1 };

    public static AuditRecord End(AuditRecord start) => start with
    {
        Kind = start.Kind == AuditKind.TubeStart ? AuditKind.TubeEnd : AuditKind.ConnectionEnd,
        At = start.At.AddSeconds(90),
        BytesSent = 1,
        BytesReceived = 2,
        Reason = CloseReason.Client,
        Text = "enough \"said\"\nof ü",
        ClosedBy = "desk",
        DurationMs = 90_000,
    };

    public static AuditRecord Denied(string id) => Start(id) with { Kind = AuditKind.DialDenied, Denial = "no_rule" };
}
