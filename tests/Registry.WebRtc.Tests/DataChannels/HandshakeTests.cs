using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class HandshakeTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Associations_establish_whoever_sends_INIT(bool clientStarts, bool serverStarts)
    {
        var pair = new DataChannelPair();
        if (clientStarts)
            pair.Client.Association.Start(pair.Now);
        if (serverStarts)
            pair.Server.Association.Start(pair.Now);
        pair.RunUntil(() => pair.AreEstablished);
        ShouldCarryMessages(pair);
    }

    [Fact]
    public void Both_sides_are_established_after_one_and_a_half_round_trips()
    {
        var pair = DataChannelPair.Connected();
        pair.Now.ShouldBe(TimeSpan.FromMilliseconds(30));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void Losing_any_packet_of_the_handshake_only_delays_it(int lost)
    {
        foreach (var bothStart in new[] { false, true })
        {
            var pair = new DataChannelPair();
            var count = 0;
            pair.Network.Drop = (_, _, _) => count++ == lost;
            pair.Client.Association.Start(pair.Now);
            if (bothStart)
                pair.Server.Association.Start(pair.Now);
            pair.RunUntil(() => pair.AreEstablished, limitSeconds: 3);
            ShouldCarryMessages(pair);
        }
    }

    [Theory]
    [InlineData((byte)SctpChunkType.Init)]
    [InlineData((byte)SctpChunkType.InitAck)]
    [InlineData((byte)SctpChunkType.CookieEcho)]
    [InlineData((byte)SctpChunkType.CookieAck)]
    public void Losing_every_first_message_of_a_kind_only_delays_the_handshake(byte type)
    {
        var pair = new DataChannelPair();
        var lostFrom = new HashSet<bool>();
        pair.Network.Drop = (_, source, packet) => packet[12] == type && lostFrom.Add(DataChannelPair.IsFromClient(source));
        pair.Start();
        pair.RunUntil(() => pair.AreEstablished, limitSeconds: 5);
        ShouldCarryMessages(pair);
    }

    [Fact]
    public void Handshakes_under_heavy_loss_duplication_and_reordering_establish_once()
    {
        var conditions = new NetworkConditions { Loss = 0.3, Duplication = 0.3, Reordering = 0.5, ReorderingDelay = TimeSpan.FromSeconds(1) };
        for (var seed = 0; seed < 300; seed++)
        {
            var pair = new DataChannelPair(conditions, seed);
            pair.Start();
            pair.RunUntil(() => pair.AreEstablished);
            pair.Network.Conditions = NetworkConditions.Perfect;
            ShouldCarryMessages(pair);
            pair.Client.Count(DataChannelEventKind.Established).ShouldBe(1);
            pair.Server.Count(DataChannelEventKind.Established).ShouldBe(1);
        }
    }

    [Fact]
    public void Without_an_answer_the_association_closes_with_a_reason()
    {
        var pair = new DataChannelPair();
        pair.Network.Drop = (_, _, _) => true;
        pair.Client.Association.Start(pair.Now);
        pair.RunUntil(() => pair.Client.Has(DataChannelEventKind.Closed), limitSeconds: 120);
        var closed = pair.Client.Single(DataChannelEventKind.Closed);
        closed.Cause.ShouldBe(SctpCloseCause.Timeout);
        closed.Reason.ShouldBe("The peer does not answer the SCTP handshake.");
        pair.Client.NextTimeout.ShouldBe(TimeSpan.MaxValue);
    }

    [Fact]
    public void TSNs_wrap_around_without_notice()
    {
        var calls = 0;
        var options = SctpOptions.Default with { NextRandom = () => uint.MaxValue - (uint)(calls++ & 7) };
        // The pair seeds the options itself, so the association is made by hand.
        var client = new DataChannelAssociation(options, isDtlsClient: true);
        var server = new DataChannelAssociation(options, isDtlsClient: false);
        client.Start(TimeSpan.Zero);
        var id = client.OpenChannel(TimeSpan.Zero, "wrap", DataChannelOptions.Default);
        var payload = new byte[100_000];
        new Random(1).NextBytes(payload);
        client.TrySend(TimeSpan.Zero, id, payload, DataChannelMessageType.Binary).ShouldBeTrue();
        DataChannelMessage? received = null;
        for (var i = 0; i < 1000 && received is null; i++)
        {
            Exchange(client, server);
            Exchange(server, client);
            while (server.TryReadEvent(out var e))
                received ??= e.Message;
        }
        received.ShouldNotBeNull().Data.ToArray().ShouldBe(payload);
    }

    private static void Exchange(DataChannelAssociation from, DataChannelAssociation to)
    {
        var buffer = new byte[1200];
        while (from.TryWritePacket(TimeSpan.Zero, buffer, out var written))
            to.HandlePacket(TimeSpan.Zero, buffer.AsSpan(0, written));
    }

    private static void ShouldCarryMessages(DataChannelPair pair)
    {
        var id = pair.Open();
        pair.Client.Association.TrySend(pair.Now, id, [1, 2, 3], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        pair.Server.Association.TrySend(pair.Now, id, [4], DataChannelMessageType.Text).ShouldBeTrue();
        pair.RunUntil(() => pair.Client.Messages.Count == 1);
        pair.Server.Messages[0].Data.ShouldBe([1, 2, 3]);
        pair.Client.Messages[0].Data.ShouldBe([4]);
    }
}
