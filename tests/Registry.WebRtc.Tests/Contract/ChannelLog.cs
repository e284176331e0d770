using System.Collections.Concurrent;
using Registry.WebRtc.Tests.PeerConnections;

namespace Registry.WebRtc.Tests.Contract;

/// <summary>The channels that the peer of a connection opens, by label.</summary>
internal sealed class ChannelLog
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<IDataChannel>> opened = new();

    public ChannelLog(IPeerConnection connection) => connection.DataChannelReceived += channel => Of(channel.Label).TrySetResult(channel);

    public Task<IDataChannel> TakeAsync(string label) => Of(label).Task.WaitAsync(ConnectionPair.Patience);

    private TaskCompletionSource<IDataChannel> Of(string label) => opened.GetOrAdd(label, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
