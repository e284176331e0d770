using System.Net;
using Akka.Configuration;
using Registry.Host.Cli.Bench;
using Registry.Host.Limits;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.Security;

namespace Registry.Host.Tests.Limits;

/// <summary>What one caller may take, and what is left for others.</summary>
public sealed class CallerLimitsTests
{
    [Fact]
    public async Task A_caller_that_asks_too_often_is_told_when_to_come_back_and_others_are_served()
    {
        await using var secured = await SecuredGateway.StartAsync(settings: "registry.http.limits { requests-per-second = 1, burst = 3 }");
        using var alice = Caller(secured, "alice");
        using var bob = Caller(secured, "bob");

        HttpResponseMessage refused;
        do
            refused = await alice.GetAsync(new Uri("/v1/capacity", UriKind.Relative));
        while (refused.StatusCode == HttpStatusCode.OK);
        using (refused)
        {
            refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            refused.Headers.RetryAfter!.Delta.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.Zero);
            (await refused.Content.ReadAsStringAsync()).ShouldContain("\"code\":\"rate_limited\"");
        }

        using (var other = await bob.GetAsync(new Uri("/v1/capacity", UriKind.Relative)))
            other.StatusCode.ShouldBe(HttpStatusCode.OK);
        foreach (var path in Enumerable.Repeat("/healthz", 5).Concat(Enumerable.Repeat("/readyz", 5)))
            using (var health = await alice.GetAsync(new Uri(path, UriKind.Relative)))
                health.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Streams_count_while_they_are_open()
    {
        await using var gateway = await ScriptedGateway.StartAsync(security: "registry.http.limits.streams = 2");
        await using var first = await OpenEvents.OfAsync(gateway.Http);
        var second = await OpenEvents.OfAsync(gateway.Http);
        var (status, problem) = await gateway.SendAsync(HttpMethod.Get, "/v1/events");
        status.ShouldBe(HttpStatusCode.TooManyRequests);
        problem.GetProperty("code").GetString().ShouldBe("stream_limit");
        problem.GetProperty("retryable").GetBoolean().ShouldBeTrue();

        await second.DisposeAsync();
        var hasRoom = false;
        await Eventually.BecomesAsync(true, () => hasRoom = hasRoom || StatusAsync(gateway.Http).GetAwaiter().GetResult() == HttpStatusCode.OK, "room for a stream");
    }

    [Theory]
    [InlineData("requests-per-second = 0", "registry.http.limits.requests-per-second")]
    [InlineData("requests-per-second = many", "registry.http.limits.requests-per-second")]
    [InlineData("burst = 999", "registry.http.limits.burst")]
    [InlineData("streams = -1", "registry.http.limits.streams")]
    [InlineData("connections = 0", "registry.http.limits.connections")]
    public void A_limit_of_no_use_is_refused_by_name(string setting, string named) =>
        Should.Throw<ConfigurationException>(() => RequestLimits.From(ConfigurationFactory.ParseString($"registry.http.limits {{ {setting} }}"))).Message.ShouldContain(named);

    [Fact]
    public async Task Bad_requests_of_every_kind_are_refused_and_nothing_of_them_stays()
    {
        await using var gateway = await RealGateway.StartAsync();
        using var requests = new BadRequests(gateway.Url);
        var statuses = new System.Collections.Concurrent.ConcurrentDictionary<int, int>();
        // One lap more than the kinds, to the large body that comes seldom.
        await Parallel.ForAsync(0, 10 * BadRequests.Kinds + 1, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, cancellationToken) =>
            statuses[await requests.SendAsync(number, cancellationToken)] = number);

        statuses.Keys.ShouldAllBe(status => status == 0 || status == 505 || status >= 400 && status < 500, $"{string.Join(", ", statuses)}");
        statuses.Keys.ShouldContain(404);
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("good"));
    }

    private static HttpClient Caller(SecuredGateway secured, string id) => new() { BaseAddress = secured.Gateway.Url, DefaultRequestHeaders = { Authorization = new("Bearer", secured.KeyOf(id)) } };

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http)
    {
        using var response = await http.GetAsync(new Uri("/v1/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        return response.StatusCode;
    }
}
