using Registry.WebRtc.Tests.PeerConnections;

namespace Registry.WebRtc.Tests.Contract;

/// <summary>The states that a connection goes through from now on.</summary>
internal sealed class StateLog
{
    private readonly Lock gate = new();
    private readonly List<PeerConnectionState> seen = [];
    private readonly Dictionary<PeerConnectionState, TaskCompletionSource> reached = Enum.GetValues<PeerConnectionState>()
        .ToDictionary(state => state, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    public StateLog(IPeerConnection connection)
    {
        Connection = connection;
        connection.ConnectionStateChanged += Add;
        reached[connection.ConnectionState].TrySetResult();
    }

    public IPeerConnection Connection { get; }

    public IReadOnlyList<PeerConnectionState> Seen { get { lock (gate) return [.. seen]; } }

    public Task ReachAsync(PeerConnectionState state) => reached[state].Task.WaitAsync(ConnectionPair.Patience);

    private void Add(PeerConnectionState state)
    {
        lock (gate)
            seen.Add(state);
        reached[state].TrySetResult();
    }
}
