using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Registry.Host.Security;

namespace Registry.Host.Limits;

/// <summary>Keeps one address from taking every connection there is.</summary>
internal static class ConnectionLimits
{
    /// <summary>Closes, unheard, what an address opens beyond its share. Trusted proxies, which speak for many, have no share.</summary>
    public static void LimitConnections(this ListenOptions listen, RequestLimits limits, IReadOnlyList<IPNetwork> proxies)
    {
        if (limits.ConnectionsPerAddress is not { } most)
            return;
        var open = new OpenConnections(most);
        listen.Use(next => async connection =>
        {
            if (connection.RemoteEndPoint is not IPEndPoint { Address: var address } || TrustedProxies.Include(proxies, address))
            {
                await next(connection);
                return;
            }

            var part = FailedAttempts.PartOf(address);
            if (!open.TryAdd(part))
            {
                connection.Abort(new ConnectionAbortedException($"The address has {most} connections open, which is as many as registry.http.limits.connections-per-address allows."));
                return;
            }

            try
            {
                await next(connection);
            }
            finally
            {
                open.Remove(part);
            }
        });
    }

    /// <summary>Counts by address; holds only those that have one open.</summary>
    private sealed class OpenConnections(int most)
    {
        private readonly Dictionary<IPAddress, int> counts = [];

        public bool TryAdd(IPAddress address)
        {
            lock (counts)
            {
                var count = counts.GetValueOrDefault(address);
                if (count >= most)
                    return false;
                counts[address] = count + 1;
                return true;
            }
        }

        public void Remove(IPAddress address)
        {
            lock (counts)
            {
                if (counts[address] == 1)
                    counts.Remove(address);
                else
                    counts[address]--;
            }
        }
    }
}
