using System.Buffers;
using System.Text.Json;
using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>
/// Records as lines of JSON. A file that has grown to its limit becomes <c>path.1</c>, the one before it <c>path.2</c> and so on, and the last is deleted. Each file
/// begins with what had not ended when the one before was full, so that a crash can be repaired from the newest alone.
/// </summary>
/// <param name="path">The newest file.</param>
/// <param name="maxSize">Bytes after which another is begun.</param>
/// <param name="maxFiles">Earlier files that are kept.</param>
/// <param name="toDisk">Whether a record counts as written only when the disk has it.</param>
internal sealed class AuditFile(string path, long maxSize, int maxFiles, bool toDisk) : IAuditStore
{
    private const byte LineEnd = (byte)'\n';

    private readonly Dictionary<string, AuditRecord> open = [];
    private readonly ArrayBufferWriter<byte> lines = new();
    private FileStream? stream;
    private bool isKnown;
    private long whole; // bytes of whole lines; what is behind them is rubbish
    private long head;  // bytes of the lines it began with

    public string Name => "file";

    private string Next => $"{path}.new";

    public IReadOnlyList<AuditRecord> Open()
    {
        EnsureOpen();
        return [.. open.Values];
    }

    public void Append(IReadOnlyList<AuditRecord> records)
    {
        try
        {
            lines.ResetWrittenCount();
            foreach (var record in records)
                WriteLine(record);
            EnsureOpen();
            if (whole > head && whole - head + lines.WrittenCount > maxSize)
                Rotate();
            stream!.Position = whole;
            stream.Write(lines.WrittenSpan);
            stream.Flush(toDisk);
            whole += lines.WrittenCount;
            foreach (var record in records)
                Note(record);
        }
        catch (Exception e) when (AuditFailure.Is(e))
        {
            Abandon();
            throw;
        }
    }

    public void Dispose() => stream?.Dispose();

    private void EnsureOpen()
    {
        if (stream is not null)
            return;
        // A crash between the two renames of a rotation leaves the next file ready; one before them leaves it unfinished.
        if (File.Exists(path))
            File.Delete(Next);
        else if (File.Exists(Next))
            File.Move(Next, path);
        stream = OpenFile(path, FileMode.OpenOrCreate);
        if (!isKnown)
            Read();
        whole = Math.Min(whole, stream.Length);
        if (stream.Length > whole)
            stream.SetLength(whole);
    }

    private void Read()
    {
        open.Clear();
        (whole, head) = (0, 0);
        var isHead = true;
        var reader = new AuditLines(stream!);
        while (reader.TryRead(out var line))
        {
            whole += line.Length + 1;
            if (Parse(line) is not { } record)
                continue; // Of someone else's making, or of a disk that lost power.
            isHead &= record.Kind is AuditKind.TubeOpen or AuditKind.ConnectionOpen;
            if (isHead)
                head = whole;
            Note(record);
        }

        isKnown = true;
    }

    private static AuditRecord? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<AuditRecord>(line, AuditJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Note(AuditRecord record)
    {
        switch (record.Kind)
        {
            case AuditKind.TubeStart or AuditKind.ConnectionStart:
                open[record.Id] = record;
                break;
            case AuditKind.TubeOpen:
                open[record.Id] = record with { Kind = AuditKind.TubeStart };
                break;
            case AuditKind.ConnectionOpen:
                open[record.Id] = record with { Kind = AuditKind.ConnectionStart };
                break;
            case AuditKind.TubeEnd or AuditKind.ConnectionEnd:
                open.Remove(record.Id);
                break;
        }
    }

    private void WriteLine(AuditRecord record)
    {
        using (var json = new Utf8JsonWriter(lines))
            JsonSerializer.Serialize(json, record, AuditJson.Options);
        lines.Write([LineEnd]);
    }

    private void Rotate()
    {
        isKnown = false; // until all of it is done
        var carried = WriteNext();
        stream!.Dispose();
        stream = null;
        // One that failed half way left a gap. Only what is in front of it moves, so that trying again and again deletes nothing.
        var free = 1;
        while (free < maxFiles && File.Exists($"{path}.{free}"))
            free++;
        if (free == maxFiles)
            File.Delete($"{path}.{free}");
        for (var number = free - 1; number >= 1; number--)
            File.Move($"{path}.{number}", $"{path}.{number + 1}");
        File.Move(path, $"{path}.1");
        File.Move(Next, path);
        stream = OpenFile(path, FileMode.OpenOrCreate);
        whole = head = carried;
        isKnown = true;
    }

    private long WriteNext()
    {
        using var next = OpenFile(Next, FileMode.Create);
        foreach (var record in open.Values)
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(record with { Kind = record.Kind == AuditKind.TubeStart ? AuditKind.TubeOpen : AuditKind.ConnectionOpen }, AuditJson.Options);
            next.Write(line);
            next.WriteByte(LineEnd);
        }

        next.Flush(toDisk);
        return next.Length;
    }

    /// <summary>Opens or makes a file that others of this machine may not read, but for its group.</summary>
    public static FileStream OpenFile(string path, FileMode mode)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = mode == FileMode.Create ? 64 * 1024 : 0,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        return new(path, options);
    }

    // What was written of a failed append is cut off now, or else when the file is opened again.
    private void Abandon()
    {
        var abandoned = stream;
        stream = null;
        if (abandoned is null)
            return;
        try
        {
            if (isKnown && abandoned.Length > whole)
                abandoned.SetLength(whole);
            abandoned.Dispose();
        }
        catch (Exception e) when (AuditFailure.Is(e))
        {
            stream = null; // EnsureOpen cuts it off; what failed first is what is told.
        }
    }
}
