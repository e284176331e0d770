using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.Network;

/// <summary>A transfer over a real routed path on which something happens; nothing may be lost or doubled.</summary>
public sealed class RoutedPathTests
{
    // ROUTED_CUT_SECONDS=10 runs them with the product's own times, and a cut that long after both ends noticed it.
    private static readonly double? cutSeconds = double.TryParse(Environment.GetEnvironmentVariable("ROUTED_CUT_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static readonly PeerConnectionConfiguration configuration = cutSeconds is null
        ? new() { ConsentInterval = TimeSpan.FromMilliseconds(250), DisconnectedTimeout = TimeSpan.FromSeconds(1) }
        : PeerConnectionConfiguration.Default;

    private static readonly TimeSpan cut = TimeSpan.FromSeconds(cutSeconds ?? 2);

    [RoutedNetworkFact]
    public async Task A_path_that_was_cut_carries_the_transfer_on_within_a_second_of_its_return()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await Transfer.StartAsync(network);
        await transfer.ReachAsync(50);

        network.IsOpen = false;
        await Transfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Disconnected && transfer.Receiver.ConnectionState == PeerConnectionState.Disconnected);
        await Task.Delay(cut);
        var received = transfer.Received;
        network.IsOpen = true;
        var returned = Stopwatch.GetTimestamp();
        await transfer.ReachAsync(received + 50);

        Stopwatch.GetElapsedTime(returned).ShouldBeLessThan(TimeSpan.FromSeconds(1));
        await transfer.CheckAsync();
    }

    [RoutedNetworkFact]
    public async Task A_path_that_stays_cut_ends_both_sides_when_consent_has_expired()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await Transfer.StartAsync(network, configuration with { FailedTimeout = cutSeconds is null ? TimeSpan.FromSeconds(4) : configuration.FailedTimeout });
        await transfer.ReachAsync(50);

        network.IsOpen = false;
        await Transfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Failed && transfer.Receiver.ConnectionState == PeerConnectionState.Failed);

        transfer.Sender.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
        transfer.Receiver.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
    }

    [RoutedNetworkFact]
    public async Task A_host_that_moves_to_another_address_goes_on_after_a_restart()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await Transfer.StartAsync(network);
        await transfer.ReachAsync(50);

        network.MoveB();
        await transfer.RestartAsync();
        await transfer.ReachAsync(transfer.Received + 200);

        await transfer.CheckAsync();
        await Transfer.UntilAsync(() => transfer.Sender.SelectedCandidatePair?.Remote.Address == RoutedNetwork.SecondAddressB.ToString());
        transfer.Sender.ConnectionState.ShouldBe(PeerConnectionState.Connected);
    }

    [RoutedNetworkFact]
    public async Task A_path_whose_MTU_shrinks_to_1280_carries_the_transfer_on()
    {
        using var network = new RoutedNetwork(mtu: 9000);
        await using var transfer = await Transfer.StartAsync(network);
        await transfer.ReachAsync(500);

        network.NarrowTo(1280);
        await transfer.ReachAsync(transfer.Received + 500);

        await transfer.CheckAsync();
    }

    /// <summary>Messages in one direction until it is checked.</summary>
    private sealed class Transfer : IAsyncDisposable
    {
        private const int Size = 16 * 1024;

        private readonly PeerConnectionFactory here;
        private readonly PeerConnectionFactory there;
        private readonly IncrementalHash sentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly IncrementalHash receivedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly CancellationTokenSource stop = new();
        private IDataChannel sending = null!;
        private Task receiver = Task.CompletedTask;
        private Task<int> sender = Task.FromResult(0);
        private int received;

        private Transfer(RoutedNetwork network, PeerConnectionConfiguration configuration)
        {
            here = network.CreateFactoryAtA();
            there = network.CreateFactoryAtB();
            Sender = here.CreatePeerConnection(configuration);
            Receiver = there.CreatePeerConnection(configuration);
        }

        public IPeerConnection Sender { get; }
        public IPeerConnection Receiver { get; }
        public int Received => Volatile.Read(ref received);

        public static async Task<Transfer> StartAsync(RoutedNetwork network, PeerConnectionConfiguration? settings = null)
        {
            var transfer = new Transfer(network, settings ?? configuration);
            var arrived = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
            transfer.Receiver.DataChannelReceived += channel => arrived.TrySetResult(channel);
            transfer.sending = transfer.Sender.CreateDataChannel("transfer");
            await SignalAsync(transfer.Sender, transfer.Receiver);
            await transfer.sending.WaitForOpenAsync().WaitAsync(Patience);
            transfer.receiver = transfer.ReceiveAsync(await arrived.Task.WaitAsync(Patience));
            transfer.sender = Task.Run(transfer.SendAsync);
            return transfer;
        }

        public Task ReachAsync(int messages) => UntilAsync(() => Received >= messages);

        public static async Task UntilAsync(Func<bool> condition)
        {
            using var patience = new CancellationTokenSource(Patience + configuration.FailedTimeout);
            while (!condition())
                await Task.Delay(5, patience.Token);
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

        /// <summary>Ends the transfer, and requires that what arrived is what was sent.</summary>
        public async Task CheckAsync()
        {
            await stop.CancelAsync();
            var sent = await sender.WaitAsync(Patience);
            await ReachAsync(sent);
            Received.ShouldBe(sent);
            receivedHash.GetCurrentHash().ShouldBe(sentHash.GetCurrentHash());
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await here.DisposeAsync();
            await there.DisposeAsync();
            await receiver.WaitAsync(Patience);
            await ((Task)sender).WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it may have been cut off
            sentHash.Dispose();
            receivedHash.Dispose();
            stop.Dispose();
        }

        private async Task<int> SendAsync()
        {
            var message = new byte[Size];
            var sent = 0;
            for (; !stop.IsCancellationRequested; sent++)
            {
                Random.Shared.NextBytes(message);
                sentHash.AppendData(message);
                await sending.SendAsync(message);
            }
            return sent;
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
}
