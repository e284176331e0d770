using System.Buffers.Binary;
using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>Keeps datagrams whole on the path, so that what arrives proves what the path carries (RFC 8899 §4.2).</summary>
internal static class DontFragment
{
    // <linux/in.h> and <linux/in6.h>. "Probe" sends with DF set and leaves the size to the sender; the kernel's default would fragment.
    private const int IpProtocol = 0;
    private const int IpMtuDiscover = 10;
    private const int Ipv6Protocol = 41;
    private const int Ipv6MtuDiscover = 23;
    private const int Probe = 3;

    /// <summary>Sets the socket so; elsewhere than on Linux it stays as it is.</summary>
    /// <returns>Whether datagrams above the packet size of the base may be tried.</returns>
    public static bool Apply(Socket socket)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        Span<byte> value = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(value, Probe);
        try
        {
            if (socket.AddressFamily == AddressFamily.InterNetworkV6)
                socket.SetRawSocketOption(Ipv6Protocol, Ipv6MtuDiscover, value);
            // On a dual-mode socket this one is for the IPv4 addresses.
            socket.SetRawSocketOption(IpProtocol, IpMtuDiscover, value);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
