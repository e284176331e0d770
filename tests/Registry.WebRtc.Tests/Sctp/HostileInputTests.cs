using CsCheck;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.DataChannels;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.Sctp;

public sealed class HostileInputTests
{
    private const int Window = 100_000;
    private static readonly SctpOptions options = SctpOptions.Default with
    {
        ReceiveBufferSize = Window,
        SendBufferSize = Window,
        MaxMessageSize = 20_000,
        MaxChannels = 8,
    };

    /// <summary>Packets of a real conversation with everything in it: handshake, messages, losses, resets, shutdown.</summary>
    private static readonly byte[][] recorded = Record();

    private static readonly byte[] knownTypes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 130, 130, 130, 192, 192, 192];

    private static readonly Gen<(byte Type, byte Flags, byte[] Value)[]> chunks = Gen.Select(
        Gen.Int[0, 39].Select(Gen.Byte, (index, other) => index < knownTypes.Length ? knownTypes[index] : other),
        Gen.Byte,
        Gen.Byte.Array[0, 60]).Array[1, 6];

    [Fact]
    public void Random_bytes_do_nothing() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            var peer = ScriptedPeer.Established(options);
            peer.Association.HandlePacket(default, bytes);
            peer.ReadEvents().ShouldBeEmpty();
        });

    [Fact]
    public void Random_chunks_in_every_state_neither_throw_nor_grow_state() =>
        Gen.Select(chunks.Array[1, 40], Gen.Int[0, 6], Gen.Bool).Sample((packets, state, client) =>
        {
            var peer = InState(state, client);
            foreach (var packet in packets)
            {
                var builder = new PacketBuilder(packet[0].Type == 1 ? 0 : peer.LocalTag);
                foreach (var (type, flags, value) in packet)
                    builder.Chunk(type, flags, MakePlausible(peer, type, value));
                peer.Send(builder);
                ShouldBeBounded(peer);
                Advance(peer);
            }
        }, iter: 3000);

    [Fact]
    public void Mutated_and_truncated_real_packets_neither_throw_nor_grow_state() =>
        Gen.Select(Gen.Int[0, recorded.Length - 1], Gen.Select(Gen.Int[0, 1199], Gen.Byte).Array[0, 8], Gen.Int[0, 1200]).Array[1, 30].Sample(mutations =>
        {
            var peer = new ScriptedPeer(options) { AcceptsZeroChecksum = true };
            foreach (var (index, changes, length) in mutations)
            {
                var packet = recorded[index].ToArray();
                foreach (var (offset, value) in changes)
                    packet[offset % packet.Length] = value;
                if (length >= 12 && length < packet.Length)
                    packet = packet[..length];
                PacketBuilder.U32(packet.Length > 12 && packet[12] == 1 ? 0 : peer.LocalTag).CopyTo(packet, 4);
                Crc32c.WritePacket(packet);
                peer.Association.HandlePacket(peer.Now, packet);
                ShouldBeBounded(peer);
                Advance(peer);
            }
        }, iter: 2000);

    [Fact]
    public void A_peer_that_ignores_the_window_cannot_fill_memory()
    {
        var peer = ScriptedPeer.Established(options);
        var payload = new byte[1000];
        peer.Send(peer.Packet().Data(1000, 1, 0, 3, 50, 3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, (byte)'x'));
        for (uint i = 1; i < 2000; i++)
        {
            // Beginnings without ends, ahead of what is missing, in sequence, and whole messages, none of them read.
            peer.Send(peer.Packet().Data(1000 + 2 * i, 1, (ushort)i, 2, 53, payload));
            peer.Send(peer.Packet().Data(1000 + i, 1, (ushort)i, 3, 53, payload));
            peer.Send(peer.Packet().Data(1000 + 40_000 + i, 1, (ushort)i, 3, 53, payload));
            ShouldBeBounded(peer);
        }
        peer.Association.Statistics.ReceiveBufferUsed.ShouldBeGreaterThan(Window / 2);
    }

    [Fact]
    public void A_peer_that_opens_channels_without_end_is_held_to_the_limit()
    {
        var peer = ScriptedPeer.Established(options);
        for (uint i = 0; i < 500; i++)
            peer.Send(peer.Packet().Data(1000 + i, (ushort)(2 * i + 1), 0, 3, 50, 3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, (byte)'x'));
        peer.ReadEvents().Count(e => e.Kind == DataChannelEventKind.ChannelOpened).ShouldBe(8);
        peer.ReadChunks().Count(c => c[0] == (byte)SctpChunkType.Reconfig).ShouldBe(1, "one request is under way at a time");
    }

    [Fact]
    public void Questions_without_end_get_a_bounded_number_of_answers()
    {
        var peer = ScriptedPeer.Established(options);
        for (var i = 0; i < 1000; i++)
            peer.Send(peer.Packet().Chunk(4, 0, 0, 1, 0, 8, 1, 2, 3, 4).Chunk(0xFF, 0, 1).Chunk(130, 0, [0, 17, 0, 12, .. PacketBuilder.U32((uint)i), 0, 1, 0, 0]));
        peer.ReadChunks().Count.ShouldBeLessThanOrEqualTo(8 + 4);
    }

    /// <summary>An answer may be as long as a packet; what has no room beside it comes in the next one.</summary>
    [Theory]
    [InlineData(1176)]
    [InlineData(1168)]
    [InlineData(1160)]
    public void An_answer_that_fills_a_packet_leaves_the_acknowledgement_to_the_next(int heartbeat)
    {
        var peer = ScriptedPeer.Established(options);
        peer.Send(peer.Packet().Chunk(4, 0, new byte[heartbeat]).Data(1000, 1, 0, 3, 51, 1));
        peer.Send(peer.Packet().Data(1001, 1, 1, 3, 51, 1));

        var chunks = peer.ReadChunks();

        chunks.ShouldContain(chunk => chunk[0] == (byte)SctpChunkType.HeartbeatAck);
        var sack = chunks.Where(chunk => chunk[0] == (byte)SctpChunkType.Sack).ShouldHaveSingleItem();
        sack.AsSpan(4, 4).ToArray().ShouldBe(PacketBuilder.U32(1001));
    }

    [Fact]
    public void A_forged_SACK_for_what_was_never_sent_changes_nothing()
    {
        var peer = ScriptedPeer.Established(options);
        var id = peer.Association.OpenChannel(default, "s", DataChannelOptions.Default);
        peer.Association.TrySend(default, id, new byte[3000], DataChannelMessageType.Binary).ShouldBeTrue();
        peer.ReadChunks();
        var before = peer.Association.Statistics.BytesInFlight;
        foreach (var offset in new uint[] { 5, 100, 0x7FFF_0000, 0x8000_0000, 0xFFFF_0000 })
            peer.Send(peer.Packet().Chunk(3, 0, [.. PacketBuilder.U32(peer.LocalInitialTsn + offset), 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]));
        peer.Send(peer.Packet().Chunk(3, 0, [.. PacketBuilder.U32(peer.LocalInitialTsn - 1), 0, 0, 0xFF, 0xFF, 0, 2, 0, 0, 0, 9, 0, 2, 0xFF, 0, 0xFF, 0xFF]));
        peer.Association.Statistics.BytesInFlight.ShouldBe(before);
    }

    /// <summary>Gives random values TSNs and sequence numbers near the expected ones, so that they get past the first check.</summary>
    private static byte[] MakePlausible(ScriptedPeer peer, byte type, byte[] value)
    {
        if (value.Length < 12)
            return value;
        if (type is 0 or 192)
            PacketBuilder.U32(ScriptedPeer.PeerInitialTsn + (uint)(value[3] % 40)).CopyTo(value, 0);
        else if (type is 3 or 7)
            PacketBuilder.U32(peer.LocalInitialTsn + (uint)(value[3] % 20) - 1).CopyTo(value, 0);
        else if (type == 130)
            ((byte[])[0, (byte)(13 + value[1] % 6), 0, (byte)value.Length, .. PacketBuilder.U32(ScriptedPeer.PeerInitialTsn + (uint)(value[7] % 3))]).CopyTo(value, 0);
        if (type == 0)
            ((byte[])[0, (byte)(value[5] % 4), 0, (byte)(value[7] % 4), 0, 0, 0, (byte)(50 + value[11] % 8)]).CopyTo(value, 4);
        if (type == 3)
            value[8] = value[10] = 0;
        return value;
    }

    private static ScriptedPeer InState(int state, bool isClient)
    {
        if (state == 0)
            return new ScriptedPeer(options, isClient);
        var peer = ScriptedPeer.Established(options, isClient);
        if (state == 1)
            return peer;
        var id = peer.Association.OpenChannel(default, "h", new DataChannelOptions { MaxRetransmits = state == 2 ? (ushort)0 : null });
        peer.Association.TrySend(default, id, new byte[15_000], DataChannelMessageType.Binary).ShouldBeTrue();
        peer.ReadChunks();
        if (state == 4)
            peer.Association.CloseChannel(default, id);
        if (state == 5)
            peer.Association.Shutdown(default);
        if (state == 6)
            peer.Send(peer.Packet().Chunk(7, 0, PacketBuilder.U32(peer.LocalInitialTsn)));
        return peer;
    }

    private static void Advance(ScriptedPeer peer)
    {
        peer.ReadChunks().Count.ShouldBeLessThan(1000, "the association stops writing");
        if (peer.Association.NextTimeout < TimeSpan.FromHours(1))
            peer.Now = peer.Association.NextTimeout > peer.Now ? peer.Association.NextTimeout : peer.Now;
        peer.Association.HandleTimeout(peer.Now);
        peer.ReadChunks().Count.ShouldBeLessThan(1000, "the association stops writing");
        peer.ReadEvents();
    }

    private static void ShouldBeBounded(ScriptedPeer peer)
    {
        var statistics = peer.Association.Statistics;
        statistics.ReceiveBufferUsed.ShouldBeInRange(0, 2 * Window);
        statistics.SendBufferUsed.ShouldBeInRange(0, 2 * Window);
        statistics.BytesInFlight.ShouldBeInRange(0, statistics.SendBufferUsed);
    }

    private static byte[][] Record()
    {
        var packets = new List<byte[]>();
        var pair = new DataChannelPair(new NetworkConditions { Loss = 0.1, Duplication = 0.05, Reordering = 0.1 }, seed: 42);
        pair.Network.Drop = (_, source, packet) =>
        {
            if (DataChannelPair.IsFromClient(source))
                packets.Add(packet.ToArray());
            return false;
        };
        pair.Start();
        pair.RunUntil(() => pair.AreEstablished);
        var reliable = pair.Open();
        var unreliable = pair.Open(new DataChannelOptions { MaxRetransmits = 0, Ordered = false });
        for (var i = 0; i < 10; i++)
        {
            pair.Client.Association.TrySend(pair.Now, reliable, new byte[3000], DataChannelMessageType.Binary).ShouldBeTrue();
            pair.Client.Association.TrySend(pair.Now, unreliable, new byte[3000], DataChannelMessageType.Text).ShouldBeTrue();
            pair.Server.Association.TrySend(pair.Now, reliable, new byte[300], DataChannelMessageType.Text).ShouldBeTrue();
        }
        pair.Settle(40);
        pair.Client.Association.CloseChannel(pair.Now, reliable);
        pair.Settle();
        pair.Client.Association.Shutdown(pair.Now);
        pair.Settle();
        packets.Select(p => p[12]).Distinct().Count().ShouldBeGreaterThan(6, "the recording has many kinds of chunks");
        return [.. packets];
    }
}
