using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.RealPrograms;

/// <summary>Programs of the machine, run as children of the test and ended by their ids.</summary>
internal static class Programs
{
    /// <summary>The user that servers run as when the test is root, because some refuse to be root.</summary>
    public const string Unprivileged = "nobody";

    /// <summary>For a script of many steps, each of which may take its time on a busy machine.</summary>
    public static readonly TimeSpan ScriptPatience = Eventually.Patience * 4;

    private static readonly string[] Folders =
    [
        .. Environment.GetEnvironmentVariable("PATH")?.Split(':') ?? [],
        "/usr/sbin",
        // Debian keeps the servers of PostgreSQL off the path, a folder for each version.
        .. Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin")) : [],
    ];

    /// <summary>Where this project's files are.</summary>
    public static string SourceFolder { get; } = typeof(Programs).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == nameof(SourceFolder)).Value!;

    /// <summary>The list of npm packages that tests use.</summary>
    public static string NodePackages { get; } = Path.GetFullPath(Path.Combine(SourceFolder, "../Registry.Interop.Tests/peers/package.json"));

    public static string? Find(string program) => Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Starts a program whose output is read.</summary>
    public static Process Start(string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Find(program)!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Starts a program as a user without rights when the test itself is root.</summary>
    public static Process StartUnprivileged(string program, params IEnumerable<string> arguments) => Environment.IsPrivilegedProcess
        ? Start("setpriv", ["--reuid", Unprivileged, "--regid", "nogroup", "--clear-groups", Find(program)!, .. arguments])
        : Start(program, arguments);

    /// <summary>Runs to the end and expects success.</summary>
    /// <param name="process">What runs.</param>
    /// <param name="patience">Far beyond what it takes; null for what suffices for one step.</param>
    /// <returns>Standard output.</returns>
    public static async Task<string> RunAsync(Process process, TimeSpan? patience = null)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            try
            {
                await process.WaitForExitAsync().WaitAsync(patience ?? Eventually.Patience);
            }
            catch (TimeoutException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
            process.ExitCode.ShouldBe(0, $"{process.StartInfo.FileName} {string.Join(' ', process.StartInfo.ArgumentList)}: {await error}");
            return await output;
        }
    }

    /// <summary>Reads a server's log until it says that it is ready.</summary>
    public static Task WaitForLineAsync(Process process, string text) => WaitForLineAsync(process, process.StandardError, text);

    /// <summary>The same for a server that logs to its standard output.</summary>
    public static Task WaitForOutputAsync(Process process, string text) => WaitForLineAsync(process, process.StandardOutput, text);

    private static async Task WaitForLineAsync(Process process, StreamReader log, string text)
    {
        var seen = new List<string>();
        while (await log.ReadLineAsync().WaitAsync(Eventually.Patience) is { } line)
        {
            seen.Add(line);
            if (line.Contains(text, StringComparison.Ordinal))
            {
                // What follows has to be read too, or the server stops when the pipe is full.
                _ = log.ReadToEndAsync();
                return;
            }
        }
        throw new InvalidOperationException($"{process.StartInfo.FileName} ended: {string.Join('\n', seen)}");
    }

    public static async Task EndAsync(Process process)
    {
        using (process)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync().WaitAsync(Eventually.Patience);
        }
    }

    public static IPEndPoint FreeEndPoint()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }
}

/// <summary>A folder that is gone with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("registry-");

    public string Path => folder.FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Hands the folder to the user that servers run as.</summary>
    public async Task GiveAwayAsync()
    {
        if (Environment.IsPrivilegedProcess)
            await Programs.RunAsync(Programs.Start("chown", $"{Programs.Unprivileged}:nogroup", Path));
    }

    public void Dispose() => folder.Delete(recursive: true);
}
