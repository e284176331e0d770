using System.Buffers.Binary;
using CsCheck;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Tests.Sctp;

namespace Registry.WebRtc.Tests.DataChannels;

/// <summary>Messages of different streams that share a path (RFC 8260).</summary>
public sealed class InterleavingTests
{
    private static readonly SctpOptions interleaving = SctpOptions.Default with { Interleaving = true };
    private static readonly NetworkConditions lossy = new() { Loss = 0.1, Reordering = 0.1, Duplication = 0.05 };

    [Fact]
    public void A_small_message_does_not_wait_for_a_large_one_of_another_channel()
    {
        var pair = DataChannelPair.Connected(clientOptions: interleaving);
        var (large, small) = (pair.Open(), pair.Open());
        pair.Client.Association.TrySend(pair.Now, large, new byte[200_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Network.Flush();
        var start = pair.Now;
        pair.Client.Association.TrySend(pair.Now, small, [1], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1);
        pair.Server.Messages[0].Channel.ShouldBe(small);
        (pair.Now - start).ShouldBeLessThan(TimeSpan.FromMilliseconds(50), "one round trip of 20 ms, and what was under way");
        pair.RunUntil(() => pair.Server.Messages.Count == 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Messages_of_many_channels_arrive_whole(bool ordered)
    {
        var pair = DataChannelPair.Connected(lossy, seed: 5, interleaving);
        var random = new Random(5);
        var ids = Enumerable.Range(0, 8).Select(_ => pair.Open(new DataChannelOptions { Ordered = ordered })).ToArray();
        var sent = ids.ToDictionary(id => id, _ => new List<byte[]>());
        for (var i = 0; i < 100; i++)
        {
            var id = ids[random.Next(ids.Length)];
            var message = new byte[random.Next(2) == 0 ? random.Next(100) : random.Next(20_000)];
            random.NextBytes(message);
            pair.Client.Association.TrySend(pair.Now, id, message, DataChannelMessageType.Binary).ShouldBeTrue();
            sent[id].Add(message);
        }
        pair.RunUntil(() => pair.Server.Messages.Count == 100);
        foreach (var id in ids)
            pair.Server.Messages.Where(m => m.Channel == id).Select(m => m.Data).ShouldBe(sent[id], ignoreOrder: !ordered, comparer: new SameBytes());
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_given_up_between_others_is_skipped(bool ordered)
    {
        var pair = DataChannelPair.Connected(lossy, seed: 6, interleaving);
        var hasty = pair.Open(new DataChannelOptions { Ordered = ordered, MaxRetransmits = 0 });
        var patient = pair.Open();
        for (var i = 0; i < 60; i++)
        {
            pair.Client.Association.TrySend(pair.Now, hasty, [(byte)i, .. new byte[4000]], DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Client.Association.TrySend(pair.Now, patient, [(byte)i, .. new byte[4000]], DataChannelMessageType.Binary).ShouldBeTrue();
        }
        pair.RunUntil(() => pair.Client.Association.Statistics.SendBufferUsed == 0);
        pair.Settle();
        pair.Server.Messages.Where(m => m.Channel == patient).Select(m => (int)m.Data[0]).ShouldBe(Enumerable.Range(0, 60));
        var arrived = pair.Server.Messages.Where(m => m.Channel == hasty).Select(m => (int)m.Data[0]).ToArray();
        arrived.Length.ShouldBeInRange(5, 59);
        arrived.ShouldBeUnique();
        if (ordered)
            arrived.ShouldBeInOrder();
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Fact]
    public void Many_large_messages_at_once_do_not_fill_the_receiver_with_beginnings()
    {
        var options = interleaving with { ReceiveBufferSize = 300_000, SendBufferSize = 8_000_000 };
        var pair = DataChannelPair.Connected(clientOptions: options);
        var ids = Enumerable.Range(0, 20).Select(_ => pair.Open()).ToArray();
        foreach (var id in ids)
            pair.Client.Association.TrySend(pair.Now, id, new byte[100_000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == ids.Length);
    }

    [Fact]
    public void I_DATA_is_as_the_RFC_describes_it()
    {
        var peer = ScriptedPeer.Established(interleaving, extensions: ScriptedPeer.Interleaving);
        var id = peer.Association.OpenChannel(default, "i", new DataChannelOptions { Negotiated = true, Id = 4 });
        peer.Association.TrySend(default, id, new byte[1500], DataChannelMessageType.Binary).ShouldBeTrue();
        var chunks = peer.ReadChunks().Where(c => c[0] == 64).ToArray();
        chunks.Length.ShouldBe(2);
        chunks.Select(c => (int)c[1] & 7).ShouldBe([2, 1], "begin, end");
        chunks.Sum(c => c.Length - 20).ShouldBe(1500);
        foreach (var (chunk, number) in chunks.Zip(new uint[] { 53, 1 }))
        {
            chunk[8..12].ShouldBe([0, 4, 0, 0]);
            BinaryPrimitives.ReadUInt32BigEndian(chunk.AsSpan(12)).ShouldBe(0u, "message identifier");
            BinaryPrimitives.ReadUInt32BigEndian(chunk.AsSpan(16)).ShouldBe(number, "protocol of the first, number of the others");
        }
    }

    [Fact]
    public void Fragments_are_put_together_in_whatever_order_they_come()
    {
        var peer = ScriptedPeer.Established(interleaving, extensions: ScriptedPeer.Interleaving);
        peer.Association.OpenChannel(default, "i", new DataChannelOptions { Negotiated = true, Id = 4 });
        peer.Send(peer.Packet().InterleavedData(1003, 4, 1, 3, 53, 9).InterleavedData(1002, 4, 0, 1, 2, 3).InterleavedData(1000, 4, 0, 2, 53, 1));
        peer.ReadEvents().ShouldBeEmpty();
        peer.Send(peer.Packet().InterleavedData(1001, 4, 0, 0, 1, 2));
        peer.ReadEvents().Select(e => e.Message!.Data.ToArray()).ShouldBe([[1, 2, 3], [9]]);
    }

    [Fact]
    public void A_peer_that_does_not_interleave_gets_DATA()
    {
        var pair = DataChannelPair.Connected(clientOptions: interleaving, serverOptions: SctpOptions.Default);
        var id = pair.Open();
        pair.Client.Association.TrySend(pair.Now, id, new byte[5000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Server.Association.TrySend(pair.Now, id, new byte[5000], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.RunUntil(() => pair.Server.Messages.Count == 1 && pair.Client.Messages.Count == 1);
    }

    [Fact]
    public void DATA_among_I_DATA_aborts()
    {
        var peer = ScriptedPeer.Established(interleaving, extensions: ScriptedPeer.Interleaving);
        peer.Send(peer.Packet().Data(1000, 1, 0, 3, 53, 1));
        peer.ReadChunk(SctpChunkType.Abort)[5].ShouldBe((byte)SctpErrorCause.ProtocolViolation);
    }

    [Fact]
    public void Contradictory_fragments_neither_throw_nor_grow_state()
    {
        const int window = 100_000;
        var options = interleaving with { ReceiveBufferSize = window, MaxMessageSize = 20_000 };
        var fragment = Gen.Select(Gen.Int[0, 400], Gen.Int[0, 3], Gen.Int[0, 4], Gen.Int[0, 15], Gen.Int[0, 5], Gen.Int[0, 1100]);
        fragment.Array[1, 400].Sample(fragments =>
        {
            var peer = ScriptedPeer.Established(options, extensions: ScriptedPeer.Interleaving);
            peer.Association.OpenChannel(default, "i", new DataChannelOptions { Negotiated = true, Id = 2 });
            foreach (var (tsn, stream, message, flags, number, length) in fragments)
            {
                peer.Send(length % 50 == 0
                    ? peer.Packet().Chunk(194, 0, [.. PacketBuilder.U32(1000 + (uint)tsn / 2), 0, (byte)stream, 0, (byte)(flags & 1), .. PacketBuilder.U32((uint)message)])
                    : peer.Packet().InterleavedData(1000 + (uint)tsn, (ushort)stream, (uint)message, (byte)flags, (uint)number, new byte[length + 1]));
                peer.Association.Statistics.ReceiveBufferUsed.ShouldBeInRange(0, 2 * window);
                peer.ReadChunks();
                foreach (var e in peer.ReadEvents())
                {
                    if (e.Message is not { } arrived)
                        continue;
                    peer.Association.MessageConsumed(arrived.Data.Length);
                    arrived.Dispose();
                }
            }
        }, iter: 300);
    }

    private sealed class SameBytes : IEqualityComparer<byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] bytes) => bytes.Length;
    }
}
