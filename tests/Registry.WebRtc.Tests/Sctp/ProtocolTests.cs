using System.Buffers.Binary;
using System.Text;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.Tests.Sctp;

/// <summary>The wire as the RFCs describe it, against a peer played by the test.</summary>
public sealed class ProtocolTests
{
    private const byte WholeMessage = 3;
    private static readonly byte[] open = [3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, (byte)'x'];

    [Fact]
    public void The_checksum_is_the_CRC32c_of_RFC_9260()
    {
        // "123456789" has the well-known CRC-32C E3069283; here it stands behind a header that is taken out of the sum again.
        var packet = new byte[] { 0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0x0B, 0, 0, 4 };
        var bitwise = uint.MaxValue;
        foreach (var value in packet)
        {
            bitwise ^= value;
            for (var i = 0; i < 8; i++)
                bitwise = (bitwise & 1) != 0 ? bitwise >> 1 ^ 0x82F63B78 : bitwise >> 1;
        }
        Crc32c.ComputePacket(packet).ShouldBe(~bitwise);
    }

    [Fact]
    public void INIT_is_as_browsers_expect_it()
    {
        var association = new DataChannelAssociation(SctpOptions.Default, isDtlsClient: true);
        association.Start(default);
        var packet = new byte[1200];
        association.TryWritePacket(default, packet, out var written).ShouldBeTrue();
        BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4)).ShouldBe(0u, "verification tag");
        InitParameters.TryParse(packet.AsSpan(16, written - 16), out var init, out _, out _).ShouldBeTrue();
        init.OutboundStreams.ShouldBe(ushort.MaxValue);
        init.InboundStreams.ShouldBe(ushort.MaxValue);
        init.ReceiveWindow.ShouldBe((uint)SctpOptions.Default.ReceiveBufferSize);
        init.SupportsForwardTsn.ShouldBeTrue();
        init.SupportsReconfig.ShouldBeTrue();
    }

    [Fact]
    public void Unknown_parameters_of_INIT_are_reported_as_their_highest_bits_say()
    {
        var peer = new ScriptedPeer();
        byte[] parameters = [0xC0, 6, 0, 8, 0, 0, 0, 1, 0x80, 0x7F, 0, 4, .. ScriptedPeer.Extensions];
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue(1, parameters)));
        var ack = peer.ReadChunk(SctpChunkType.InitAck);
        ack.AsSpan(^12).ToArray().ShouldBe([0, 8, 0, 12, 0xC0, 6, 0, 8, 0, 0, 0, 1]);
    }

    [Fact]
    public void A_cookie_that_was_not_made_here_is_ignored()
    {
        var peer = new ScriptedPeer();
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue(ScriptedPeer.PeerTag, ScriptedPeer.Extensions)));
        var ack = peer.ReadChunk(SctpChunkType.InitAck);
        InitParameters.TryParse(ack.AsSpan(4), out _, out var cookie, out _).ShouldBeTrue();
        for (var i = 0; i < cookie.Length; i++)
        {
            var forged = cookie.ToArray();
            forged[i] ^= 1;
            peer.Send(peer.Packet().Chunk(10, 0, forged));
            peer.Association.State.ShouldBe(SctpAssociationState.CookieWait);
        }
        peer.Send(peer.Packet().Chunk(10, 0, cookie.ToArray()));
        peer.Association.State.ShouldBe(SctpAssociationState.Established);
        peer.ReadChunk(SctpChunkType.CookieAck);
    }

    [Fact]
    public void A_stale_cookie_is_answered_with_an_error()
    {
        var peer = new ScriptedPeer();
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue()));
        InitParameters.TryParse(peer.ReadChunk(SctpChunkType.InitAck).AsSpan(4), out _, out var cookie, out _).ShouldBeTrue();
        var copy = cookie.ToArray();
        peer.Now = TimeSpan.FromSeconds(61);
        peer.Send(peer.Packet().Chunk(10, 0, copy));
        peer.ReadChunk(SctpChunkType.Error)[5].ShouldBe((byte)SctpErrorCause.StaleCookie);
        peer.Association.State.ShouldBe(SctpAssociationState.CookieWait);
    }

    [Fact]
    public void A_restart_is_answered_with_ABORT_and_a_late_INIT_is_ignored()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue()));
        peer.ReadChunks().ShouldBeEmpty();
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue(tag: 77)));
        peer.ReadChunk(SctpChunkType.Abort);
        peer.ReadEvents().ShouldHaveSingleItem().Cause.ShouldBe(SctpCloseCause.ProtocolViolation);
    }

    [Fact]
    public void Packets_with_a_wrong_tag_port_or_checksum_are_dropped()
    {
        var peer = ScriptedPeer.Established();
        var abort = peer.Packet().Chunk(6, 0).Build();
        for (var i = 0; i < abort.Length * 8; i++)
        {
            var damaged = abort.ToArray();
            damaged[i / 8] ^= (byte)(1 << i % 8);
            peer.Association.HandlePacket(default, damaged);
        }
        peer.Association.HandlePacket(default, new PacketBuilder(peer.LocalTag + 1).Chunk(6, 0).Build());
        peer.Association.HandlePacket(default, new PacketBuilder(ScriptedPeer.PeerTag).Chunk(6, 0).Build());
        peer.ReadEvents().ShouldBeEmpty();
        peer.Association.HandlePacket(default, new PacketBuilder(ScriptedPeer.PeerTag).Chunk(6, 1).Build());
        peer.ReadEvents().ShouldHaveSingleItem().Cause.ShouldBe(SctpCloseCause.RemoteAbort);
    }

    [Theory]
    [InlineData(0x3F, false, false)]
    [InlineData(0x7F, false, true)]
    [InlineData(0xBF, true, false)]
    [InlineData(0xFF, true, true)]
    public void Unknown_chunks_are_skipped_and_reported_as_their_highest_bits_say(byte type, bool goesOn, bool reports)
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Chunk(type, 0, 1, 2).Chunk(4, 0, 0, 1, 0, 8, 9, 9, 9, 9));
        var chunks = peer.ReadChunks();
        chunks.Exists(c => c[0] == (byte)SctpChunkType.HeartbeatAck).ShouldBe(goesOn);
        chunks.Exists(c => c[0] == (byte)SctpChunkType.Error && c[5] == (byte)SctpErrorCause.UnrecognizedChunkType).ShouldBe(reports);
    }

    [Fact]
    public void SACK_tells_gaps_and_duplicates_at_once_and_every_second_packet()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 53, 1));
        peer.ReadChunks().ShouldBeEmpty("the first packet's acknowledgement is delayed");
        peer.Association.NextTimeout.ShouldBe(SctpOptions.Default.SackDelay);
        peer.Send(peer.Packet().Data(1001, 1, 1, WholeMessage, 53, 1));
        Sack(peer).ShouldBe("1001");
        peer.Send(peer.Packet().Data(1003, 1, 3, WholeMessage, 53, 1).Data(1004, 1, 4, WholeMessage, 53, 1).Data(1100, 1, 5, WholeMessage, 53, 1));
        Sack(peer).ShouldBe("1001 gap 2-3 gap 99-99");
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 53, 1).Data(1004, 1, 0, WholeMessage, 53, 1));
        Sack(peer).ShouldBe("1001 gap 2-3 gap 99-99 again 1000 again 1004");
        peer.Send(peer.Packet().Data(1002, 1, 2, WholeMessage, 53, 1));
        Sack(peer).ShouldBe("1004 gap 96-96");
    }

    [Fact]
    public void The_immediate_bit_is_obeyed()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage | 8, 53, 1));
        Sack(peer).ShouldBe("1000");
    }

    [Fact]
    public void A_DATA_chunk_without_data_aborts()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 53));
        peer.ReadChunk(SctpChunkType.Abort)[5].ShouldBe((byte)SctpErrorCause.NoUserData);
        peer.ReadEvents().ShouldHaveSingleItem().Kind.ShouldBe(DataChannelEventKind.Closed);
    }

    [Fact]
    public void An_OPEN_is_acknowledged_and_its_messages_delivered()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 50, open).Data(1001, 1, 1, WholeMessage, 51, (byte)'h', (byte)'i'));
        var events = peer.ReadEvents();
        events[0].Kind.ShouldBe(DataChannelEventKind.ChannelOpened);
        events[0].Label.ShouldBe("x");
        events[1].Message!.Data.ToArray().ShouldBe("hi"u8.ToArray());
        events[1].Message!.Type.ShouldBe(DataChannelMessageType.Text);
        var ack = peer.ReadChunk(SctpChunkType.Data);
        ack[15].ShouldBe((byte)50);
        ack[16].ShouldBe((byte)2);
    }

    [Theory]
    [InlineData(52, 53, DataChannelMessageType.Binary)]
    [InlineData(54, 51, DataChannelMessageType.Text)]
    public void Deprecated_partial_messages_are_put_together(int partial, int last, DataChannelMessageType type)
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 50, open).Data(1001, 1, 1, WholeMessage, (uint)partial, 1, 2)
            .Data(1002, 1, 2, WholeMessage, (uint)partial, 3).Data(1003, 1, 3, WholeMessage, (uint)last, 4).Data(1004, 1, 4, WholeMessage, (uint)last, 5));
        var messages = peer.ReadEvents().Where(e => e.Message is not null).Select(e => e.Message!).ToArray();
        messages.Select(m => m.Data.ToArray()).ShouldBe([[1, 2, 3, 4], [5]]);
        messages.ShouldAllBe(m => m.Type == type);
        foreach (var message in messages)
            peer.Association.MessageConsumed(message.Data.Length);
        peer.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Fact]
    public void An_OPEN_that_is_malformed_or_has_our_parity_resets_its_stream()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 2, 0, WholeMessage, 50, open).Data(1001, 3, 0, WholeMessage, 50, open[..^1])
            .Data(1002, 5, 0, WholeMessage, 50, [9]).Data(1003, 7, 0, WholeMessage, 50, [3, 7, .. open[2..]]));
        peer.ReadEvents().ShouldBeEmpty();
        var request = peer.ReadChunk(SctpChunkType.Reconfig);
        request.AsSpan(20).ToArray().ShouldBe([0, 2, 0, 3, 0, 5, 0, 7]);
    }

    [Fact]
    public void A_repeated_reset_request_gets_the_same_answer_and_one_before_its_data_is_in_progress()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 50, open));
        peer.ReadChunks();
        byte[] request = [0, 13, 0, 18, .. PacketBuilder.U32(1000), .. PacketBuilder.U32(0), .. PacketBuilder.U32(1001), 0, 1];
        peer.Send(peer.Packet().Chunk(130, 0, request));
        ResetResult(peer).ShouldBe((1000u, 6u));
        peer.Send(peer.Packet().Chunk(130, 0, request));
        ResetResult(peer).ShouldBe((1000u, 6u));
        request[7]++;
        peer.Send(peer.Packet().Chunk(130, 0, request));
        ResetResult(peer).ShouldBe((1001u, 6u), "a request in progress may come again under a new number");
        peer.Send(peer.Packet().Data(1001, 1, 1, WholeMessage, 53, 1));
        peer.Send(peer.Packet().Chunk(130, 0, request).Chunk(130, 0, request));
        var answers = peer.ReadChunks().Where(c => c[0] == (byte)SctpChunkType.Reconfig).ToArray();
        answers.Select(answer => (int)answer[15]).ShouldBe([1, 1]);
        peer.ReadEvents().Select(e => e.Kind).ShouldBe([DataChannelEventKind.ChannelOpened, DataChannelEventKind.Message]);

        // The other half is reset too, once OPEN's ACK is acknowledged, and then the channel is closed.
        peer.Send(peer.Packet().Chunk(3, 0, [.. PacketBuilder.U32(peer.LocalInitialTsn), 0, 1, 0, 0, 0, 0, 0, 0]));
        var own = peer.ReadChunk(SctpChunkType.Reconfig);
        own[5].ShouldBe((byte)13);
        peer.Send(peer.Packet().Chunk(130, 0, [0, 16, 0, 12, .. own[8..12], 0, 0, 0, 1]));
        peer.ReadEvents().ShouldHaveSingleItem().Kind.ShouldBe(DataChannelEventKind.ChannelClosed);
    }

    [Fact]
    public void FORWARD_TSN_skips_messages_and_drops_their_fragments()
    {
        var peer = ScriptedPeer.Established();
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage, 50, open));
        peer.Send(peer.Packet().Data(1001, 1, 1, 2, 53, 1, 1));
        peer.Send(peer.Packet().Data(1004, 1, 3, WholeMessage, 53, 3));
        peer.ReadEvents().Count.ShouldBe(1);
        peer.Send(peer.Packet().Chunk(192, 0, [.. PacketBuilder.U32(1003), 0, 1, 0, 2]));
        peer.ReadEvents().ShouldHaveSingleItem().Message!.Data.ToArray().ShouldBe([3]);
        Sack(peer).ShouldBe("1004");
        peer.Association.MessageConsumed(1);
        peer.Association.Statistics.ReceiveBufferUsed.ShouldBe(0);
    }

    [Fact]
    public void What_the_peer_takes_back_is_sent_again()
    {
        var peer = ScriptedPeer.Established();
        var id = peer.Association.OpenChannel(default, "r", DataChannelOptions.Default);
        peer.Association.TrySend(default, id, new byte[5000], DataChannelMessageType.Binary).ShouldBeTrue();
        peer.ReadChunks();
        var first = peer.LocalInitialTsn;
        peer.Send(peer.Packet().Chunk(3, 0, [.. PacketBuilder.U32(first), .. PacketBuilder.U32(100_000), 0, 1, 0, 0, 0, 2, 0, 4]));
        peer.ReadChunks();
        peer.Send(peer.Packet().Chunk(3, 0, [.. PacketBuilder.U32(first + 1), .. PacketBuilder.U32(100_000), 0, 0, 0, 0]));
        var again = peer.ReadChunks().Where(c => c[0] == 0).Select(c => BinaryPrimitives.ReadUInt32BigEndian(c.AsSpan(4))).ToArray();
        again.ShouldContain(first + 2);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void Packets_have_no_checksum_where_the_peer_accepts_that_because_of_DTLS(byte method, bool omitted)
    {
        var peer = new ScriptedPeer();
        peer.Send(new PacketBuilder(peer.LocalTag).Chunk(2, 0, ScriptedPeer.InitValue(ScriptedPeer.PeerTag, [0, 7, 0, 8, 1, 2, 3, 4, 0x80, 1, 0, 8, 0, 0, 0, method])));
        var echo = peer.ReadPacket();
        echo[12].ShouldBe((byte)SctpChunkType.CookieEcho);
        Crc32c.VerifyPacket(echo).ShouldBeTrue("COOKIE ECHO always has one");
        peer.Send(peer.Packet().Chunk(11, 0));
        peer.Send(peer.Packet().Data(1000, 1, 0, WholeMessage | 8, 53, 1));
        BinaryPrimitives.ReadUInt32BigEndian(peer.ReadPacket().AsSpan(8)).Equals(0u).ShouldBe(omitted);
        peer.Association.Abort(default, "enough");
        Crc32c.VerifyPacket(peer.ReadPacket()).ShouldBeTrue("ABORT has one");
    }

    [Fact]
    public void Packets_without_a_checksum_are_taken_except_those_of_the_handshake()
    {
        var peer = new ScriptedPeer();
        peer.Association.HandlePacket(default, WithoutChecksum(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue())));
        peer.ReadChunks().ShouldBeEmpty("INIT needs one");
        peer.Send(new PacketBuilder(0).Chunk(1, 0, ScriptedPeer.InitValue()));
        InitParameters.TryParse(peer.ReadChunk(SctpChunkType.InitAck).AsSpan(4), out var announced, out var cookie, out _).ShouldBeTrue();
        announced.AcceptsZeroChecksum.ShouldBeTrue();
        var echo = peer.Packet().Chunk(10, 0, cookie.ToArray());
        peer.Association.HandlePacket(default, WithoutChecksum(echo));
        peer.Association.State.ShouldBe(SctpAssociationState.CookieWait, "COOKIE ECHO needs one");
        peer.Send(echo);
        peer.ReadChunks();
        peer.Association.HandlePacket(default, WithoutChecksum(peer.Packet().Data(1000, 1, 0, WholeMessage | 8, 53, 1)));
        Sack(peer).ShouldBe("1000");
    }

    private static byte[] WithoutChecksum(PacketBuilder packet)
    {
        var bytes = packet.Build();
        bytes.AsSpan(8, 4).Clear();
        return bytes;
    }

    private static string Sack(ScriptedPeer peer)
    {
        var sack = peer.ReadChunk(SctpChunkType.Sack).AsSpan(4);
        var (gaps, duplicates) = (sack[9], sack[11]);
        var text = new StringBuilder().Append(BinaryPrimitives.ReadUInt32BigEndian(sack));
        for (sack = sack[12..]; gaps > 0; gaps--, sack = sack[4..])
            text.Append($" gap {BinaryPrimitives.ReadUInt16BigEndian(sack)}-{BinaryPrimitives.ReadUInt16BigEndian(sack[2..])}");
        for (; duplicates > 0; duplicates--, sack = sack[4..])
            text.Append($" again {BinaryPrimitives.ReadUInt32BigEndian(sack)}");
        return text.ToString();
    }

    private static (uint Sequence, uint Result) ResetResult(ScriptedPeer peer)
    {
        var response = peer.ReadChunk(SctpChunkType.Reconfig);
        response[5].ShouldBe((byte)16);
        return (BinaryPrimitives.ReadUInt32BigEndian(response.AsSpan(8)), BinaryPrimitives.ReadUInt32BigEndian(response.AsSpan(12)));
    }
}
