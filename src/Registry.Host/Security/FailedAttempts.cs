using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace Registry.Host.Security;

/// <summary>A token was not looked at because of its sender's address.</summary>
internal sealed class TooManyFailuresException() : Exception("The address was wrong too often.");

/// <summary>Slows those who guess: an address that was wrong too often is not told for a while whether it is, and its JSON web tokens are not looked at.</summary>
internal sealed class FailedAttempts : IDisposable
{
    /// <summary>Failures in a row that cost nothing.</summary>
    public const int Burst = 10;

    /// <summary>After them, one each such time.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(6);

    private const int IPv6NetworkBytes = 8;

    private readonly PartitionedRateLimiter<IPAddress> limiter = PartitionedRateLimiter.Create<IPAddress, IPAddress>(address =>
        RateLimitPartition.GetTokenBucketLimiter(PartOf(address), _ => new() { TokenLimit = Burst, TokensPerPeriod = 1, ReplenishmentPeriod = Pause, QueueLimit = 0 }));

    /// <summary>Whether the caller's address was wrong too often. What costs no more than a hash is looked at all the same: neighbours of one address have only that in common.</summary>
    // Not AttemptAcquire(address, 0), which a fraction of a permit is enough for.
    public bool IsBlocked(HttpContext context) => limiter.GetStatistics(AddressOf(context)) is { CurrentAvailablePermits: 0 };

    /// <summary>Counts a failure.</summary>
    /// <returns>false when there were too many.</returns>
    public bool TryCount(HttpContext context)
    {
        using var lease = limiter.AttemptAcquire(AddressOf(context));
        return lease.IsAcquired;
    }

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
    private static IPAddress AddressOf(HttpContext context) => context.Connection.RemoteIpAddress ?? IPAddress.None;
}
