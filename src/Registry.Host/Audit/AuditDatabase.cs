using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>
/// Records in a SQLite database, where they can be asked for. A record is there once: one that is added again, because nobody knew whether it had been, changes
/// nothing.
/// </summary>
/// <param name="path">The database's file.</param>
/// <param name="maxRecords">Records that are kept; the oldest go first, but none whose end is not there.</param>
/// <param name="toDisk">Whether a record counts as written only when the disk has it.</param>
internal sealed class AuditDatabase(string path, int maxRecords, bool toDisk) : IAuditStore
{
    private const int Version = 1;

    // Records between two looks for what is too old, and most that go at once: more go than come.
    private const int BetweenCuts = 1000;
    private const int MostPerCut = 5000;

    // How long another program may lock the database before that is a failure.
    private const int LockedSeconds = 2;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS records (
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          id TEXT NOT NULL,
          kind TEXT NOT NULL,
          at INTEGER NOT NULL,
          owner TEXT,
          tube TEXT NOT NULL,
          conversation TEXT NOT NULL,
          open INTEGER NOT NULL,
          record TEXT NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS records_id ON records (id, kind);
        CREATE INDEX IF NOT EXISTS records_open ON records (seq) WHERE open = 1;
        CREATE INDEX IF NOT EXISTS records_owner ON records (owner, seq);
        CREATE INDEX IF NOT EXISTS records_tube ON records (tube, seq);
        CREATE INDEX IF NOT EXISTS records_conversation ON records (conversation, seq);
        CREATE INDEX IF NOT EXISTS records_at ON records (at);
        """;

    private SqliteConnection? connection;
    private int sinceCut = BetweenCuts;

    public string Name => "database";

    public IReadOnlyList<AuditRecord> Open()
    {
        AuditFile.OpenFile(path, FileMode.OpenOrCreate).Dispose(); // an empty file is an empty database
        var opened = EnsureOpen();
        var version = Convert.ToInt32(Run(opened, "PRAGMA user_version"), CultureInfo.InvariantCulture);
        if (version > Version)
            throw new IOException($"{path} was written by a newer version of this program.");
        if (version < Version)
            Run(opened, $"{Schema} PRAGMA user_version = {Version}");
        using var query = opened.CreateCommand();
        query.CommandText = "SELECT record FROM records WHERE open = 1 ORDER BY seq";
        using var rows = query.ExecuteReader();
        var starts = new List<AuditRecord>();
        while (rows.Read())
            starts.Add(JsonSerializer.Deserialize<AuditRecord>(rows.GetString(0), AuditJson.Options)!);
        return starts;
    }

    public void Append(IReadOnlyList<AuditRecord> records)
    {
        try
        {
            var opened = EnsureOpen();
            using var transaction = opened.BeginTransaction();
            using var insert = InsertInto(opened, transaction);
            using var close = opened.CreateCommand();
            (close.Transaction, close.CommandText) = (transaction, "UPDATE records SET open = 0 WHERE id = $id AND open = 1");
            var closed = close.Parameters.Add("$id", SqliteType.Text);
            foreach (var record in records)
            {
                Fill(insert, record);
                insert.ExecuteNonQuery();
                if (record.Kind is not (AuditKind.TubeEnd or AuditKind.ConnectionEnd))
                    continue;
                closed.Value = record.Id;
                close.ExecuteNonQuery();
            }

            sinceCut += records.Count;
            if (sinceCut >= BetweenCuts)
                Cut(opened, transaction);
            transaction.Commit();
        }
        catch (Exception e) when (AuditFailure.Is(e))
        {
            Dispose(); // A connection whose file has failed is not to be trusted.
            throw;
        }
    }

    public void Dispose()
    {
        connection?.Dispose();
        connection = null;
    }

    private SqliteConnection EnsureOpen()
    {
        if (connection is not null)
            return connection;
        var opened = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = LockedSeconds }.ToString());
        try
        {
            opened.Open();
            Run(opened, $"PRAGMA journal_mode = WAL; PRAGMA synchronous = {(toDisk ? "FULL" : "NORMAL")}");
            return connection = opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private static object? Run(SqliteConnection on, string sql)
    {
        using var command = on.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static SqliteCommand InsertInto(SqliteConnection on, SqliteTransaction transaction)
    {
        var insert = on.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT OR IGNORE INTO records (id, kind, at, owner, tube, conversation, open, record) VALUES ($id, $kind, $at, $owner, $tube, $conversation, $open, $record)";
        foreach (var name in new[] { "$id", "$kind", "$owner", "$tube", "$conversation", "$record" })
            insert.Parameters.Add(name, SqliteType.Text);
        insert.Parameters.Add("$at", SqliteType.Integer);
        insert.Parameters.Add("$open", SqliteType.Integer);
        return insert;
    }

    private static void Fill(SqliteCommand insert, AuditRecord record)
    {
        var values = insert.Parameters;
        values["$id"].Value = record.Id;
        values["$kind"].Value = AuditJson.KindOf(record.Kind);
        values["$at"].Value = record.At.ToUnixTimeMilliseconds();
        values["$owner"].Value = (object?)record.Owner ?? DBNull.Value;
        values["$tube"].Value = record.TubeId;
        values["$conversation"].Value = record.ConversationId;
        values["$open"].Value = record.Kind is AuditKind.TubeStart or AuditKind.ConnectionStart ? 1 : 0;
        values["$record"].Value = JsonSerializer.Serialize(record, AuditJson.Options);
    }

    private void Cut(SqliteConnection on, SqliteTransaction transaction)
    {
        sinceCut = 0;
        using var delete = on.CreateCommand();
        delete.Transaction = transaction;
        delete.CommandText = "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE seq <= (SELECT max(seq) FROM records) - $most AND open = 0 ORDER BY seq LIMIT $cut)";
        delete.Parameters.AddWithValue("$most", maxRecords);
        delete.Parameters.AddWithValue("$cut", MostPerCut);
        delete.ExecuteNonQuery();
    }
}
