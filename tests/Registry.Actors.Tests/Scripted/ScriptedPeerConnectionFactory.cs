using System.Collections.Concurrent;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Scripted;

/// <summary>Makes scripted peer connections and says where they break or wait.</summary>
internal sealed class ScriptedPeerConnectionFactory : IPeerConnectionFactory
{
    private readonly ConcurrentDictionary<string, Exception> faults = new();
    private readonly ConcurrentDictionary<string, Task> waits = new();
    private readonly object gate = new();
    private readonly List<ScriptedPeerConnection> connections = [];

    /// <summary>Whether two ends connect as soon as the answer is known.</summary>
    public bool AutoConnect { get; set; } = true;

    public PeerConnectionCapabilities Capabilities { get; set; } = PeerConnectionCapabilities.All;

    /// <summary>Whether data channels open once their ends are connected.</summary>
    public bool OpenChannels { get; set; } = true;

    /// <summary>Window of each data channel, in bytes.</summary>
    public int Window { get; set; } = 256 * 1024;

    public IReadOnlyList<ScriptedPeerConnection> Connections { get { lock (gate) return [.. connections]; } }

    public int OpenConnections => Connections.Count(c => !c.IsDisposed);

    /// <summary>Makes a step throw.</summary>
    public void Break(string step, Exception exception) => faults[step] = exception;

    /// <summary>Makes a step wait.</summary>
    public TaskCompletionSource Hold(string step)
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        waits[step] = source.Task;
        return source;
    }

    /// <summary>Lets a step pass again, for those that come to it from now on.</summary>
    public void Mend(string step)
    {
        faults.TryRemove(step, out _);
        waits.TryRemove(step, out _);
    }

    public void Fault(string step)
    {
        if (faults.TryGetValue(step, out var exception))
            throw exception;
    }

    public async Task StepAsync(string step, CancellationToken cancellationToken)
    {
        if (waits.TryGetValue(step, out var wait))
            await wait.WaitAsync(cancellationToken);
        Fault(step);
    }

    public IPeerConnection CreatePeerConnection(PeerConnectionConfiguration? configuration = null)
    {
        Fault("CreatePeerConnection");
        lock (gate)
        {
            var connection = new ScriptedPeerConnection(this, connections.Count + 1, configuration);
            connections.Add(connection);
            return connection;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
