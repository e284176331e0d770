using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Registry.Host.Security;

/// <summary>Proxies that are believed when X-Forwarded-For says whom they speak for; limits and failed attempts are then the client's. Anybody else's header is not read.</summary>
internal static class TrustedProxies
{
    public static void UseTrustedProxies(this WebApplication application, IReadOnlyList<IPNetwork> networks)
    {
        if (networks.Count == 0)
            return;
        // From the right end for as long as it is a trusted proxy that says so; what stands left of the first stranger, the stranger may have written.
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor, ForwardLimit = null };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks)
            options.KnownIPNetworks.Add(network);
        application.UseForwardedHeaders(options);
    }

    /// <summary>Whether an address is one of theirs.</summary>
    public static bool Include(IReadOnlyList<IPNetwork> networks, IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return networks.Any(network => network.Contains(plain));
    }
}
