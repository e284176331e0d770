using Microsoft.Data.Sqlite;
using Registry.Actors.Audit;
using Registry.Host.Audit;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Audit;

/// <summary>The database: each record once, found again by what it says, in pages that do not shift.</summary>
public sealed class AuditDatabaseTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Path => folder.File("audit.db");

    [Fact]
    public void What_had_begun_is_known_and_a_record_that_comes_twice_is_there_once()
    {
        using (var database = Open(out var none))
        {
            none.ShouldBeEmpty();
            database.Append([Records.Start("a"), Records.Connection("b"), Records.Start("c")]);
            database.Append([Records.End(Records.Start("c")), Records.Start("a")]);
        }

        using (var database = Open(out var starts))
        {
            starts.ShouldBe([Records.Start("a"), Records.Connection("b")]);
            database.Append([.. starts.Select(Records.End)]);
            database.Append([.. starts.Select(Records.End)]);
        }

        using (Open(out var none))
            none.ShouldBeEmpty();
        Read(new() { Limit = 100 }).Records.Count.ShouldBe(6);
    }

    [Fact]
    public void Pages_go_from_the_newest_to_the_oldest_and_do_not_shift_when_records_come()
    {
        using var database = Open(out _);
        for (var i = 0; i < 25; i++)
            database.Append([Records.Start($"{i}")]);

        var ids = new List<string>();
        long? cursor = null;
        do
        {
            var page = Read(new() { Limit = 10, Cursor = cursor });
            ids.AddRange(page.Records.Select(record => record.Id));
            cursor = page.Next;
            database.Append([Records.Start($"later {cursor}")]);
        }
        while (cursor is not null);

        ids.ShouldBe(Enumerable.Range(0, 25).Reverse().Select(i => $"{i}"));
        Read(new() { Limit = 28 }).Next.ShouldBeNull();
        Read(new() { Limit = 27 }).Next.ShouldNotBeNull();
    }

    [Fact]
    public void Records_are_found_by_owner_tube_conversation_kind_and_time()
    {
        using var database = Open(out _);
        database.Append([Records.Start("a"), Records.Start("b", owner: "bob", minute: 1), Records.Start("c", owner: null, minute: 2), Records.Denied("d"), Records.End(Records.Start("a"))]);

        Ids(new() { Limit = 9, Owner = "alice" }).ShouldBe("a d a");
        Ids(new() { Limit = 9, Owner = "alice' OR '1'='1" }).ShouldBe("");
        Ids(new() { Limit = 9, Tube = "tube-b" }).ShouldBe("b");
        Ids(new() { Limit = 9, Conversation = "talk-c" }).ShouldBe("c");
        Ids(new() { Limit = 9, Kind = AuditKind.DialDenied }).ShouldBe("d");
        Ids(new() { Limit = 9, Since = Records.Noon.AddMinutes(1), Until = Records.Noon.AddMinutes(2) }).ShouldBe("a b");
        Ids(new() { Limit = 9, Owner = "alice", Kind = AuditKind.TubeStart, Since = Records.Noon, Until = Records.Noon.AddMinutes(1) }).ShouldBe("a");
    }

    [Fact]
    public void The_oldest_go_when_there_are_too_many_but_not_those_that_are_open()
    {
        using (var database = Open(out _))
        {
            database.Append([Records.Start("open")]);
            for (var i = 0; i < 4000; i += 500)
                database.Append([.. Enumerable.Range(i, 500).Select(n => Records.Denied($"{n}"))]);
        }

        using (Open(out var starts))
            starts.ShouldHaveSingleItem().Id.ShouldBe("open");
        var kept = Read(new() { Limit = 5000 }).Records;
        kept.Count.ShouldBeInRange(1001, 2001);
        kept[0].Id.ShouldBe("3999");
        kept[^1].Id.ShouldBe("open");
    }

    [Fact]
    public void A_database_of_a_newer_version_is_left_alone()
    {
        using (Open(out _))
        using (var connection = new SqliteConnection($"Data Source={Path};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 2";
            command.ExecuteNonQuery();
        }

        Should.Throw<IOException>(() => Open(out _)).Message.ShouldContain("newer version");
    }

    public void Dispose() => folder.Dispose();

    private AuditDatabase Open(out IReadOnlyList<AuditRecord> starts)
    {
        var database = new AuditDatabase(Path, maxRecords: 1000, toDisk: false);
        starts = database.Open();
        return database;
    }

    private AuditPage Read(AuditQuery query) => new AuditReader(Path).Read(query);

    private string Ids(AuditQuery query) => string.Join(' ', Read(query).Records.Select(record => record.Id));
}
