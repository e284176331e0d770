using System.Diagnostics;
using System.Globalization;

namespace Registry.WebRtc.Tests.Network;

/// <summary>A transfer over a real routed path on which something happens; nothing may be lost or doubled.</summary>
public sealed class RoutedPathTests
{
    // ROUTED_CUT_SECONDS=10 runs them with the product's own times, and a cut that long after both ends noticed it: without a restart at most 15 s, for
    // after 30 s of silence consent has expired.
    private static readonly double? cutSeconds = double.TryParse(Environment.GetEnvironmentVariable("ROUTED_CUT_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static readonly PeerConnectionConfiguration configuration = cutSeconds is null
        ? new() { ConsentInterval = TimeSpan.FromMilliseconds(250), DisconnectedTimeout = TimeSpan.FromSeconds(1) }
        : PeerConnectionConfiguration.Default;

    private static readonly TimeSpan failedTimeout = cutSeconds is null ? TimeSpan.FromSeconds(2) : configuration.FailedTimeout;

    [RoutedNetworkFact]
    public async Task A_path_that_was_cut_carries_the_transfer_on_within_a_second_of_its_return()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await RoutedTransfer.StartAsync(network, configuration);
        await transfer.ReachAsync(50);

        network.IsOpen = false;
        await RoutedTransfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Disconnected && transfer.Receiver.ConnectionState == PeerConnectionState.Disconnected);
        await Task.Delay(TimeSpan.FromSeconds(Math.Min(cutSeconds ?? 1, 15)));
        var received = transfer.Received;
        network.IsOpen = true;
        var returned = Stopwatch.GetTimestamp();
        await transfer.ReachAsync(received + 50);

        if (cutSeconds is not null) // alone on the machine, as figures are taken
            Stopwatch.GetElapsedTime(returned).ShouldBeLessThan(TimeSpan.FromSeconds(1));
        await transfer.CheckAsync();
    }

    [RoutedNetworkFact]
    public async Task A_path_that_stays_cut_ends_both_sides_also_the_one_that_waits_for_the_answer_to_a_restart()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await RoutedTransfer.StartAsync(network, configuration with { FailedTimeout = failedTimeout });
        await transfer.ReachAsync(50);

        network.IsOpen = false;
        await RoutedTransfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Disconnected);
        transfer.Sender.RestartIce();
        await transfer.Sender.SetLocalDescriptionAsync(await transfer.Sender.CreateOfferAsync());
        await RoutedTransfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Failed && transfer.Receiver.ConnectionState == PeerConnectionState.Failed);

        transfer.Sender.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
        transfer.Receiver.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
    }

    [RoutedNetworkFact]
    public async Task Restarts_carry_the_transfer_over_a_cut_that_outlasts_consent()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await RoutedTransfer.StartAsync(network, configuration with { FailedTimeout = failedTimeout });
        await transfer.ReachAsync(50);

        network.IsOpen = false;
        var end = Stopwatch.GetTimestamp() + (long)((cutSeconds ?? 3) * Stopwatch.Frequency);
        await RoutedTransfer.UntilAsync(() => transfer.Sender.ConnectionState == PeerConnectionState.Disconnected && transfer.Receiver.ConnectionState == PeerConnectionState.Disconnected);
        for (var next = Stopwatch.GetTimestamp(); next < end; next += (long)(failedTimeout.TotalSeconds / 6 * Stopwatch.Frequency))
        {
            await RoutedTransfer.UntilAsync(() => Stopwatch.GetTimestamp() >= next);
            await transfer.RestartAsync();
        }
        await RoutedTransfer.UntilAsync(() => Stopwatch.GetTimestamp() >= end);
        network.IsOpen = true;
        await transfer.RestartAsync();
        await transfer.ReachAsync(transfer.Received + 50);

        await transfer.CheckAsync();
        transfer.Sender.ConnectionState.ShouldBe(PeerConnectionState.Connected);
    }

    [RoutedNetworkFact]
    public async Task A_host_that_moves_to_another_address_goes_on_after_a_restart()
    {
        using var network = new RoutedNetwork();
        await using var transfer = await RoutedTransfer.StartAsync(network, configuration);
        await transfer.ReachAsync(50);

        network.MoveB();
        await transfer.RestartAsync();
        await transfer.ReachAsync(transfer.Received + 200);

        await transfer.CheckAsync();
        await RoutedTransfer.UntilAsync(() => transfer.Sender.SelectedCandidatePair?.Remote.Address == RoutedNetwork.SecondAddressB.ToString());
        transfer.Sender.ConnectionState.ShouldBe(PeerConnectionState.Connected);
    }

    [RoutedNetworkFact]
    public async Task A_path_whose_MTU_shrinks_to_1280_carries_the_transfer_on()
    {
        using var network = new RoutedNetwork(mtu: 9000);
        await using var transfer = await RoutedTransfer.StartAsync(network, configuration);
        await transfer.ReachAsync(500);

        network.NarrowTo(1280);
        await transfer.ReachAsync(transfer.Received + 500);

        await transfer.CheckAsync();
    }
}
