using System.Collections.Concurrent;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Registry.Actors.Channels;

/// <summary>Where this gateway itself listens. No rule lets a peer reach that from behind the gateway.</summary>
internal sealed class OwnPorts
{
    private readonly ConcurrentDictionary<(ProtocolType Protocol, IPAddress Address, int Port), byte> ports = new();

    /// <summary>Adds an address; one for all of the machine stands for each of them.</summary>
    public void Add(ProtocolType protocol, IPEndPoint endPoint) => ports[(protocol, TargetPolicy.Plain(endPoint.Address), endPoint.Port)] = 0;

    /// <summary>Whether a target is one of them.</summary>
    public bool Contains(ProtocolType protocol, IPAddress address, int port) =>
        ports.ContainsKey((protocol, address, port))
        || (ports.ContainsKey((protocol, IPAddress.Any, port)) || ports.ContainsKey((protocol, IPAddress.IPv6Any, port))) && IsThisMachine(address);

    // Asked for the gateway's own port numbers only, so that no dial pays for the list of interfaces. Addresses may come and go.
    private static bool IsThisMachine(IPAddress address) =>
        IPAddress.IsLoopback(address)
        || NetworkInterface.GetAllNetworkInterfaces().Any(i => i.GetIPProperties().UnicastAddresses.Any(a => TargetPolicy.Plain(a.Address).Equals(address)));
}
