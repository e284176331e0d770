using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class PartialReliabilityTests
{
    [Theory]
    [InlineData(true, 10)]
    [InlineData(false, 10)]
    [InlineData(true, 5000)]
    [InlineData(false, 5000)]
    public void Without_retransmissions_lost_messages_are_skipped_and_the_rest_arrives(bool ordered, int size)
    {
        var options = new DataChannelOptions { Ordered = ordered, MaxRetransmits = 0 };
        var received = Transfer(options, size, out var pair);
        received.Length.ShouldBeInRange(1, 199);
        if (ordered)
            received.ShouldBeInOrder();
        received.ShouldBeUnique();
        pair.Client.Association.Statistics.MessagesAbandoned.ShouldBeGreaterThanOrEqualTo(200 - received.Length);
    }

    [Theory]
    [InlineData(true, 10)]
    [InlineData(false, 5000)]
    [InlineData(true, 3000)]
    public void Messages_are_given_up_after_their_lifetime_and_the_rest_arrives(bool ordered, int size)
    {
        var options = new DataChannelOptions { Ordered = ordered, MaxPacketLifeTime = 15 };
        var received = Transfer(options, size, out _);
        received.Length.ShouldBeInRange(1, 199);
        if (ordered)
            received.ShouldBeInOrder();
        received.ShouldBeUnique();
    }

    [Fact]
    public void With_enough_retransmissions_everything_arrives()
    {
        var received = Transfer(new DataChannelOptions { MaxRetransmits = 100 }, 3000, out var pair);
        received.ShouldBe(Enumerable.Range(0, 200));
        pair.Client.Association.Statistics.MessagesAbandoned.ShouldBe(0);
    }

    [Fact]
    public void A_message_abandoned_half_sent_does_not_stop_its_successor()
    {
        var pair = DataChannelPair.Connected();
        var id = pair.Open(new DataChannelOptions { MaxPacketLifeTime = 50 });
        // The first window of the long message passes, then the path is cut until it has expired.
        var count = 0;
        pair.Network.Drop = (_, source, _) => DataChannelPair.IsFromClient(source) && count++ >= 10 && pair.Now < TimeSpan.FromSeconds(2);
        pair.Client.Association.TrySend(pair.Now, id, new byte[200_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Now >= TimeSpan.FromSeconds(2) || pair.Client.Association.BufferedAmount(id) == 0);
        pair.Network.Drop = null;
        pair.Client.Association.TrySend(pair.Now, id, [7], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        pair.Server.Messages[0].Data.ShouldBe([7]);
        pair.RunUntil(() => pair.Client.Association.BufferedAmount(id) == 0);
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Fact]
    public void Reliable_and_unreliable_channels_do_not_disturb_each_other()
    {
        var pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.2, Reordering = 0.1 }, seed: 11);
        var reliable = pair.Open();
        var unreliable = pair.Open(new DataChannelOptions { MaxRetransmits = 0 });
        for (var i = 0; i < 300; i++)
        {
            pair.Client.Association.TrySend(pair.Now, reliable, BitConverter.GetBytes(i), DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Client.Association.TrySend(pair.Now, unreliable, BitConverter.GetBytes(i), DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Network.RunFor(TimeSpan.FromMilliseconds(3));
        }
        pair.RunUntil(() => pair.Server.Messages.Count(m => m.Channel == reliable) == 300, limitSeconds: 300);
        Numbers(pair, reliable).ShouldBe(Enumerable.Range(0, 300));
        Numbers(pair, unreliable).ShouldBeInOrder();
        Numbers(pair, unreliable).Length.ShouldBeInRange(1, 299);
    }

    private static int[] Transfer(DataChannelOptions options, int size, out DataChannelPair pair)
    {
        pair = DataChannelPair.Connected(new NetworkConditions { Loss = 0.1, Reordering = 0.05, Duplication = 0.02 }, seed: size);
        var running = pair;
        var id = pair.Open(options);
        for (var i = 0; i < 200; i++)
        {
            var payload = new byte[size];
            BitConverter.TryWriteBytes(payload, i);
            while (!running.Client.Association.TrySend(running.Now, id, payload, DataChannelMessageType.Binary))
                running.Network.RunFor(TimeSpan.FromMilliseconds(1));
            running.Network.RunFor(TimeSpan.FromMilliseconds(5));
        }
        running.RunUntil(() => running.Client.Association.BufferedAmount(id) == 0, limitSeconds: 600);
        running.Settle();
        running.Server.Messages.ShouldAllBe(m => m.Data.Length == size);
        running.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
        return Numbers(running, id);
    }

    private static int[] Numbers(DataChannelPair pair, ushort id) =>
        pair.Server.Messages.Where(m => m.Channel == id).Select(m => BitConverter.ToInt32(m.Data)).ToArray();
}
