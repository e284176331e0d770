using System.Collections.Concurrent;
using System.Net;
using Registry.WebRtc;

namespace Registry.Host.Cli.Bench;

/// <summary>The two ports of a userspace relay between the two ends.</summary>
/// <param name="PortA">Where the second end finds the first.</param>
/// <param name="PortB">Where the first end finds the second.</param>
internal sealed record RelayPorts(int PortA, int PortB)
{
    /// <summary>Reads <c>PA,PB</c>.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static RelayPorts Parse(string text) =>
        text.Split(',') is [var a, var b] && ushort.TryParse(a, out var portA) && ushort.TryParse(b, out var portB)
            ? new(portA, portB)
            : throw new FormatException($"--relay '{text}' must be two ports, PA,PB.");
}

/// <summary>Makes pairs of connections as a gateway and its clients do: one socket for all on one side, one each on the other.</summary>
internal sealed class BenchmarkPairs(RelayPorts? relay, PeerConnectionConfiguration? configuration = null) : IAsyncDisposable
{
    private readonly PeerConnectionFactory clients = PeerConnectionFactory.Create(new() { SocketPerConnection = true });
    private readonly PeerConnectionFactory gateway = PeerConnectionFactory.Create();

    /// <summary>Connects a pair and returns when its channel is open on both sides.</summary>
    public async Task<BenchmarkPair> ConnectAsync()
    {
        var client = clients.CreatePeerConnection(configuration);
        var server = gateway.CreatePeerConnection(configuration);
        var accepted = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.DataChannelReceived += channel => accepted.TrySetResult(channel);
        var trickled = new ConcurrentQueue<Task>();
        client.IceCandidateFound += candidate => trickled.Enqueue(TrickleAsync(server, candidate, relay?.PortA));
        server.IceCandidateFound += candidate => trickled.Enqueue(TrickleAsync(client, candidate, relay?.PortB));

        var channel = client.CreateDataChannel("bench");
        var offer = await client.CreateOfferAsync();
        await client.SetLocalDescriptionAsync(offer);
        await server.SetRemoteDescriptionAsync(offer);
        var answer = await server.CreateAnswerAsync();
        await server.SetLocalDescriptionAsync(answer);
        await client.SetRemoteDescriptionAsync(answer);
        await channel.WaitForOpenAsync();
        return new(client, server, channel, await accepted.Task, trickled);
    }

    public async ValueTask DisposeAsync()
    {
        await clients.DisposeAsync();
        await gateway.DisposeAsync();
    }

    private static async Task TrickleAsync(IPeerConnection to, IceCandidate? candidate, int? relayPort)
    {
        // With a relay there is one way: the IPv4 candidate, at the relay's port.
        if (candidate is not null && relayPort is { } port)
        {
            if (!IPAddress.TryParse(candidate.Address, out var address) || address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork)
                return;
            candidate = candidate with { Port = port };
        }
        try
        {
            await to.AddIceCandidateAsync(candidate);
        }
        catch (InvalidOperationException) when (to.ConnectionState is PeerConnectionState.Closed or PeerConnectionState.Failed)
        {
            // A candidate that comes after the pair was closed has nobody to go to.
        }
    }
}

/// <summary>A connected pair. Disposing it fails when a candidate was not taken.</summary>
internal sealed record BenchmarkPair(IPeerConnection Client, IPeerConnection Server, IDataChannel A, IDataChannel B, ConcurrentQueue<Task> Trickled) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
        await Task.WhenAll(Trickled);
    }
}
