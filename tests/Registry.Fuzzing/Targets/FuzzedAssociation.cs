using System.Buffers.Binary;
using Registry.WebRtc;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;

namespace Registry.Fuzzing.Targets;

/// <summary>An association whose peer is the fuzzer, established unless that is left to the input; tags and checksums are right, the rest is the input's.</summary>
internal sealed class FuzzedAssociation
{
    public const uint PeerInitialTsn = 1000;
    private const int Window = 100_000;

    // Forward TSN and reconfiguration, without and with interleaving, as browsers announce them.
    private static readonly byte[] extensions = [0xC0, 0, 0, 4, 0x80, 8, 0, 6, 130, 192, 0, 0];
    private static readonly byte[] interleaving = [0xC0, 0, 0, 4, 0x80, 8, 0, 8, 130, 192, 64, 194];
    private static readonly byte[] cookie = [0, 7, 0, 8, 1, 2, 3, 4];

    private readonly byte[] buffer = new byte[8192];
    private readonly List<byte> packet = new(1500);
    private readonly uint localTag;
    private byte[] receivedCookie = [];

    public FuzzedAssociation(bool interleaves, CongestionControl congestionControl = CongestionControl.Bbr, bool establish = true)
    {
        var random = new Random(1);
        Association = new DataChannelAssociation(
            new SctpOptions
            {
                ReceiveBufferSize = Window, SendBufferSize = Window, MaxMessageSize = 20_000, MaxChannels = 8, MaxPacketSize = 8152,
                Interleaving = interleaves, CongestionControl = congestionControl, NextRandom = () => (uint)random.NextInt64(1, uint.MaxValue),
            },
            isDtlsClient: true);
        Association.Start(Now);
        Association.TryWritePacket(Now, buffer, out _);
        localTag = BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(16));
        LocalInitialTsn = BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(28));
        if (establish)
            Establish(interleaves);
    }

    public DataChannelAssociation Association { get; }

    public TimeSpan Now { get; set; }

    public uint LocalInitialTsn { get; }

    /// <summary>Adds a chunk to the packet.</summary>
    public void Chunk(byte type, byte flags, ReadOnlySpan<byte> value)
    {
        var length = value.Length + 4;
        packet.AddRange([type, flags, (byte)(length >> 8), (byte)length]);
        packet.AddRange(value);
        while (packet.Count % 4 != 0)
            packet.Add(0);
    }

    /// <summary>Adds a COOKIE ECHO with the cookie of the last INIT ACK, if there was one.</summary>
    public void EchoCookie()
    {
        if (receivedCookie.Length > 0)
            Chunk(10, 0, receivedCookie);
    }

    /// <summary>Delivers the chunks in one packet.</summary>
    public void Send()
    {
        var isInit = packet.Count > 0 && packet[0] == 1;
        var bytes = new byte[12 + packet.Count];
        bytes[0] = bytes[2] = 0x13;
        bytes[1] = bytes[3] = 0x88;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), isInit ? 0 : localTag);
        packet.CopyTo(bytes, 12);
        packet.Clear();
        Crc32c.WritePacket(bytes);
        Association.HandlePacket(Now, bytes);
    }

    /// <summary>Takes what the association has to send and to tell, and looks whether it keeps its bounds.</summary>
    public void Drain()
    {
        for (var written = 0; Association.TryWritePacket(Now, buffer, out var length); written++)
        {
            PropertyViolatedException.ThrowUnless(written < 1000, "The association does not stop writing.");
            if (buffer[12] == 2 && InitParameters.TryParse(buffer.AsSpan(16, length - 16), out _, out var cookie, out _))
                receivedCookie = cookie.ToArray();
        }
        while (Association.TryReadEvent(out var e))
        {
            if (e.Message is not { } message)
                continue;
            Association.MessageConsumed(message.Data.Length);
            message.Dispose();
        }
        var statistics = Association.Statistics;
        PropertyViolatedException.ThrowUnless(statistics.ReceiveBufferUsed is >= 0 and <= 2 * Window, $"{statistics.ReceiveBufferUsed} bytes received are held.");
        PropertyViolatedException.ThrowUnless(statistics.SendBufferUsed is >= 0 and <= 2 * Window, $"{statistics.SendBufferUsed} bytes to send are held.");
        PropertyViolatedException.ThrowUnless(
            statistics.BytesInFlight >= 0 && statistics.BytesInFlight <= statistics.SendBufferUsed,
            $"{statistics.BytesInFlight} bytes in flight of {statistics.SendBufferUsed}.");
    }

    /// <summary>Goes to the next deadline.</summary>
    public void Advance()
    {
        if (Association.NextTimeout > TimeSpan.FromHours(10))
            return;
        if (Association.NextTimeout > Now)
            Now = Association.NextTimeout;
        Association.HandleTimeout(Now);
    }

    private void Establish(bool interleaves)
    {
        Span<byte> init = [0, 0, 0xCA, 0xFE, 0, 0xF, 0x42, 0x40, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, (byte)(PeerInitialTsn >> 8), (byte)(PeerInitialTsn & 0xFF)];
        Chunk(2, 0, [.. init, .. cookie, .. interleaves ? interleaving : extensions]);
        Send();
        Drain();
        Chunk(11, 0, []);
        Send();
        Drain();
        if (Association.State != SctpAssociationState.Established)
            throw new InvalidOperationException("The association was not established.");
    }
}
