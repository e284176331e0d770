using System.Collections.Concurrent;

namespace Registry.Host.Cli.Bench;

/// <summary>One client of <c>GET /v1/events</c> that remembers of which tubes it was told that they were ready, and that they ended.</summary>
internal sealed class EventWatcher(Uri gateway) : IDisposable
{
    private const string TubePrefix = "data: {\"tubeId\":\"";

    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway, Timeout = Timeout.InfiniteTimeSpan };
    private readonly ConcurrentDictionary<string, byte> ready = [];
    private readonly ConcurrentDictionary<string, int> closed = [];
    private readonly TaskCompletionSource listed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when it was told of every tube that lived before.</summary>
    public Task Listed => listed.Task;

    /// <summary>Tubes it was told to be ready.</summary>
    public int Ready => ready.Count;

    /// <summary>Tubes it was told to have ended.</summary>
    public int Closed => closed.Count;

    /// <summary>Ends that it was told of more than once.</summary>
    public int Repeated => closed.Values.Count(times => times > 1);

    /// <summary>Events of all kinds.</summary>
    public long Events { get; private set; }

    /// <summary>Times it was told that it came too late for some.</summary>
    public int Missed { get; private set; }

    // Text and not JSON: what the load costs here is missing there.
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var reader = new StreamReader(await http.GetStreamAsync(new Uri("v1/events", UriKind.Relative), cancellationToken));
            var kind = "";
            while (await reader.ReadLineAsync(cancellationToken) is { } line)
            {
                if (line.StartsWith("event: ", StringComparison.Ordinal))
                    kind = line["event: ".Length..];
                else if (line.StartsWith("data: ", StringComparison.Ordinal))
                    Hear(kind, line);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It saw what it had to.
        }
    }

    public void Dispose() => http.Dispose();

    private void Hear(string kind, string line)
    {
        Events++;
        if (kind == "tubes_listed")
        {
            // The second one says that changes were missed.
            if (!listed.TrySetResult())
                Missed++;
        }
        else if (kind == "tube_closed")
        {
            closed.AddOrUpdate(TubeOf(line), 1, (_, times) => times + 1);
        }
        else if (kind == "connection_state_changed" && line.Contains("\"state\":\"ready\"", StringComparison.Ordinal))
        {
            ready.TryAdd(TubeOf(line), 0);
        }
    }

    private static string TubeOf(string line) => line[TubePrefix.Length..line.IndexOf('"', TubePrefix.Length)];
}
