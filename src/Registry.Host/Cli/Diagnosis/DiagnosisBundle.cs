using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli.Diagnosis;

/// <summary>Files for a bundle, without secrets.</summary>
/// <param name="redaction">Passed by everything that goes in.</param>
internal sealed class DiagnosisBundle(Redaction redaction)
{
    private static readonly JsonSerializerOptions indented = new(ApiJson.Options) { WriteIndented = true };

    private readonly List<(string Name, string Text)> files = [];

    /// <summary>The files so far.</summary>
    public IReadOnlyList<string> Names => [.. files.Select(file => file.Name)];

    public void Add(string name, string text) => files.Add((name, redaction.Clean(text)));

    public void AddJson(string name, object value) => Add(name, JsonSerializer.Serialize(value, indented));

    /// <summary>Writes the bundle as a tar.gz that only its owner can read.</summary>
    /// <exception cref="CommandException">The file exists or cannot be written.</exception>
    public async Task WriteAsync(string file, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            await using var stream = new FileStream(file, options);
            await using var gzip = new GZipStream(stream, CompressionLevel.Optimal);
            await using var tar = new TarWriter(gzip, TarEntryFormat.Pax);
            foreach (var (name, text) in files)
                await tar.WriteEntryAsync(
                    new PaxTarEntry(TarEntryType.RegularFile, $"registry-diag/{name}") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)), ModificationTime = at, Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite },
                    cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"--out {file} cannot be written: {e.Message}");
        }
    }
}
