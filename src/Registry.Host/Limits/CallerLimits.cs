using System.Net;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Registry.Host.Api;
using Registry.Host.Security;

namespace Registry.Host.Limits;

/// <summary>Keeps one caller's requests and streams within limits. A caller is a key, an owner of JSON web tokens, a tube's token, or else an address.</summary>
internal static class CallerLimits
{
    private const string Streams = "streams";

    // Half of what Kestrel would take: a key, a token and what browsers and proxies add need a few KiB and a few dozen lines.
    private const int MaxHeaders = 50;
    private const int MaxHeaderBytes = 16 * 1024;
    private const int MaxRequestLine = 8 * 1024;
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Refill = TimeSpan.FromSeconds(1);

    public static void AddCallerLimits(this IServiceCollection services, RequestLimits limits) => services.AddRateLimiter(limiter =>
    {
        limiter.OnRejected = (context, _) => new(Explain(context, limits).ExecuteAsync(context.HttpContext));
        if (limits.RequestsPerSecond is { } rate)
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, CallerKey>(context => RateLimitPartition.GetTokenBucketLimiter(CallerKey.Of(context), _ => new()
            {
                TokenLimit = limits.Burst,
                TokensPerPeriod = rate,
                ReplenishmentPeriod = Refill,
            }));
        limiter.AddPolicy(Streams, context => limits.Streams is { } most
            ? RateLimitPartition.GetConcurrencyLimiter(CallerKey.Of(context), _ => new() { PermitLimit = most })
            : RateLimitPartition.GetNoLimiter(CallerKey.Of(context)));
    });

    public static void Apply(this KestrelServerLimits kestrel, RequestLimits limits)
    {
        kestrel.MaxRequestBodySize = RequestBody.MaxLength;
        kestrel.MaxRequestHeaderCount = MaxHeaders;
        kestrel.MaxRequestHeadersTotalSize = MaxHeaderBytes;
        kestrel.MaxRequestLineSize = MaxRequestLine;
        kestrel.RequestHeadersTimeout = HeadersTimeout;
        kestrel.MaxConcurrentConnections = limits.Connections;
    }

    /// <summary>An answer that goes on: counts for as long as it does.</summary>
    public static T Streaming<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.RequireRateLimiting(Streams);

    /// <summary>Whether an endpoint's answer goes on.</summary>
    public static bool IsStreaming(this Endpoint endpoint) => endpoint.Metadata.GetMetadata<EnableRateLimitingAttribute>() is { PolicyName: Streams };

    private static Problem Explain(OnRejectedContext context, RequestLimits limits) => context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait)
        ? new(StatusCodes.Status429TooManyRequests, ProblemCodes.RateLimited, $"You sent more than {limits.RequestsPerSecond} requests per second. Wait, and send them more slowly.")
        {
            Retryable = true,
            RetryAfterMs = (long)wait.TotalMilliseconds,
            Limit = limits.RequestsPerSecond,
        }
        : new(StatusCodes.Status429TooManyRequests, ProblemCodes.StreamLimit, $"You have {limits.Streams} event streams open, which is as many as one caller may. Close one first.")
        {
            Retryable = true,
            Limit = limits.Streams,
        };

    /// <summary>Whose requests are counted together.</summary>
    private readonly record struct CallerKey(string? Name, string? Tube, IPAddress? Address)
    {
        public static CallerKey Of(HttpContext context) =>
            context.User.FindFirstValue(Caller.TubeClaim) is { } tube ? new(null, tube, null)
            : context.User.Identity is { IsAuthenticated: true, Name: { } name } identity ? new($"{identity.AuthenticationType} {name}", null, null)
            : new(null, null, FailedAttempts.PartOf(context.Connection.RemoteIpAddress ?? IPAddress.None));
    }
}
