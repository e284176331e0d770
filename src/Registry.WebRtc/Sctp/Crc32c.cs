using System.Buffers.Binary;
using System.Numerics;

namespace Registry.WebRtc.Sctp;

/// <summary>The checksum of an SCTP packet (RFC 9260 Appendix A); hardware instructions where the processor has them.</summary>
internal static class Crc32c
{
    private const int ChecksumOffset = 8;

    /// <summary>The checksum over a packet as if its checksum field were zero; it is stored little-endian.</summary>
    public static uint ComputePacket(ReadOnlySpan<byte> packet)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt64LittleEndian(packet));
        crc = BitOperations.Crc32C(crc, 0u);
        return ~Update(crc, packet[(ChecksumOffset + 4)..]);
    }

    public static bool VerifyPacket(ReadOnlySpan<byte> packet) =>
        BinaryPrimitives.ReadUInt32LittleEndian(packet[ChecksumOffset..]) == ComputePacket(packet);

    public static void WritePacket(Span<byte> packet) =>
        BinaryPrimitives.WriteUInt32LittleEndian(packet[ChecksumOffset..], ComputePacket(packet));

    private static uint Update(uint crc, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return crc;
    }
}
