using System.Diagnostics;
using System.Globalization;
using System.Text;
using Registry.Host.Serving;

namespace Registry.Cluster.Tests;

/// <summary>A gateway that runs <c>serve</c> as a process of its own, on free ports of loopback.</summary>
public sealed class ClusterProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder errors = new();
    private readonly Dictionary<string, string> greeting = [];
    private readonly Task reading;
    private Task<string> output = Task.FromResult("");

    private ClusterProcess(Process process, HttpClient http)
    {
        this.process = process;
        Http = http;
        reading = ReadErrorsAsync();
    }

    /// <summary>Far beyond what anything takes; reached only when it never happens.</summary>
    public static TimeSpan Patience => TimeSpan.FromSeconds(60);

    public int Id => process.Id;

    /// <summary>Where the other nodes reach it, which is also its name; empty when it is in no cluster.</summary>
    public string Name => greeting.GetValueOrDefault("Cluster", "");

    public Uri Url => new(greeting["Dashboard"]);

    /// <summary>A client of its HTTP interface.</summary>
    public HttpClient Http { get; }

    public bool HasExited => process.HasExited;

    /// <summary>What it wrote to standard error so far.</summary>
    public string Errors
    {
        get
        {
            lock (errors)
                return errors.ToString();
        }
    }

    /// <summary>Starts a gateway in a cluster and returns when it serves HTTP; it may still be joining.</summary>
    public static Task<ClusterProcess> StartAsync(params IEnumerable<string> arguments) => ServeAsync(["--cluster", "127.0.0.1:0", .. arguments]);

    /// <summary>Starts a gateway in a cluster that may end it before it serves: only its end can be waited for.</summary>
    public static ClusterProcess Launch(params IEnumerable<string> arguments) => Start("dotnet", [.. Serve, "--cluster", "127.0.0.1:0", .. arguments], new());

    /// <summary>The same as <see cref="StartAsync(IEnumerable{string})"/> on a network of the test's own.</summary>
    /// <param name="place">Where it runs.</param>
    /// <param name="arguments">Further options.</param>
    public static Task<ClusterProcess> StartAsync(NetworkPlace place, params IEnumerable<string> arguments) =>
        GreetedAsync(Start("ip", ["netns", "exec", place.Name, "dotnet", .. Serve, "--cluster", $"{place.Address}:0", .. arguments], new(place.CreateHandler())));

    /// <summary>Starts a gateway with these options only, and returns when it serves HTTP.</summary>
    public static Task<ClusterProcess> ServeAsync(params IEnumerable<string> arguments) => GreetedAsync(Start("dotnet", [.. Serve, .. arguments], new()));

    /// <summary>Starts a gateway at the addresses of this one, which has ended.</summary>
    public Task<ClusterProcess> StartAgainAsync(params IEnumerable<string> arguments) =>
        GreetedAsync(Start("dotnet", [.. ServeAt(Url.GetLeftPart(UriPartial.Authority)), "--cluster", Name, .. arguments], new()));

    private static string[] Serve => ServeAt("http://127.0.0.1:0");

    private static string[] ServeAt(string url) => [typeof(Gateway).Assembly.Location, "serve", "--http", url];

    private static async Task<ClusterProcess> GreetedAsync(ClusterProcess gateway)
    {
        try
        {
            await gateway.ReadGreetingAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until <c>/readyz</c> says 200: the node is up.</summary>
    public async Task ReadyAsync()
    {
        var deadline = Stopwatch.StartNew();
        while ((await Http.GetAsync("/readyz")) is { IsSuccessStatusCode: false })
        {
            HasExited.ShouldBeFalse(Errors);
            deadline.Elapsed.ShouldBeLessThan(Patience, Errors);
            await Task.Delay(20);
        }
    }

    /// <summary>Waits until it has written a text to standard error.</summary>
    public async Task SaysAsync(string text)
    {
        var deadline = Stopwatch.StartNew();
        while (!Errors.Contains(text, StringComparison.Ordinal))
        {
            deadline.Elapsed.ShouldBeLessThan(Patience, $"'{text}' does not appear in: {Errors}");
            await Task.Delay(20);
        }
    }

    /// <summary>Tells it to stop in order.</summary>
    public void Terminate() => Signal("TERM");

    /// <summary>Ends it at once.</summary>
    public void Kill() => process.Kill();

    /// <summary>Stops it from running, as a machine that hangs does.</summary>
    public void Pause() => Signal("STOP");

    /// <summary>Lets it go on after <see cref="Pause"/>.</summary>
    public void Resume() => Signal("CONT");

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code; <see cref="Errors"/> is whole then.</returns>
    public async Task<int> ExitAsync()
    {
        try
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The gateway {Name} does not end: {Errors}");
        }

        await reading;
        (await output).ShouldBe("", "Standard output is for the greeting only.");
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        await reading;
        Http.Dispose();
        process.Dispose();
    }

    private static ClusterProcess Start(string program, IEnumerable<string> arguments, HttpClient http) =>
        new(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!, http);

    private async Task ReadGreetingAsync()
    {
        // The last line that is always there comes before the one of the cluster, so that the end of the greeting is what follows it.
        var isNode = process.StartInfo.ArgumentList.Contains("--cluster");
        while (!greeting.ContainsKey(isNode ? "Cluster" : "Client"))
        {
            if (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is not { } line)
                throw new InvalidOperationException($"The gateway ended with {await ExitAsync()}: {Errors}");
            if (line.Split(':', 2) is [var what, var value])
                greeting[what] = value.Trim();
        }

        Http.BaseAddress = Url;
        output = process.StandardOutput.ReadToEndAsync();
    }

    private async Task ReadErrorsAsync()
    {
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lock (errors)
                errors.AppendLine(line);
        }
    }

    private void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        kill.ExitCode.ShouldBe(0);
    }
}
