using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

/// <summary>How senders use a path, alone and beside each other.</summary>
public sealed class CongestionTests
{
    /// <summary>Bytes a second of a bottleneck of 10 Mbit/s.</summary>
    private const double Rate = 1_250_000;

    /// <summary>What is left of that for messages: 1,164 bytes of each 1,257.</summary>
    private const double Payload = Rate * 1164 / 1257;
    private static readonly TimeSpan oneWay = TimeSpan.FromMilliseconds(25);
    private static readonly NetworkConditions slow = new() { Delay = oneWay, Rate = Rate, Queue = TimeSpan.FromMilliseconds(100) };

    [Theory]
    [InlineData(CongestionControl.Bbr, 0)]
    [InlineData(CongestionControl.Bbr, 0.01)]
    [InlineData(CongestionControl.Cubic, 0)]
    public void A_bottleneck_is_filled(CongestionControl control, double loss)
    {
        var sender = new Sender(Pair(slow with { Loss = loss }, control));
        sender.Run(TimeSpan.FromSeconds(2));
        var before = sender.Received;
        sender.Run(TimeSpan.FromSeconds(6));
        ((sender.Received - before) / 6 / Payload).ShouldBeGreaterThan(loss == 0 ? 0.985 : 0.95);
    }

    [Fact]
    public void BBR_leaves_the_queue_of_the_bottleneck_half_empty_and_loses_nothing_once_it_knows_the_path()
    {
        var pair = Pair(slow, CongestionControl.Bbr);
        var sender = new Sender(pair);
        sender.Run(TimeSpan.FromSeconds(3));
        var before = pair.Client.Association.Statistics.Retransmissions;
        sender.Run(TimeSpan.FromSeconds(5));
        pair.Client.Association.Statistics.Retransmissions.ShouldBe(before);
        pair.Client.Association.Statistics.RoundTripTime!.Value.ShouldBeLessThan(2 * oneWay + TimeSpan.FromMilliseconds(65));
    }

    [Theory]
    [InlineData(CongestionControl.Bbr, CongestionControl.Bbr, 100, 0.4)]
    [InlineData(CongestionControl.Bbr, CongestionControl.Cubic, 100, 0.3)]
    [InlineData(CongestionControl.Cubic, CongestionControl.Bbr, 100, 0.3)]
    [InlineData(CongestionControl.Cubic, CongestionControl.Bbr, 25, 0.15)]
    public void Two_senders_share_a_bottleneck(CongestionControl first, CongestionControl second, int queueMilliseconds, double leastShare)
    {
        var conditions = slow with { Queue = TimeSpan.FromMilliseconds(queueMilliseconds) };
        var network = new SimulatedNetwork(1, conditions) { Link = source => DataChannelPair.IsFromClient(source) ? 0 : source.Port };
        Sender[] senders = [Join(network, 1, first), Join(network, 2, second)];
        Run(network, senders, TimeSpan.FromSeconds(5));
        var before = senders.Select(sender => sender.Received).ToArray();
        Run(network, senders, TimeSpan.FromSeconds(15));
        var shares = senders.Zip(before, (sender, start) => (sender.Received - start) / 15 / Payload).ToArray();
        shares.Sum().ShouldBeGreaterThan(0.95);
        shares.Min().ShouldBeGreaterThan(leastShare, $"{first} has {shares[0]:P0}, {second} has {shares[1]:P0}");
    }

    [Theory]
    [InlineData(CongestionControl.Bbr)]
    [InlineData(CongestionControl.Cubic)]
    public void A_path_that_becomes_slow_at_once_costs_neither_window_nor_bandwidth(CongestionControl control)
    {
        var pair = Pair(new() { Delay = oneWay }, control);
        var sender = new Sender(pair, limit: 20);
        sender.Run(TimeSpan.FromSeconds(2));
        var (window, again) = (pair.Client.Association.Statistics.CongestionWindow, pair.Client.Association.Statistics.Retransmissions);
        pair.Settle(seconds: 1);
        pair.Network.Conditions = new() { Delay = TimeSpan.FromMilliseconds(300) };
        sender.Run(TimeSpan.FromMilliseconds(700));
        pair.Client.Association.Statistics.Timeouts.ShouldBeGreaterThan(0);
        pair.Client.Association.Statistics.CongestionWindow.ShouldBeGreaterThanOrEqualTo(window);
        (pair.Client.Association.Statistics.Retransmissions - again).ShouldBeLessThan(8);
    }

    [Fact]
    public void A_packet_that_was_late_and_not_lost_does_not_shrink_the_window()
    {
        var pair = Pair(new() { Delay = oneWay }, CongestionControl.Cubic);
        var sender = new Sender(pair, limit: 100);
        sender.Run(TimeSpan.FromSeconds(1));
        var (window, again) = (pair.Client.Association.Statistics.CongestionWindow, pair.Client.Association.Statistics.Retransmissions);
        pair.Network.Conditions = new() { Delay = TimeSpan.FromMilliseconds(85) };
        pair.Network.Drop = (_, source, packet) =>
        {
            if (DataChannelPair.IsFromClient(source) && packet.Length > 1000)
                pair.Network.Conditions = new() { Delay = oneWay };
            return false;
        };
        sender.Run(TimeSpan.FromSeconds(1));
        pair.Client.Association.Statistics.Retransmissions.ShouldBeGreaterThan(again, "the packet was taken for lost");
        pair.Client.Association.Statistics.CongestionWindow.ShouldBeGreaterThanOrEqualTo(window);
    }

    private static Sender Join(SimulatedNetwork network, int number, CongestionControl control)
    {
        var pair = new DataChannelPair(network, number, seed: number, Options(control));
        pair.Start();
        pair.RunUntil(() => pair.AreEstablished);
        var sender = new Sender(pair);
        sender.Run(TimeSpan.FromSeconds(1));
        return sender;
    }

    private static void Run(SimulatedNetwork network, Sender[] senders, TimeSpan time) => network.RunUntil(
        () =>
        {
            foreach (var sender in senders)
                sender.Pump();
            return false;
        },
        time);

    private static DataChannelPair Pair(NetworkConditions conditions, CongestionControl control, int seed = 1) =>
        DataChannelPair.Connected(conditions, seed, Options(control));

    private static SctpOptions Options(CongestionControl control) => SctpOptions.Default with
    {
        CongestionControl = control,
        ReceiveBufferSize = 1024 * 1024,
        MaxReceiveBufferSize = 16 * 1024 * 1024,
    };

    /// <summary>A sender that always has something to send, and its reader.</summary>
    private sealed class Sender
    {
        private readonly DataChannelPair pair;
        private readonly ushort id;
        private readonly int limit;
        private long sent;
        private readonly byte[] message = new byte[16 * 1024];

        /// <param name="pair">The association.</param>
        /// <param name="limit">Messages it may have under way.</param>
        public Sender(DataChannelPair pair, int limit = int.MaxValue)
        {
            this.pair = pair;
            this.limit = limit;
            id = pair.Open();
            pair.Server.MessageHandler = (_, arrived) =>
            {
                Received += arrived.Data.Length;
                pair.Server.Association.MessageConsumed(arrived.Data.Length);
                arrived.Dispose();
            };
        }

        public long Received { get; private set; }

        public void Pump()
        {
            while (sent - Received < (long)limit * message.Length && pair.Client.Association.TrySend(pair.Now, id, message, DataChannelMessageType.Binary))
                sent += message.Length;
        }

        public void Run(TimeSpan time)
        {
            Pump();
            pair.Network.RunUntil(() =>
            {
                Pump();
                return false;
            }, time);
        }
    }
}
