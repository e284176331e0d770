using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Akka.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Registry.Actors.Audit;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Telemetry;
using Registry.Messages;

namespace Registry.Host.Tests.Audit;

/// <summary>What happens when records can be written, when they cannot, and when the gateway ended without writing them.</summary>
public sealed class AuditLogTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public async Task Both_stores_get_every_record_in_order()
    {
        await using (var audit = Open("strict", folder.File("audit.jsonl"), folder.File("audit.db")))
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 200), async (i, _) =>
            {
                (await audit.BeginAsync(Records.Start($"{i}"))).ShouldBeTrue();
                audit.Write(Records.End(Records.Start($"{i}")));
            });
            audit.Write(Records.Denied("d"));
        }

        var inFile = Lines(folder.File("audit.jsonl"));
        var inDatabase = new AuditReader(folder.File("audit.db")).Read(new() { Limit = 1000 }).Records.Reverse().ToArray();
        inFile.Length.ShouldBe(401);
        ShouldBeWhole(inFile);
        ShouldBeWhole(inDatabase);
        inDatabase.ShouldBe(inFile, ignoreOrder: true);
    }

    [Theory]
    [InlineData("best-effort")]
    [InlineData("strict")]
    public async Task What_a_run_before_did_not_end_is_ended_once_at_the_next_start(string mode)
    {
        using (var file = new AuditFile(folder.File("audit.jsonl"), 1 << 20, 2, toDisk: false))
        using (var database = new AuditDatabase(folder.File("audit.db"), 1000, toDisk: false))
        {
            foreach (var store in new IAuditStore[] { file, database })
            {
                store.Open();
                store.Append([Records.Start("a"), Records.Connection("b"), Records.Start("c"), Records.End(Records.Start("c"))]);
            }
        }

        for (var start = 0; start < 3; start++)
            await using (Open(mode, folder.File("audit.jsonl"), folder.File("audit.db")))
                continue;

        foreach (var records in new[] { Lines(folder.File("audit.jsonl")), [.. new AuditReader(folder.File("audit.db")).Read(new() { Limit = 100 }).Records.Reverse()] })
        {
            ShouldBeWhole(records);
            records.Length.ShouldBe(6);
            foreach (var end in records[^2..])
                (end.Reason, end.Recovered, end.DurationMs, end.Owner, end.Target, end.At > Records.Noon).ShouldBe((CloseReason.NodeStopped, true, null, "alice", "db.example:5432", true));
            records[^1].Text!.ShouldContain("without saying so");
        }
    }

    [SmallDiskTheory]
    [InlineData("audit.jsonl", null)]
    [InlineData(null, "audit.db")]
    [InlineData("audit.jsonl", "audit.db")]
    public async Task Where_the_audit_is_strict_nothing_begins_while_the_disk_is_full(string? file, string? database)
    {
        await using var disk = await SmallDisk.MountAsync();
        var refused = 0;
        using var log = new RecordedLog();
        await using var services = Logging(log);
        await using (var audit = Open("strict", file is null ? null : disk.File(file), database is null ? null : disk.File(database), services.GetRequiredService<ILogger<AuditLog>>()))
        {
            (await audit.BeginAsync(Records.Start("before"))).ShouldBeTrue();
            disk.Fill();
            // What room the last page has left may still take some.
            for (var i = 0; audit.IsAvailable; i++)
                if (!await audit.BeginAsync(Records.Start($"full {i}") with { Text = new string('x', 512) }))
                    refused++;
                else
                    audit.Write(Records.End(Records.Start($"full {i}")));
            refused.ShouldBeLessThanOrEqualTo(1);
            (await audit.BeginAsync(Records.Start("refused"))).ShouldBeFalse();
            audit.CountRefused(); // A create, which is refused without being asked about.
            audit.Write(Records.End(Records.Start("before"))); // What had begun may end.
            audit.Stores.ShouldContain(state => !state.IsWritable && state.Error != null && state.Failures > 0);

            disk.Empty();
            await Eventually.BecomesAsync(true, () => audit.IsAvailable, "available");
            (await audit.BeginAsync(Records.Start("after"))).ShouldBeTrue();
            audit.Write(Records.End(Records.Start("after")));
            await Eventually.BecomesAsync(0, () => audit.Stores.Sum(state => state.Queued), "queued");
            audit.Stores.ShouldAllBe(state => state.IsWritable && state.Lost == 0 && state.Error == null);
        }

        // A line of each store that failed; the first of them has all that were refused until then.
        Regex.Matches(log.ToString(), "can be written again. Tubes, connections and targets of datagrams refused meanwhile: ([0-9]+)").Sum(line => int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture)).ShouldBe(refused + 2, log.ToString());

        foreach (var records in Read(file is null ? null : disk.File(file), database is null ? null : disk.File(database)))
        {
            ShouldBeWhole(records);
            records.Count(record => record is { Id: "before", Kind: AuditKind.TubeEnd, Reason: CloseReason.Client }).ShouldBe(1);
            records.Count(record => record is { Kind: AuditKind.TubeEnd, Reason: CloseReason.ErrorRecording }).ShouldBe(refused);
            records.ShouldNotContain(record => record.Id == "refused");
        }
    }

    [SmallDiskTheory]
    [InlineData("audit.jsonl", null)]
    [InlineData(null, "audit.db")]
    public async Task With_best_effort_everything_goes_on_and_what_finds_the_queue_full_is_counted(string? file, string? database)
    {
        await using var disk = await SmallDisk.MountAsync();
        await using (var audit = Open("best-effort", file is null ? null : disk.File(file), database is null ? null : disk.File(database), queue: 1000))
        {
            (await audit.BeginAsync(Records.Start("before"))).ShouldBeTrue();
            await Eventually.BecomesAsync(1L, () => audit.Stores[0].Written, "written");
            disk.Fill();
            for (var i = 0; audit.Stores[0] is { Lost: < 10 } or { IsWritable: true }; i++)
            {
                (await audit.BeginAsync(Records.Start($"full {i}"))).ShouldBeTrue();
                audit.Write(Records.End(Records.Start($"full {i}")));
            }

            audit.IsAvailable.ShouldBeTrue();
            disk.Empty();
            await Eventually.BecomesAsync(true, () => audit.Stores[0] is { IsWritable: true, Queued: 0 }, "writable, with room in the queue");
            audit.Write(Records.End(Records.Start("before")));
        }

        var records = Read(file is null ? null : disk.File(file), database is null ? null : disk.File(database)).Single();
        records.Count(record => record is { Id: "before", Kind: AuditKind.TubeEnd }).ShouldBe(1);
        records.Select(record => (record.Id, record.Kind)).ShouldBeUnique();
    }

    [Fact]
    public async Task A_file_that_is_another_gateway_s_or_cannot_be_made_is_an_error_that_names_its_key()
    {
        await using (Open("best-effort", folder.File("audit.jsonl"), null))
            Should.Throw<CommandException>(() => Open("best-effort", folder.File("audit.jsonl"), null)).Message.ShouldContain("registry.audit.file.path");
        await using (Open("best-effort", folder.File("audit.jsonl"), null))
            (await Should.ThrowAsync<CommandException>(() => Task.Run(() => Open("strict", null, folder.File("no/audit.db"))))).ExitCode.ShouldBe(ExitCode.Usage);
        File.WriteAllText(folder.File("not.db"), new string('x', 10_000));
        Should.Throw<CommandException>(() => Open("strict", null, folder.File("not.db"))).Message.ShouldContain("registry.audit.database.path");
    }

    [Theory]
    [InlineData("registry.audit.mode = loose", "registry.audit.mode")]
    [InlineData("registry.audit.mode = strict", "registry.audit.file.path")]
    [InlineData("registry.audit.file.max-size = 1 KiB", "registry.audit.file.max-size")]
    [InlineData("registry.audit.file.max-files = 0", "registry.audit.file.max-files")]
    [InlineData("registry.audit.database.max-records = 10", "registry.audit.database.max-records")]
    [InlineData("registry.audit.queue = 1", "registry.audit.queue")]
    public void Settings_that_are_of_no_use_are_named(string hocon, string key) =>
        Should.Throw<ConfigurationException>(() => AuditSettings.From(ConfigurationFactory.ParseString(hocon))).Message.ShouldContain(key);

    [Fact]
    public void Without_a_file_and_a_database_and_with_the_mode_off_nothing_is_recorded()
    {
        AuditSettings.From(Config.Empty).IsOn.ShouldBeFalse();
        AuditSettings.From(ConfigurationFactory.ParseString($"registry.audit {{ mode = off, file.path = \"{folder.File("audit.jsonl")}\" }}")).IsOn.ShouldBeFalse();
    }

    public void Dispose() => folder.Dispose();

    /// <summary>Each start has one end behind it, each end a start.</summary>
    internal static void ShouldBeWhole(IEnumerable<AuditRecord> records)
    {
        var open = new HashSet<string>();
        var ended = new HashSet<string>();
        foreach (var record in records)
        {
            if (record.Kind is AuditKind.TubeStart or AuditKind.ConnectionStart)
                open.Add(record.Id).ShouldBeTrue($"{record} began twice");
            if (record.Kind is not (AuditKind.TubeEnd or AuditKind.ConnectionEnd))
                continue;
            open.Remove(record.Id).ShouldBeTrue($"{record} ended without having begun");
            ended.Add(record.Id).ShouldBeTrue($"{record} ended twice");
        }

        open.ShouldBeEmpty();
    }

    /// <summary>The lines of a file, all of which must be records.</summary>
    internal static AuditRecord[] Lines(string path) => [.. File.ReadAllLines(path).Select(line => JsonSerializer.Deserialize<AuditRecord>(line, AuditJson.Options)!)];

    private static IEnumerable<AuditRecord[]> Read(string? file, string? database)
    {
        if (file is not null)
            yield return Lines(file);
        if (database is not null)
            yield return [.. new AuditReader(database).Read(new() { Limit = 100_000 }).Records.Reverse()];
    }

    private static AuditLog Open(string mode, string? file, string? database, ILogger<AuditLog>? log = null, int queue = 65536) => AuditLog.Open(
        AuditSettings.From(ConfigurationFactory.ParseString($"registry.audit {{ mode = {mode}, queue = {queue}, file.path = {Quoted(file)}, database.path = {Quoted(database)} }}")) with { RetryPause = TimeSpan.FromMilliseconds(20) },
        TimeProvider.System,
        log ?? NullLogger<AuditLog>.Instance);

    private static ServiceProvider Logging(RecordedLog log)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        LineLog.AddTo(services, new(new() { Output = log }));
        return services.BuildServiceProvider();
    }

    private static string Quoted(string? path) => path is null ? "off" : $"\"{path}\"";
}
