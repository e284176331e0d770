using System.Collections.Concurrent;
using System.Globalization;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.Network;

/// <summary>A transfer from a host behind a NAT over a bad line; nothing may be lost or doubled.</summary>
public sealed class ImpairedPathTests
{
    // ROUTED_IDLE_SECONDS=3600 leaves the connection idle that long, with the product's own times and a NAT that forgets after 30 s.
    private static readonly double? idleSeconds = double.TryParse(Environment.GetEnvironmentVariable("ROUTED_IDLE_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static readonly PeerConnectionConfiguration quick = new() { ConsentInterval = TimeSpan.FromMilliseconds(100), DisconnectedTimeout = TimeSpan.FromSeconds(10), SendBufferSize = 128 * 1024 };

    [RoutedNetworkFact]
    public async Task Loss_that_differs_by_direction_loses_nothing()
    {
        await using var path = await Path.StartAsync();
        var (translator, transfer) = (path.Translator, path.Transfer);
        translator.FromAToB = new() { Delay = TimeSpan.FromMilliseconds(5), Loss = 0.05 };
        translator.FromBToA = new() { Delay = TimeSpan.FromMilliseconds(5), Loss = 0.3 };

        await transfer.ReachAsync(transfer.Received + 30);

        await transfer.CheckAsync();
        transfer.Sender.GetStatistics().Retransmissions.ShouldBeGreaterThan(0);
    }

    [RoutedNetworkFact]
    public async Task Reordering_and_duplication_double_nothing()
    {
        await using var path = await Path.StartAsync();
        var (translator, transfer) = (path.Translator, path.Transfer);
        var conditions = new NetworkConditions { Delay = TimeSpan.FromMilliseconds(5), Reordering = 0.3, ReorderingDelay = TimeSpan.FromMilliseconds(15), Duplication = 0.1 };
        (translator.FromAToB, translator.FromBToA) = (conditions, conditions);

        await transfer.ReachAsync(transfer.Received + 30);

        await transfer.CheckAsync();
    }

    [RoutedNetworkFact]
    public async Task A_round_trip_that_grows_from_50_to_300_ms_carries_the_transfer_on()
    {
        await using var path = await Path.StartAsync();
        var (translator, transfer) = (path.Translator, path.Transfer);
        foreach (var roundTrip in (int[])[50, 300])
        {
            var conditions = new NetworkConditions { Delay = TimeSpan.FromMilliseconds(roundTrip / 2) };
            (translator.FromAToB, translator.FromBToA) = (conditions, conditions);
            await transfer.ReachAsync(transfer.Received + 10);
        }

        await transfer.CheckAsync();
    }

    [RoutedNetworkFact]
    public async Task A_NAT_that_gives_the_host_another_port_is_followed()
    {
        await using var path = await Path.StartAsync();
        var (translator, transfer) = (path.Translator, path.Transfer);
        var before = translator.OutsidePort;
        var states = StatesOf(transfer.Receiver);

        translator.Rebind();
        await RoutedTransfer.UntilAsync(() => translator.OutsidePort is { } port && port != before && transfer.Receiver.SelectedCandidatePair?.Remote.Port == port);
        await transfer.ReachAsync(transfer.Received + 30);

        await transfer.CheckAsync();
        states.ShouldNotContain(PeerConnectionState.Disconnected);
    }

    [RoutedNetworkFact]
    public async Task An_idle_connection_outlasts_a_NAT_that_forgets_idle_mappings()
    {
        await using var path = await Path.StartAsync();
        var (translator, transfer) = (path.Translator, path.Transfer);
        await transfer.CheckAsync();
        translator.Lifetime = TimeSpan.FromSeconds(idleSeconds is null ? 0.6 : 30);
        var states = StatesOf(transfer.Receiver);

        await Task.Delay(TimeSpan.FromSeconds(idleSeconds ?? 1.2));

        transfer.Resume();
        await transfer.ReachAsync(transfer.Received + 10);
        await transfer.CheckAsync();
        states.ShouldNotContain(PeerConnectionState.Disconnected);
        await transfer.Sender.DisposeAsync();
        await RoutedTransfer.UntilAsync(() => translator.OutsidePort is null); // it does forget
    }

    private static ConcurrentQueue<PeerConnectionState> StatesOf(IPeerConnection connection)
    {
        var states = new ConcurrentQueue<PeerConnectionState>();
        connection.ConnectionStateChanged += states.Enqueue;
        return states;
    }

    private sealed class Path : IAsyncDisposable
    {
        private readonly RoutedNetwork network = new() { IsOpen = false };

        private Path() => Translator = new(network, seed: 5);

        public AddressTranslator Translator { get; }
        public RoutedTransfer Transfer { get; private set; } = null!;

        public static async Task<Path> StartAsync()
        {
            var path = new Path();
            path.Transfer = await RoutedTransfer.StartAsync(path.network, idleSeconds is null ? quick : PeerConnectionConfiguration.Default, path.Translator.SignalAsync);
            await path.Transfer.ReachAsync(10);
            return path;
        }

        public async ValueTask DisposeAsync()
        {
            await Transfer.DisposeAsync();
            Translator.Dispose();
            network.Dispose();
        }
    }
}
