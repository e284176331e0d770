using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>The machine's addresses that become host candidates.</summary>
internal sealed class HostAddresses(IReadOnlyList<IPAddress>? configured, NetworkFilter filter, TimeProvider time)
{
    // Listing interfaces costs a millisecond, too much for each tube of a burst.
    private static readonly TimeSpan Validity = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private IPAddress[]? listed;
    private long listedAt;

    /// <summary>The configured addresses, or those of the interfaces that are up and pass the filter; without a filter loopback when there is nothing else.</summary>
    public IReadOnlyList<IPAddress> Current
    {
        get
        {
            if (configured is not null)
                return configured;
            lock (gate)
            {
                if (listed is null || time.GetElapsedTime(listedAt) > Validity)
                {
                    listed = List();
                    listedAt = time.GetTimestamp();
                }
                return listed;
            }
        }
    }

    /// <summary>Those of the machine's addresses that lead to a bound socket, with its port.</summary>
    public IReadOnlyList<IPEndPoint> LeadingTo(IPEndPoint bound) =>
        [.. Current.Where(address => Leads(address, bound.Address)).Select(address => new IPEndPoint(address, bound.Port))];

    /// <summary>Lists the interfaces again when next asked.</summary>
    public void Forget()
    {
        lock (gate)
            listed = [];
    }

    private IPAddress[] List()
    {
        var addresses = NetworkInterface.GetAllNetworkInterfaces()
            .Where(i => i.NetworkInterfaceType == NetworkInterfaceType.Loopback ? filter.TakesOnlyNamed : i.OperationalStatus == OperationalStatus.Up)
            .SelectMany(i => i.GetIPProperties().UnicastAddresses, (i, a) => (i.Name, a.Address))
            .Where(a => IsUsable(a.Address) && filter.Allows(a.Name, a.Address))
            .Select(a => a.Address)
            .Distinct()
            .ToArray();
        return addresses.Length > 0 || !filter.IsEmpty ? addresses : [IPAddress.Loopback];
    }

    private static bool Leads(IPAddress address, IPAddress bound)
    {
        if (bound.Equals(IPAddress.IPv6Any))
            return true;
        return bound.Equals(IPAddress.Any) ? address.AddressFamily == AddressFamily.InterNetwork : bound.Equals(address);
    }

    // Link-local IPv6 needs a zone, which a candidate line cannot carry (RFC 8445 §5.1.1.1 lets agents leave such out).
    private static bool IsUsable(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork || (!address.IsIPv6LinkLocal && !address.IsIPv6SiteLocal && !address.IsIPv6Multicast);
}
