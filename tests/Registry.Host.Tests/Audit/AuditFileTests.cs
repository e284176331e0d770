using System.Text;
using System.Text.Json;
using Registry.Actors.Audit;
using Registry.Host.Audit;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Audit;

/// <summary>The file of JSON lines: whole lines only, rotation, and what a crash leaves.</summary>
public sealed class AuditFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Path => folder.File("audit.jsonl");

    [Fact]
    public void A_record_is_a_line_with_only_what_is_known_of_it()
    {
        using (var file = Open(out _))
            file.Append([Records.Start("a"), Records.End(Records.Start("a"))]);

        var lines = File.ReadAllLines(Path);
        lines[0].ShouldBe("""{"kind":"tube_start","id":"a","at":"2026-11-28T12:00:00+00:00","node":"here","owner":"alice","caller":"laptop","tubeId":"tube-a","conversationId":"talk-a","type":"tunnel","target":"db.example:5432"}""");
        lines[1].ShouldContain("\"bytesSent\":1,\"bytesReceived\":2,\"reason\":\"Client\",\"text\":\"enough \\u0022said\\u0022\\nof ");
        lines.Length.ShouldBe(2);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(Path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
    }

    [Theory]
    [InlineData("", 2)]
    [InlineData("{\"kind\":\"tube_end\",\"id\":\"a\"", 2)] // torn
    [InlineData("\0\0\0\0\n", 2)]
    [InlineData("{\"kind\":\"tube_sings\"}\nnonsense\n\n", 2)]
    [InlineData("{\"kind\":\"tube_end\",\"id\":\"a\",\"at\":\"2026-11-28T12:00:00Z\",\"node\":\"here\",\"tubeId\":\"t\",\"conversationId\":\"c\"}\n{", 1)]
    public void What_a_crash_left_is_mended_and_what_had_begun_is_known(string rest, int open)
    {
        using (var file = Open(out _))
            file.Append([Records.Start("a"), Records.Connection("b"), Records.Start("c"), Records.End(Records.Start("c"))]);
        File.AppendAllText(Path, rest);

        using (var file = Open(out var starts))
        {
            starts.Count.ShouldBe(open);
            file.Append([.. starts.Select(Records.End)]);
        }

        File.ReadAllText(Path).ShouldEndWith("}\n");
        using (Open(out var none))
            none.ShouldBeEmpty();
    }

    [Fact]
    public void A_file_that_is_full_is_rotated_and_each_tells_what_is_open()
    {
        using (var file = Open(out _))
        {
            file.Append([Records.Start("first"), Records.Connection("second")]);
            for (var i = 0; i < 100; i++)
                file.Append([Records.Start($"{i}"), Records.End(Records.Start($"{i}"))]);
        }

        new[] { Path, $"{Path}.1", $"{Path}.2", $"{Path}.3" }.Select(File.Exists).ShouldBe([true, true, true, false]);
        foreach (var name in new[] { Path, $"{Path}.1", $"{Path}.2" })
        {
            new FileInfo(name).Length.ShouldBeLessThan(4096 + 1024);
            var lines = File.ReadAllLines(name).Select(line => JsonSerializer.Deserialize<AuditRecord>(line, AuditJson.Options)!).ToArray();
            lines[..2].Select(line => (line.Kind, line.Id)).ShouldBe([(AuditKind.TubeOpen, "first"), (AuditKind.ConnectionOpen, "second")]);
            lines[2..].ShouldAllBe(line => line.Kind == AuditKind.TubeStart || line.Kind == AuditKind.TubeEnd);
        }

        using (Open(out var starts))
            starts.ShouldBe([Records.Start("first"), Records.Connection("second")]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_crash_while_a_file_is_rotated_loses_nothing(bool beforeTheFirstRename)
    {
        using (var file = Open(out _))
            file.Append([Records.Start("a")]);
        var next = JsonSerializer.Serialize(Records.Start("a") with { Kind = AuditKind.TubeOpen }, AuditJson.Options);
        File.WriteAllText($"{Path}.new", beforeTheFirstRename ? next[..20] : $"{next}\n");
        if (!beforeTheFirstRename)
            File.Move(Path, $"{Path}.1");

        using (var file = Open(out var starts))
        {
            starts.ShouldBe([Records.Start("a")]);
            file.Append([Records.End(Records.Start("a"))]);
        }

        File.Exists($"{Path}.new").ShouldBeFalse();
        using (Open(out var none))
            none.ShouldBeEmpty();
    }

    [Fact]
    public void A_rotation_that_fails_again_and_again_deletes_nothing()
    {
        File.WriteAllText($"{Path}.2", "older");
        Directory.CreateDirectory($"{Path}.1"); // what cannot be replaced
        using var file = Open(out _);
        file.Append([.. Enumerable.Range(0, 30).Select(n => Records.Start($"{n}"))]); // more than a file's
        for (var i = 0; i < 5; i++)
            Should.Throw<IOException>(() => file.Append([Records.Start("next")]));

        File.ReadAllText($"{Path}.2").ShouldBe("older");
        Directory.Delete($"{Path}.1");
        file.Append([Records.Start("last")]);
        File.ReadAllText($"{Path}.2").ShouldBe("older");
        File.ReadAllText($"{Path}.1").ShouldContain("tube-29");
    }

    [Fact]
    public void A_line_longer_than_any_buffer_is_read_whole()
    {
        var longest = Records.Start("a") with { Target = new string('x', 300_000) };
        using (var file = Open(out _))
            file.Append([longest]);

        using (Open(out var starts))
            starts.ShouldBe([longest]);
        Encoding.UTF8.GetByteCount(File.ReadAllText(Path)).ShouldBeGreaterThan(300_000);
    }

    public void Dispose() => folder.Dispose();

    private AuditFile Open(out IReadOnlyList<AuditRecord> starts)
    {
        var file = new AuditFile(Path, maxSize: 4096, maxFiles: 2, toDisk: false);
        starts = file.Open();
        return file;
    }
}
