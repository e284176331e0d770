using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>An IP address and port as a value: IPv4 is held as IPv4-mapped IPv6, so that every spelling compares equal.</summary>
/// <param name="High">First eight bytes of the IPv6 address, big-endian.</param>
/// <param name="Low">Last eight bytes.</param>
/// <param name="Port">UDP or TCP port.</param>
/// <param name="Relay">Number of the connection's relay that the address is reached through; 0 for none.</param>
/// <param name="IsTcp">Whether it is reached over a TCP connection of its own.</param>
internal readonly record struct TransportAddress(ulong High, ulong Low, ushort Port, ushort Relay = 0, bool IsTcp = false)
{
    private const ulong MappedPrefix = 0x0000_FFFF_0000_0000;

    /// <summary>Whether packets go to it from the node's UDP socket.</summary>
    public bool IsOnSocket => Relay == 0 && !IsTcp;

    public bool IsIPv4 => High == 0 && Low >> 32 == MappedPrefix >> 32;

    public static TransportAddress FromIPv4(uint address, ushort port) => new(0, MappedPrefix | address, port);

    public static TransportAddress From(IPAddress address, int port)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        return written == 4
            ? FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes), (ushort)port)
            : new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), (ushort)port);
    }

    public static TransportAddress From(IPEndPoint endPoint) => From(endPoint.Address, endPoint.Port);

    /// <summary>Reads the sockaddr_in or sockaddr_in6 that a receive call filled in.</summary>
    public static TransportAddress From(SocketAddress socketAddress)
    {
        var bytes = socketAddress.Buffer.Span;
        var port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return socketAddress.Family == AddressFamily.InterNetwork
            ? FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]), port)
            : new(BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]), port);
    }

    /// <summary>Writes this address for a socket of the given family.</summary>
    public SocketAddress ToSocketAddress(AddressFamily family)
    {
        var address = family == AddressFamily.InterNetwork ? Address : Address.MapToIPv6();
        return new IPEndPoint(address, Port).Serialize();
    }

    /// <summary>The address in its natural family.</summary>
    public IPAddress Address
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
            BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
            return IsIPv4 ? new IPAddress(bytes[12..]) : new IPAddress(bytes);
        }
    }

    public override string ToString()
    {
        var endPoint = new IPEndPoint(Address, Port).ToString();
        return Relay != 0 ? $"{endPoint} through relay {Relay}" : IsTcp ? $"{endPoint} over TCP" : endPoint;
    }
}
