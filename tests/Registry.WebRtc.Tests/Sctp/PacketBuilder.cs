using System.Buffers.Binary;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc.Tests.Sctp;

/// <summary>Builds packets that no well-behaved peer would send.</summary>
internal sealed class PacketBuilder(uint tag)
{
    private readonly List<byte> bytes = [0x13, 0x88, 0x13, 0x88, (byte)(tag >> 24), (byte)(tag >> 16), (byte)(tag >> 8), (byte)tag, 0, 0, 0, 0];

    public PacketBuilder Chunk(byte type, byte flags, params byte[] value)
    {
        bytes.AddRange([type, flags, (byte)((value.Length + 4) >> 8), (byte)(value.Length + 4), .. value]);
        while (bytes.Count % 4 != 0)
            bytes.Add(0);
        return this;
    }

    public PacketBuilder Data(uint tsn, ushort stream, ushort ssn, byte flags, uint ppid, params byte[] payload) =>
        Chunk(0, flags, [.. U32(tsn), .. U16(stream), .. U16(ssn), .. U32(ppid), .. payload]);

    /// <summary>I-DATA; the number is the protocol of a first fragment and else the fragment's.</summary>
    public PacketBuilder InterleavedData(uint tsn, ushort stream, uint message, byte flags, uint number, params byte[] payload) =>
        Chunk(64, flags, [.. U32(tsn), .. U16(stream), 0, 0, .. U32(message), .. U32(number), .. payload]);

    public byte[] Build()
    {
        var packet = bytes.ToArray();
        Crc32c.WritePacket(packet);
        return packet;
    }

    public static byte[] U16(int value)
    {
        var result = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(result, (ushort)value);
        return result;
    }

    public static byte[] U32(uint value)
    {
        var result = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(result, value);
        return result;
    }
}

/// <summary>An association whose peer is the test: established by hand, packet by packet.</summary>
internal sealed class ScriptedPeer
{
    public const uint PeerTag = 0xCAFE;
    public const uint PeerInitialTsn = 1000;
    private readonly byte[] buffer = new byte[8192];

    public ScriptedPeer(SctpOptions? options = null, bool isDtlsClient = true)
    {
        Association = new DataChannelAssociation(options ?? SctpOptions.Default, isDtlsClient);
        Association.Start(Now);
        var init = ReadPacket();
        LocalTag = BinaryPrimitives.ReadUInt32BigEndian(init.AsSpan(16));
        LocalInitialTsn = BinaryPrimitives.ReadUInt32BigEndian(init.AsSpan(28));
    }

    public DataChannelAssociation Association { get; }

    public TimeSpan Now { get; set; }

    /// <summary>Whether this peer's INIT said that packets need no checksum.</summary>
    public bool AcceptsZeroChecksum { get; init; }

    public uint LocalTag { get; }

    public uint LocalInitialTsn { get; }

    public static byte[] InitValue(uint tag = PeerTag, params byte[] parameters) =>
        [.. PacketBuilder.U32(tag), .. PacketBuilder.U32(1_000_000), 0xFF, 0xFF, 0xFF, 0xFF, .. PacketBuilder.U32(PeerInitialTsn), .. parameters];

    /// <summary>Forward TSN and reconfiguration, as browsers announce them.</summary>
    public static readonly byte[] Extensions = [0xC0, 0, 0, 4, 0x80, 8, 0, 6, 130, 192, 0, 0];

    /// <summary>The same with interleaving.</summary>
    public static readonly byte[] Interleaving = [0xC0, 0, 0, 4, 0x80, 8, 0, 8, 130, 192, 64, 194];

    public static ScriptedPeer Established(SctpOptions? options = null, bool isDtlsClient = true, byte[]? extensions = null)
    {
        var peer = new ScriptedPeer(options, isDtlsClient);
        peer.Send(new PacketBuilder(peer.LocalTag).Chunk(2, 0, InitValue(PeerTag, [0, 7, 0, 8, 1, 2, 3, 4, .. extensions ?? Extensions])));
        peer.ReadPacket()[12].ShouldBe((byte)SctpChunkType.CookieEcho);
        peer.Send(new PacketBuilder(peer.LocalTag).Chunk(11, 0));
        peer.Association.TryReadEvent(out var e).ShouldBeTrue();
        e.Kind.ShouldBe(DataChannelEventKind.Established);
        return peer;
    }

    public PacketBuilder Packet() => new(LocalTag);

    public void Send(PacketBuilder packet) => Association.HandlePacket(Now, packet.Build());

    public byte[] ReadPacket()
    {
        Association.TryWritePacket(Now, buffer, out var written).ShouldBeTrue("a packet was expected");
        return buffer[..written];
    }

    /// <summary>All chunks that the association sends now, header included.</summary>
    public List<byte[]> ReadChunks()
    {
        var chunks = new List<byte[]>();
        while (Association.TryWritePacket(Now, buffer, out var written))
        {
            var omitted = AcceptsZeroChecksum && BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(8)) == 0;
            (omitted || Crc32c.VerifyPacket(buffer.AsSpan(0, written))).ShouldBeTrue();
            var reader = new TlvReader(buffer.AsSpan(12, written - 12));
            while (reader.TryRead())
                chunks.Add(reader.Item.ToArray());
        }
        return chunks;
    }

    public byte[] ReadChunk(SctpChunkType type) => ReadChunks().Where(c => c[0] == (byte)type).ShouldHaveSingleItem();

    public List<DataChannelEvent> ReadEvents()
    {
        var events = new List<DataChannelEvent>();
        while (Association.TryReadEvent(out var e))
            events.Add(e);
        return events;
    }
}
