using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class MessageTests
{
    private static readonly NetworkConditions lossy = new() { Loss = 0.1, Reordering = 0.1, Duplication = 0.05 };

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(16 * 1024, true)]
    [InlineData(256 * 1024, true)]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(16 * 1024, false)]
    [InlineData(256 * 1024, false)]
    public void A_message_of_any_size_arrives_with_its_type(int size, bool ordered)
    {
        foreach (var type in Enum.GetValues<DataChannelMessageType>())
        {
            var pair = DataChannelPair.Connected(lossy, seed: size);
            var id = pair.Open(new DataChannelOptions { Ordered = ordered });
            var payload = Payload(size, 7);
            pair.Client.Association.TrySend(pair.Now, id, payload, type).ShouldBeTrue();
            pair.RunUntil(() => pair.Server.Messages.Count == 1 && pair.Client.Association.BufferedAmount(id) == 0);
            pair.Server.Messages[0].Data.ShouldBe(payload);
            pair.Server.Messages[0].Type.ShouldBe(type);
            pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
        }
    }

    [Fact]
    public void A_thousand_messages_arrive_in_order()
    {
        var pair = DataChannelPair.Connected(lossy, seed: 3);
        var id = pair.Open();
        for (var i = 0; i < 1000; i++)
            pair.Client.Association.TrySend(pair.Now, id, Payload(i % 50 * 37, i), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1000);
        for (var i = 0; i < 1000; i++)
            pair.Server.Messages[i].Data.ShouldBe(Payload(i % 50 * 37, i));
    }

    [Fact]
    public void Unordered_messages_all_arrive_and_overtake_a_lost_one()
    {
        var pair = DataChannelPair.Connected();
        var id = pair.Open(new DataChannelOptions { Ordered = false });
        DropNextPacketOfClient(pair);
        pair.Client.Association.TrySend(pair.Now, id, [0], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Network.Flush();
        for (byte i = 1; i < 4; i++)
            pair.Client.Association.TrySend(pair.Now, id, [i], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 4);
        pair.Server.Messages.Select(m => (int)m.Data[0]).ShouldBe([1, 2, 3, 0]);
    }

    [Fact]
    public void A_channel_does_not_wait_for_what_another_one_lost()
    {
        var pair = DataChannelPair.Connected();
        var (first, second) = (pair.Open(), pair.Open());
        DropNextPacketOfClient(pair);
        pair.Client.Association.TrySend(pair.Now, first, Payload(5000, 1), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Client.Association.TrySend(pair.Now, second, Payload(5000, 2), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 2);
        pair.Server.Messages.Select(m => m.Channel).ShouldBe([second, first]);
        pair.Server.Messages[0].Data.ShouldBe(Payload(5000, 2));
        pair.Server.Messages[1].Data.ShouldBe(Payload(5000, 1));
    }

    [Fact]
    public void Messages_may_follow_the_open_at_once_and_come_after_it()
    {
        var pair = DataChannelPair.Connected();
        var options = new DataChannelOptions { Ordered = false, MaxRetransmits = 3, Protocol = "tube.v2" };
        var id = pair.Client.Association.OpenChannel(pair.Now, "früh", options);
        pair.Client.Association.TrySend(pair.Now, id, "hello"u8, DataChannelMessageType.Text).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        var opened = pair.Server.Single(DataChannelEventKind.ChannelOpened);
        opened.ChannelId.ShouldBe(id);
        opened.Label.ShouldBe("früh");
        opened.Options.ShouldBe(options with { Id = id });
    }

    [Fact]
    public void Many_channels_share_an_association_and_keep_their_parity()
    {
        var pair = DataChannelPair.Connected(lossy, seed: 5);
        var ids = Enumerable.Range(0, 300).Select(_ => pair.Client.Association.OpenChannel(pair.Now, "c", DataChannelOptions.Default)).ToArray();
        var fromServer = pair.Server.Association.OpenChannel(pair.Now, "s", DataChannelOptions.Default);
        fromServer.ShouldBe((ushort)1);
        ids.ShouldBe(Enumerable.Range(0, 300).Select(i => (ushort)(2 * i)));
        foreach (var id in ids)
            pair.Client.Association.TrySend(pair.Now, id, BitConverter.GetBytes(id), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 300 && pair.Client.Has(DataChannelEventKind.ChannelOpened));
        foreach (var (channel, data, _) in pair.Server.Messages)
            BitConverter.ToUInt16(data).ShouldBe(channel);
    }

    [Fact]
    public void Channels_take_turns()
    {
        var pair = DataChannelPair.Connected();
        var (first, second) = (pair.Open(), pair.Open());
        for (var i = 0; i < 8; i++)
            pair.Client.Association.TrySend(pair.Now, first, Payload(2000, i), DataChannelMessageType.Binary).ShouldBeTrue();
        for (var i = 0; i < 8; i++)
            pair.Client.Association.TrySend(pair.Now, second, Payload(2000, i), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 16);
        pair.Server.Messages.Select(m => m.Channel).ShouldBe(Enumerable.Range(0, 16).Select(i => i % 2 == 0 ? first : second));
    }

    [Fact]
    public void A_negotiated_channel_needs_no_announcement()
    {
        var pair = DataChannelPair.Connected();
        var options = new DataChannelOptions { Negotiated = true, Id = 1001 };
        pair.Client.Association.OpenChannel(pair.Now, "n", options).ShouldBe((ushort)1001);
        pair.Server.Association.OpenChannel(pair.Now, "n", options).ShouldBe((ushort)1001);
        pair.Client.Association.TrySend(pair.Now, 1001, [9], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        pair.Server.Has(DataChannelEventKind.ChannelOpened).ShouldBeFalse();
    }

    [Fact]
    public void A_message_above_the_limit_closes_its_channel_and_no_other()
    {
        var strict = SctpOptions.Default with { MaxMessageSize = 10_000 };
        var pair = DataChannelPair.Connected(serverOptions: strict);
        var (first, second) = (pair.Open(), pair.Open());
        pair.Client.Association.TrySend(pair.Now, first, Payload(10_000, 1), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Client.Association.TrySend(pair.Now, first, Payload(10_001, 1), DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Client.Association.TrySend(pair.Now, second, [1], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Has(DataChannelEventKind.ChannelClosed) && pair.Client.Has(DataChannelEventKind.ChannelClosed));
        var closed = pair.Server.Single(DataChannelEventKind.ChannelClosed);
        closed.ChannelId.ShouldBe(first);
        closed.Reason.ShouldBe("The peer sent a message of more than 10000 bytes.");
        pair.Server.Messages.Select(m => m.Channel).ShouldBe([first, second]);
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        var association = new DataChannelAssociation(SctpOptions.Default, isDtlsClient: true);
        Should.Throw<ArgumentException>(() => association.OpenChannel(default, "", new DataChannelOptions { MaxRetransmits = 1, MaxPacketLifeTime = 1 }));
        Should.Throw<ArgumentException>(() => association.OpenChannel(default, "", new DataChannelOptions { Negotiated = true }));
        Should.Throw<ArgumentException>(() => association.OpenChannel(default, "", new DataChannelOptions { Negotiated = true, Id = 65535 }));
        Should.Throw<ArgumentException>(() => association.OpenChannel(default, new string('x', 65536), DataChannelOptions.Default));
        Should.Throw<DataChannelClosedException>(() => association.TrySend(default, 0, [1], DataChannelMessageType.Binary));
    }

    private static void DropNextPacketOfClient(DataChannelPair pair)
    {
        var dropped = false;
        pair.Network.Drop = (_, source, _) => !dropped && (dropped = DataChannelPair.IsFromClient(source));
    }

    private static byte[] Payload(int size, int seed)
    {
        var payload = new byte[size];
        new Random(seed).NextBytes(payload);
        return payload;
    }
}
