using System.Net;

namespace Registry.WebRtc;

/// <summary>One connection of this process with itself, over loopback.</summary>
internal static class PeerConnectionWarmUp
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // More than one: what a method's first call compiles is not all that its next ones need.
    private const int Rounds = 3;

    private static readonly Lazy<Task> Once = new(static () => Task.Run(TryRunAsync));

    /// <summary>The one run of this process; ends without an error.</summary>
    public static Task Done => Once.Value;

    /// <summary>Connects, sends a message there and back, and closes.</summary>
    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        var options = new PeerConnectionFactoryOptions { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] };
        await using var servers = PeerConnectionFactory.Create(options);
        await using var clients = PeerConnectionFactory.Create(options with { SocketPerConnection = true });
        for (var round = 0; round < Rounds; round++)
            await ConnectAsync(clients, servers, cancellationToken).ConfigureAwait(false);
    }

    private static async Task TryRunAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            await RunAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // No loopback, no port, no time: the first peer then waits for the compiler as it would have without this.
        }
    }

    private static async Task ConnectAsync(PeerConnectionFactory clients, PeerConnectionFactory servers, CancellationToken cancellationToken)
    {
        await using var client = clients.CreatePeerConnection();
        await using var server = servers.CreatePeerConnection();
        var accepted = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.DataChannelReceived += accepted.SetResult;
        var channel = client.CreateDataChannel("warm-up");
        await client.SetLocalDescriptionAsync(await client.CreateOfferAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        await server.SetRemoteDescriptionAsync(client.LocalDescription!, cancellationToken).ConfigureAwait(false);
        await server.SetLocalDescriptionAsync(await server.CreateAnswerAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        await client.SetRemoteDescriptionAsync(server.LocalDescription!, cancellationToken).ConfigureAwait(false);

        var peer = await accepted.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await channel.SendAsync(new byte[32 * 1024], cancellationToken: cancellationToken).ConfigureAwait(false);
        if (await peer.ReceiveAsync(cancellationToken).ConfigureAwait(false) is { } message)
        {
            await peer.SendAsync(message.Data, cancellationToken: cancellationToken).ConfigureAwait(false);
            message.Dispose();
        }
        (await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false))?.Dispose();
    }
}
