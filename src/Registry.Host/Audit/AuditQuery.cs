using System.Text.Json;
using Microsoft.Data.Sqlite;
using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>Which records are asked for; what is null does not matter.</summary>
internal sealed record AuditQuery
{
    /// <summary>Records of a page when nothing is said.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Most records of a page.</summary>
    public const int MaxLimit = 1000;

    public string? Owner { get; init; }
    public string? Tube { get; init; }
    public string? Conversation { get; init; }
    public AuditKind? Kind { get; init; }

    /// <summary>Not before this.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Before this.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Records of this page at most.</summary>
    public required int Limit { get; init; }

    /// <summary>The last record of the page before; null for the first page.</summary>
    public long? Cursor { get; init; }
}

/// <summary>A page of records, the newest first, and where the next page goes on; null on the last.</summary>
internal sealed record AuditPage(IReadOnlyList<AuditRecord> Records, long? Next);

/// <summary>Reads a database of records while it is being written.</summary>
internal sealed class AuditReader(string path)
{
    private readonly string source = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString();

    /// <summary>A page. Records that are written meanwhile come before the first page, so that the pages that follow stay as they are.</summary>
    /// <exception cref="Exception">Of the kinds of <see cref="AuditFailure"/>: it cannot be read.</exception>
    public AuditPage Read(AuditQuery query)
    {
        using var connection = new SqliteConnection(source);
        connection.Open();
        using var command = connection.CreateCommand();
        List<string> conditions = [];
        void Where(string condition, string name, object? value)
        {
            if (value is null)
                return;
            conditions.Add(condition);
            command.Parameters.AddWithValue(name, value);
        }

        Where("owner = $owner", "$owner", query.Owner);
        Where("tube = $tube", "$tube", query.Tube);
        Where("conversation = $conversation", "$conversation", query.Conversation);
        Where("kind = $kind", "$kind", query.Kind is { } kind ? AuditJson.KindOf(kind) : null);
        Where("at >= $since", "$since", query.Since?.ToUnixTimeMilliseconds());
        Where("at < $until", "$until", query.Until?.ToUnixTimeMilliseconds());
        Where("seq < $cursor", "$cursor", query.Cursor);
        // Every condition is one of the texts above; what callers say are parameters.
        command.CommandText = $"SELECT seq, record FROM records{(conditions.Count == 0 ? "" : $" WHERE {string.Join(" AND ", conditions)}")} ORDER BY seq DESC LIMIT $most";
        command.Parameters.AddWithValue("$most", query.Limit + 1);
        return ReadPage(command, query.Limit);
    }

    private static AuditPage ReadPage(SqliteCommand command, int limit)
    {
        var records = new List<AuditRecord>(limit);
        using var rows = command.ExecuteReader();
        var last = 0L;
        while (rows.Read())
        {
            if (records.Count == limit)
                return new(records, last);
            last = rows.GetInt64(0);
            records.Add(JsonSerializer.Deserialize<AuditRecord>(rows.GetString(1), AuditJson.Options)!);
        }

        return new(records, null);
    }
}
