using System.Diagnostics;
using System.Globalization;

namespace Registry.Host.Cli.Bench;

/// <summary>A gateway as a process of its own, so that its memory and time are not the load's. Disposing stops it in order.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly Process process;

    private GatewayProcess(Process process, Uri url)
    {
        this.process = process;
        Url = url;
        // Its log has a line for every tube; read, so that it does not wait for a reader, and not shown.
        _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null);
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    public Uri Url { get; }

    /// <summary>Resident memory in KiB.</summary>
    public long Rss
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64 / 1024;
        }
    }

    /// <summary>User and system time so far, in seconds.</summary>
    public double CpuSeconds
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>Serves on a free port of loopback.</summary>
    /// <param name="settings">As <c>--set</c> takes them.</param>
    public static async Task<GatewayProcess> StartAsync(params IEnumerable<string> settings)
    {
        var program = typeof(GatewayProcess).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [program, "serve", "--http", "http://127.0.0.1:0", "--set", "registry.drain.stop-deadline=1ms", .. settings.SelectMany(setting => new[] { "--set", setting })])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(start) ?? throw new CommandException(ExitCode.Failed, "No gateway could be started beside this process.");
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        return Uri.TryCreate(line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1], UriKind.Absolute, out var url)
            ? new(process, url)
            : throw new CommandException(ExitCode.Failed, $"The gateway did not start: {line} {await process.StandardError.ReadToEndAsync()}");
    }

    /// <summary>Does what is measured, until the token ends it.</summary>
    /// <exception cref="CommandException">The gateway ended meanwhile, whatever came of that.</exception>
    public async Task<T> MeasureAsync<T>(Func<Task<T>> measure, CancellationToken cancellationToken)
    {
        var measuring = measure();
        var ending = process.WaitForExitAsync(cancellationToken);
        try
        {
            if (await Task.WhenAny(measuring, ending) == measuring)
                return await measuring;
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested && process.WaitForExit(Grace))
        {
            // A call that broke is seen before the end that broke it.
        }

        cancellationToken.ThrowIfCancellationRequested(); // Ctrl-C ends both.
        throw new CommandException(ExitCode.Failed, $"The gateway that is measured, process {process.Id}, ended before the measurement did, with exit code {process.ExitCode}. There are no figures.");
    }

    public async ValueTask DisposeAsync()
    {
        using (process)
        {
            if (process.HasExited)
                return;
            using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
            try
            {
                await process.WaitForExitAsync().WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                process.Kill();
            }
        }
    }
}
