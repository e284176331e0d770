using System.Security.Cryptography;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.Network;

/// <summary>Messages in one direction until it is checked.</summary>
internal sealed class RoutedTransfer : IAsyncDisposable
{
    private const int Size = 16 * 1024;

    // A path that stays silent fails after 30 s.
    private static readonly TimeSpan LongPatience = Patience + PeerConnectionConfiguration.Default.FailedTimeout;

    private readonly PeerConnectionFactory here;
    private readonly PeerConnectionFactory there;
    private readonly IncrementalHash sentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash receivedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private IDataChannel sending = null!;
    private Task receiver = Task.CompletedTask;
    private Task sender = Task.CompletedTask;
    private volatile bool isStopped;
    private int sent;
    private int received;

    private RoutedTransfer(RoutedNetwork network, PeerConnectionConfiguration configuration)
    {
        here = network.CreateFactoryAtA();
        there = network.CreateFactoryAtB();
        Sender = here.CreatePeerConnection(configuration);
        Receiver = there.CreatePeerConnection(configuration);
    }

    public IPeerConnection Sender { get; }
    public IPeerConnection Receiver { get; }
    public int Received => Volatile.Read(ref received);

    /// <summary>Connects the two hosts and starts to send, from A to B.</summary>
    /// <param name="signal">How they learn of each other; directly when it is null.</param>
    public static async Task<RoutedTransfer> StartAsync(
        RoutedNetwork network, PeerConnectionConfiguration configuration, Func<IPeerConnection, IPeerConnection, Task>? signal = null)
    {
        var transfer = new RoutedTransfer(network, configuration);
        var arrived = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        transfer.Receiver.DataChannelReceived += channel => arrived.TrySetResult(channel);
        transfer.sending = transfer.Sender.CreateDataChannel("transfer");
        await (signal?.Invoke(transfer.Sender, transfer.Receiver) ?? SignalAsync(transfer.Sender, transfer.Receiver));
        await transfer.sending.WaitForOpenAsync().WaitAsync(Patience);
        transfer.receiver = transfer.ReceiveAsync(await arrived.Task.WaitAsync(Patience));
        transfer.Resume();
        return transfer;
    }

    public Task ReachAsync(int messages) => UntilAsync(() =>
    {
        (Sender.Failure ?? Receiver.Failure).ShouldBeNull();
        return Received >= messages;
    });

    public static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(LongPatience);
        while (!condition())
            await Task.Delay(5, deadline.Token);
    }

    public async Task RestartAsync()
    {
        Sender.RestartIce();
        var offer = await Sender.CreateOfferAsync();
        await Sender.SetLocalDescriptionAsync(offer);
        await Receiver.SetRemoteDescriptionAsync(offer);
        var answer = await Receiver.CreateAnswerAsync();
        await Receiver.SetLocalDescriptionAsync(answer);
        await Sender.SetRemoteDescriptionAsync(answer);
    }

    /// <summary>Sends again after <see cref="CheckAsync"/>.</summary>
    public void Resume()
    {
        isStopped = false;
        sender = Task.Run(SendAsync);
    }

    /// <summary>Stops the transfer, and requires that what arrived is what was sent.</summary>
    public async Task CheckAsync()
    {
        isStopped = true;
        await sender.WaitAsync(Patience);
        await ReachAsync(sent);
        Received.ShouldBe(sent);
        receivedHash.GetCurrentHash().ShouldBe(sentHash.GetCurrentHash());
    }

    public async ValueTask DisposeAsync()
    {
        isStopped = true;
        await here.DisposeAsync();
        await there.DisposeAsync();
        await receiver.WaitAsync(Patience);
        await sender.WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it may have been cut off
        sentHash.Dispose();
        receivedHash.Dispose();
    }

    private async Task SendAsync()
    {
        var message = new byte[Size];
        for (; !isStopped; sent++)
        {
            Random.Shared.NextBytes(message);
            sentHash.AppendData(message);
            await sending.SendAsync(message);
        }
    }

    private async Task ReceiveAsync(IDataChannel channel)
    {
        while (await channel.ReceiveAsync() is { } message)
        {
            receivedHash.AppendData(message.Data.Span);
            message.Dispose();
            Interlocked.Increment(ref received);
        }
    }
}
