using System.Net.Http.Json;
using System.Text.Json;
using Akka.Actor;
using Akka.Pattern;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Relay;

/// <summary>
/// Fetches credentials for the relay, fresh ones for each tube: GET answered by <c>{username, password, ttl, urls?}</c>. An endpoint
/// that fails again and again is left alone for a while. What it answers is never logged.
/// </summary>
internal sealed class RelayCredentials : IDisposable
{
    // Far more than any list of servers needs.
    private const int MaxAnswerBytes = 64 * 1024;

    // Creates that are cancelled leave their requests behind for up to the timeout; more than this the endpoint must not feel.
    private const int MaxConnections = 256;

    private static readonly TimeSpan LongestTtl = TimeSpan.FromDays(366);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly RegistrySettings settings;
    private readonly TimeProvider time;
    private readonly Uri url;
    private readonly HttpClient http;
    private readonly CircuitBreaker breaker;

    private sealed record Answer(string? Username, string? Password, long? Ttl, string?[]? Urls);

    /// <param name="settings">The endpoint, its timeout and its breaker.</param>
    /// <param name="scheduler">The breaker's clock.</param>
    /// <param name="time">The timeout's clock.</param>
    public RelayCredentials(RegistrySettings settings, IScheduler scheduler, TimeProvider time)
    {
        this.settings = settings;
        this.time = time;
        url = settings.IceCredentialsUrl ?? throw new ArgumentException("No endpoint is set.", nameof(settings));
        http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), MaxConnectionsPerServer = MaxConnections }) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };
        // The fetch has its own timeout, by the node's clock; the breaker's is longer and never comes first.
        breaker = new(scheduler, settings.IceBreakerFailures, settings.IceCredentialsTimeout * 2, settings.IceBreakerReset);
    }

    /// <summary>Gets the servers a tube may use, or says why not.</summary>
    /// <param name="cancellationToken">The tube's end; the endpoint is not blamed for it.</param>
    public async Task<(IReadOnlyList<IceServer> Servers, Refused? Refusal)> FetchAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await breaker.WithCircuitBreaker(FetchInTimeAsync).WaitAsync(cancellationToken), null);
        }
        catch (OpenCircuitException)
        {
            return ([], Unavailable($"failed {settings.IceBreakerFailures} times in a row and is left alone for {settings.IceBreakerReset.TotalSeconds:0.###} s", settings.IceBreakerReset));
        }
        catch (HttpRequestException e)
        {
            return ([], Unavailable(e.StatusCode is { } status ? $"answered {(int)status}" : $"cannot be reached: {e.Message}", TimeSpan.FromSeconds(1)));
        }
        catch (TimeoutException)
        {
            return ([], Unavailable($"did not answer within {settings.IceCredentialsTimeout.TotalSeconds:0.###} s", TimeSpan.FromSeconds(1)));
        }
        catch (FormatException e)
        {
            return ([], Unavailable(e.Message, TimeSpan.FromSeconds(1)));
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<IReadOnlyList<IceServer>> FetchInTimeAsync(CancellationToken breakersTimeout)
    {
        using var timeout = new CancellationTokenSource(settings.IceCredentialsTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, breakersTimeout);
        try
        {
            var answer = await http.GetFromJsonAsync<Answer>(url, Json, either.Token);
            if (answer is not { Username.Length: > 0, Password.Length: > 0, Ttl: > 0 })
                throw new FormatException("answered without username, password and a positive ttl");
            if (answer.Urls?.All(IsServer) == false)
                throw new FormatException("answered with urls that are not all stun:, turn: or turns: addresses");
            IReadOnlyList<string> urls = answer.Urls is null
                ? settings.IceServerUrls
                : [.. answer.Urls.Where(url => !url!.StartsWith("stuns:", StringComparison.OrdinalIgnoreCase)).Select(url => url!)];
            var lifetime = answer.Ttl < LongestTtl.TotalSeconds ? TimeSpan.FromSeconds(answer.Ttl.Value) : LongestTtl;
            var server = new IceServer(urls, answer.Username, answer.Password) { Expires = time.GetUtcNow() + lifetime };
            return server.Validate() is { } error ? throw new FormatException($"answered with what cannot be used: {error}") : [server];
        }
        catch (Exception e) when (e is JsonException or IOException or InvalidOperationException or NotSupportedException)
        {
            // Cut short, not JSON, or in an encoding that nobody knows.
            throw new FormatException("answered with something other than {username, password, ttl, urls?} as JSON");
        }
        catch (OperationCanceledException e) when (either.IsCancellationRequested)
        {
            throw new TimeoutException("The endpoint did not answer in time.", e);
        }
    }

    // Address lookups over TLS are of no use to UDP and left out.
    private static bool IsServer(string? url) => url is not null && (IceServerUrl.TryParse(url, out _, out _) || url.StartsWith("stuns:", StringComparison.OrdinalIgnoreCase));

    // The address may carry a key in its query.
    private Refused Unavailable(string what, TimeSpan retryAfter) =>
        new(RefusalCode.RelayUnavailable, $"The endpoint for relay credentials, {url.GetLeftPart(UriPartial.Path)} (registry.ice.credentials-url), {what}.") { RetryAfter = retryAfter };
}
