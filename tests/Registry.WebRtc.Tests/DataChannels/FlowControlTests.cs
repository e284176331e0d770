using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class FlowControlTests
{
    private const int Window = 100_000;
    private static readonly SctpOptions small = SctpOptions.Default with { ReceiveBufferSize = Window, MaxMessageSize = 20_000 };

    [Theory]
    [InlineData(0)]
    [InlineData(0.05)]
    public void A_reader_that_stops_closes_the_window_and_reopens_it(double loss)
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Loss = loss }, seed: 4, serverOptions: small);
        var id = pair.Open();
        pair.Server.ConsumesMessages = false;
        for (var i = 0; i < 40; i++)
            pair.Client.Association.TrySend(pair.Now, id, new byte[10_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Settle(60);
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBeInRange(Window / 2, 2 * Window);
        pair.Client.Association.BufferedAmount(id).ShouldBeInRange(200_000, 400_000);
        pair.Client.Has(DataChannelEventKind.Closed).ShouldBeFalse("a closed window is no failure");

        var stalled = pair.Now;
        var taken = 0;
        pair.Server.ConsumesMessages = true;
        for (; taken < pair.Server.Messages.Count && pair.Server.Messages.Count < 40; taken++)
            pair.Server.Association.MessageConsumed(10_000);
        pair.RunUntil(() => pair.Server.Messages.Count == 40, limitSeconds: 30);
        if (loss == 0)
            (pair.Now - stalled).ShouldBeLessThan(TimeSpan.FromSeconds(1), "the window update opens it at once");
    }

    [Fact]
    public void A_lost_window_update_is_made_good_by_probing()
    {
        var pair = DataChannelPair.Connected(serverOptions: small);
        var id = pair.Open();
        pair.Server.ConsumesMessages = false;
        for (var i = 0; i < 40; i++)
            pair.Client.Association.TrySend(pair.Now, id, new byte[10_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Settle(5);
        pair.Server.ConsumesMessages = true;
        foreach (var _ in pair.Server.Messages)
            pair.Server.Association.MessageConsumed(10_000);
        var lost = 0;
        pair.Network.Drop = (_, source, _) => !DataChannelPair.IsFromClient(source) && lost++ == 0;
        pair.RunUntil(() => pair.Server.Messages.Count == 40, limitSeconds: 30);
        lost.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void A_full_send_buffer_refuses_and_tells_when_there_is_room()
    {
        var pair = DataChannelPair.Connected(clientOptions: SctpOptions.Default with { SendBufferSize = 50_000 });
        var id = pair.Open();
        var accepted = 0;
        while (pair.Client.Association.TrySend(pair.Now, id, new byte[10_000], DataChannelMessageType.Binary))
            accepted++;
        accepted.ShouldBe(4);
        pair.Client.Association.BufferedAmount(id).ShouldBe(40_000);
        pair.Client.Has(DataChannelEventKind.SendBufferLow).ShouldBeFalse();
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.SendBufferLow));
        pair.Client.Association.BufferedAmount(id).ShouldBeLessThanOrEqualTo(25_000);
        pair.Client.Association.TrySend(pair.Now, id, new byte[10_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 5);
        pair.Client.Count(DataChannelEventKind.SendBufferLow).ShouldBe(1);
    }

    [Fact]
    public void An_empty_send_buffer_takes_a_message_larger_than_itself()
    {
        var pair = DataChannelPair.Connected(clientOptions: SctpOptions.Default with { SendBufferSize = 10_000 });
        var id = pair.Open();
        pair.RunUntil(() => pair.Client.Association.Statistics.SendBufferUsed == 0);
        pair.Client.Association.TrySend(pair.Now, id, new byte[100_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Client.Association.TrySend(pair.Now, id, [1], DataChannelMessageType.Binary).ShouldBeFalse();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
    }

    [Fact]
    public void Tiny_messages_count_with_their_overhead_on_both_sides()
    {
        var pair = DataChannelPair.Connected(clientOptions: SctpOptions.Default with { SendBufferSize = 100_000 }, serverOptions: small);
        pair.Server.ConsumesMessages = false;
        var id = pair.Open();
        var accepted = 0;
        while (pair.Client.Association.TrySend(pair.Now, id, [1], DataChannelMessageType.Binary))
            accepted++;
        accepted.ShouldBeInRange(500, 1000);
        pair.Settle(10);
        for (var i = 0; i < 5; i++)
        {
            while (pair.Client.Association.TrySend(pair.Now, id, [1], DataChannelMessageType.Binary))
                accepted++;
            pair.Settle(10);
        }
        pair.Server.Messages.Count.ShouldBeInRange(500, 2 * Window / Reassembly.MessageOverhead);
    }

    [Fact]
    public void Small_messages_that_queue_share_packets()
    {
        var pair = DataChannelPair.Connected();
        var id = pair.Open();
        var before = pair.Client.Association.Statistics.PacketsSent;
        for (var i = 0; i < 50; i++)
            pair.Client.Association.TrySend(pair.Now, id, new byte[20], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Network.Flush();
        (pair.Client.Association.Statistics.PacketsSent - before).ShouldBe(2);
        pair.RunUntil(() => pair.Server.Messages.Count == 50);
    }

    [Fact]
    public void A_burst_of_losses_is_repaired_without_a_timeout()
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Delay = TimeSpan.FromMilliseconds(25) });
        var id = pair.Open();
        var (dataPackets, dropped) = (0, 0);
        // 300 packets in a row in the middle of 4 MB.
        pair.Network.Drop = (_, source, packet) =>
            DataChannelPair.IsFromClient(source) && packet.Length > 1000 && dataPackets++ is >= 1000 and < 1300 && ++dropped > 0;
        Send(pair, id, count: 256);
        pair.RunUntil(() => pair.Server.Messages.Count == 256);
        dropped.ShouldBe(300);
        pair.Client.Association.Statistics.Timeouts.ShouldBe(0);
    }

    [Theory]
    [InlineData(CongestionControl.Cubic)]
    [InlineData(CongestionControl.Bbr)]
    public void A_timeout_is_not_taken_for_wrong_because_of_what_had_arrived_before_it(CongestionControl control)
    {
        var pair = DataChannelPair.Connected(new() { Delay = TimeSpan.FromMilliseconds(25) }, clientOptions: SctpOptions.Default with { CongestionControl = control });
        var id = pair.Open();
        Send(pair, id, count: 128);
        pair.RunUntil(() => pair.Server.Messages.Count == 128);
        // The path swallows what is sent until the timeout, all but one packet that leaves a gap before it.
        var (isCut, count) = (true, 0);
        pair.Network.Drop = (_, source, _) =>
            DataChannelPair.IsFromClient(source) && (isCut &= pair.Client.Association.Statistics.Timeouts == 0) && count++ != 3;
        Send(pair, id, count: 64);
        pair.RunUntil(() => pair.Server.Messages.Count == 192);
        count.ShouldBeGreaterThan(30);
        pair.Client.Association.Statistics.Timeouts.ShouldBe(1);
    }

    [Fact]
    public void A_lost_last_packet_is_probed_before_the_timeout()
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Delay = TimeSpan.FromMilliseconds(25) });
        var id = pair.Open();
        var count = 0;
        pair.Network.Drop = (_, source, _) => DataChannelPair.IsFromClient(source) && count++ == 4;
        pair.Client.Association.TrySend(pair.Now, id, new byte[5000], DataChannelMessageType.Binary).ShouldBeTrue();
        var start = pair.Now;
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        pair.Client.Association.Statistics.Timeouts.ShouldBe(0);
        pair.Client.Association.Statistics.Retransmissions.ShouldBeGreaterThan(0);
        (pair.Now - start).ShouldBeLessThan(TimeSpan.FromMilliseconds(400));
    }

    private static void Send(DataChannelPair pair, ushort id, int count)
    {
        for (var sent = 0; sent < count;)
        {
            if (pair.Client.Association.TrySend(pair.Now, id, new byte[16384], DataChannelMessageType.Binary))
                sent++;
            else
                pair.Network.RunFor(TimeSpan.FromMilliseconds(5));
        }
    }
}
