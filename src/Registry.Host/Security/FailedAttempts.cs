using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace Registry.Host.Security;

/// <summary>Slows those who guess: an address that was wrong too often is not listened to for a while, whatever it says.</summary>
internal sealed class FailedAttempts : IDisposable
{
    /// <summary>Failures in a row that cost nothing.</summary>
    public const int Burst = 10;

    /// <summary>After them, one each such time.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(6);

    private const int IPv6NetworkBytes = 8;

    private readonly PartitionedRateLimiter<IPAddress> limiter = PartitionedRateLimiter.Create<IPAddress, IPAddress>(address =>
        RateLimitPartition.GetTokenBucketLimiter(PartOf(address), _ => new() { TokenLimit = Burst, TokensPerPeriod = 1, ReplenishmentPeriod = Pause, QueueLimit = 0 }));

    // Not AttemptAcquire(address, 0), which a fraction of a permit is enough for.
    public bool IsBlocked(IPAddress address) => limiter.GetStatistics(address) is { CurrentAvailablePermits: 0 };

    public void Count(IPAddress address) => limiter.AttemptAcquire(address).Dispose();

    public void Dispose() => limiter.Dispose();

    /// <summary>Whose addresses count as one: who has one of IPv6 has all of its network.</summary>
    public static IPAddress PartOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(IPv6NetworkBytes).Clear();
        return new(bytes);
    }
}
