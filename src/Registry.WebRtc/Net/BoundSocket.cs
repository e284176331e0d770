using System.Net;
using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>Opens the sockets at which peers reach this node.</summary>
internal static class BoundSocket
{
    /// <summary>Opens and binds a socket.</summary>
    /// <param name="protocol">UDP or TCP.</param>
    /// <param name="address">Address to bind; null binds all addresses of both families.</param>
    /// <param name="port">Port to bind, 0 for any free one.</param>
    /// <param name="prepare">What is set before.</param>
    /// <exception cref="PortUnavailableException">The address or port cannot be bound.</exception>
    public static Socket Open(ProtocolType protocol, IPAddress? address, int port, Action<Socket> prepare)
    {
        var family = address?.AddressFamily ?? (Socket.OSSupportsIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        var socket = new Socket(family, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
        try
        {
            if (address is null && family == AddressFamily.InterNetworkV6)
                socket.DualMode = true;
            prepare(socket);
            socket.Bind(new IPEndPoint(address ?? (family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any), port));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new PortUnavailableException(protocol, port, e);
        }
    }
}
