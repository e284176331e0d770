using System.Net;
using System.Net.Sockets;
using Akka.Discovery;

namespace Registry.Actors.Cluster.Membership;

/// <summary>Finds nodes by the addresses of a name: <c>registry.cluster.discovery.method = dns</c>.</summary>
public sealed class DnsServiceDiscovery : ServiceDiscovery
{
    /// <inheritdoc/>
    public override async Task<Resolved> Lookup(Lookup lookup, TimeSpan resolveTimeout)
    {
        ArgumentNullException.ThrowIfNull(lookup);
        using var timeout = new CancellationTokenSource(resolveTimeout);
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(lookup.ServiceName, timeout.Token);
            return new(lookup.ServiceName, addresses.Select(address => new ResolvedTarget(address.ToString(), address: address)));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData)
        {
            // Before the first node is published there is no such name.
            return new(lookup.ServiceName);
        }
    }
}
