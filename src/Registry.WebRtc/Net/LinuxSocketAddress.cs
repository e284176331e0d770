using System.Buffers.Binary;

namespace Registry.WebRtc.Net;

/// <summary>Linux's sockaddr_in (ip(7)) and sockaddr_in6 (ipv6(7)).</summary>
internal static unsafe class LinuxSocketAddress
{
    /// <summary>Bytes of sockaddr_in6, the longer of the two.</summary>
    public const int MaxLength = 28;

    private const int IPv4Length = 16;

    /// <summary>Reads what a receive call filled in.</summary>
    public static TransportAddress Read(byte* name)
    {
        var bytes = new ReadOnlySpan<byte>(name, MaxLength);
        var port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes) == Libc.AF_INET
            ? TransportAddress.FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]), port)
            : new(BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]), port);
    }

    /// <summary>Writes an address for a socket of the given family.</summary>
    /// <returns>Its length.</returns>
    public static uint Write(byte* name, TransportAddress address, bool isIPv6)
    {
        var bytes = new Span<byte>(name, MaxLength);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(isIPv6 ? Libc.AF_INET6 : Libc.AF_INET));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], address.Port);
        if (!isIPv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], (uint)address.Low);
            return IPv4Length;
        }
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[16..], address.Low);
        return MaxLength;
    }
}
