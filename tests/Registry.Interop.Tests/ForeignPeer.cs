using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>A process that runs a foreign WebRTC stack and is told what to do by lines of JSON (<c>peers/protocol.mjs</c>).</summary>
internal sealed class ForeignPeer : IAsyncDisposable
{
    private const int KeptErrorLines = 50;
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<int, TaskCompletionSource> commands = new();
    private readonly ConcurrentDictionary<int, ForeignConnection> connections = new();
    private readonly ConcurrentQueue<string> errorLines = new();
    private readonly SemaphoreSlim writing = new(1);
    private readonly Task reading;
    private int lastCommand;
    private int lastConnection;
    private volatile Exception? ended;

    private ForeignPeer(PeerProfile profile, string? authority)
    {
        Profile = profile;
        process = new Process
        {
            StartInfo = new ProcessStartInfo("node", [$"{profile.Name}.mjs"])
            {
                WorkingDirectory = PeerProfile.Folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        if (authority is not null)
            process.StartInfo.Environment["NODE_EXTRA_CA_CERTS"] = authority;
        process.ErrorDataReceived += (_, line) => KeepErrorLine(line.Data);
        process.Start();
        process.BeginErrorReadLine();
        reading = ReadEventsAsync();
    }

    /// <summary>Which stack this is.</summary>
    public PeerProfile Profile { get; }

    /// <summary>Starts the peer's program and waits until it takes commands.</summary>
    /// <param name="profile">Which.</param>
    /// <param name="authority">A PEM file of a certificate that the program trusts in addition, or null.</param>
    public static async Task<ForeignPeer> StartAsync(PeerProfile profile, string? authority = null)
    {
        var peer = new ForeignPeer(profile, authority);
        try
        {
            await peer.WaitAsync(peer.ready.Task, "to start");
            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Creates a peer connection inside the peer.</summary>
    /// <param name="trickle">Whether it tells its description before it has found its candidates.</param>
    /// <param name="server">A STUN server that it may ask, a relay that is the only way it may use, or null for neither.</param>
    public async Task<ForeignConnection> CreateConnectionAsync(bool trickle, IceServer? server = null)
    {
        var connection = new ForeignConnection(this, Interlocked.Increment(ref lastConnection));
        connections[connection.Number] = connection;
        object[] servers = server is null ? [] : [new { urls = server.Urls, username = server.Username, credential = server.Credential }];
        var relayOnly = server?.Urls.Any(url => IceServerUrl.Parse(url).IsTurn) == true;
        await connection.CommandAsync("create", new() { ["trickle"] = trickle, ["iceServers"] = servers, ["relayOnly"] = relayOnly });
        return connection;
    }

    /// <summary>Sends a command and waits until the peer has carried it out.</summary>
    /// <exception cref="ForeignPeerException">The peer says that it failed, does not answer, or has ended.</exception>
    public async Task CommandAsync(int connection, string command, Dictionary<string, object?> fields)
    {
        var id = Interlocked.Increment(ref lastCommand);
        var answer = commands.GetOrAdd(id, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            ThrowIfEnded();
            await WriteLineAsync(JsonSerializer.Serialize(new Dictionary<string, object?>(fields) { ["id"] = id, ["pc"] = connection, ["cmd"] = command }));
            await WaitAsync(answer.Task, $"to carry out '{command}'");
        }
        finally
        {
            commands.TryRemove(id, out _);
        }
    }

    /// <summary>Waits for something that the peer has to do; when it takes too long, the failure tells what the peer wrote to its stderr.</summary>
    public async Task<T> WaitAsync<T>(Task<T> task, string what, Func<string> circumstances)
    {
        await WaitAsync((Task)task, what, circumstances);
        return await task;
    }

    /// <inheritdoc cref="WaitAsync{T}(Task{T}, string, Func{string})"/>
    public async Task WaitAsync(Task task, string what, Func<string>? circumstances = null)
    {
        try
        {
            await task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw Failure($"was waited for {what} for {patience.TotalSeconds:0} s in vain{(circumstances is null ? "" : $". {circumstances()}")}");
        }
    }

    /// <summary>Forgets a connection; what the peer still says about it is ignored.</summary>
    public void Forget(ForeignConnection connection) => connections.TryRemove(connection.Number, out _);

    public async ValueTask DisposeAsync()
    {
        if (ended is null)
            await AskToExitAsync();
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await reading;
        process.Dispose();
        writing.Dispose();
    }

    private async Task AskToExitAsync()
    {
        try
        {
            await WriteLineAsync("""{"cmd":"exit"}""");
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            KeepErrorLine($"(did not exit when asked: {e.Message})");
        }
    }

    private async Task WriteLineAsync(string line)
    {
        await writing.WaitAsync();
        try
        {
            await process.StandardInput.WriteLineAsync(line);
            await process.StandardInput.FlushAsync();
        }
        finally
        {
            writing.Release();
        }
    }

    private async Task ReadEventsAsync()
    {
        try
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
                Handle(PeerEvent.Parse(line));
            await process.WaitForExitAsync();
            End(Failure($"ended with exit code {process.ExitCode}"));
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            End(Failure($"broke the protocol: {e.Message}"));
        }
    }

    private void Handle(PeerEvent e)
    {
        switch (e.Event)
        {
            case "ready":
                ready.SetResult();
                break;
            case "done" or "failed" when e.Id is { } id && commands.TryGetValue(id, out var command):
                if (e.Event == "done")
                    command.TrySetResult();
                else
                    command.TrySetException(Failure($"failed: {e.Message}"));
                break;
            default:
                if (e.Pc is { } number && connections.TryGetValue(number, out var connection))
                    connection.Deliver(e);
                break;
        }
    }

    private void End(ForeignPeerException failure)
    {
        ended = failure;
        ready.TrySetException(failure);
        foreach (var command in commands.Values)
            command.TrySetException(failure);
        foreach (var connection in connections.Values)
            connection.End(failure);
    }

    private void ThrowIfEnded()
    {
        if (ended is { } failure)
            throw failure;
    }

    private void KeepErrorLine(string? line)
    {
        if (line is null)
            return;
        errorLines.Enqueue(line);
        while (errorLines.Count > KeptErrorLines)
            errorLines.TryDequeue(out _);
    }

    private ForeignPeerException Failure(string what) =>
        new($"Peer {Profile.Name} {what}. Its stderr: {(errorLines.IsEmpty ? "(empty)" : string.Join(Environment.NewLine, errorLines))}");
}

/// <summary>A foreign peer did not do what was asked of it.</summary>
internal sealed class ForeignPeerException(string message) : Exception(message);
