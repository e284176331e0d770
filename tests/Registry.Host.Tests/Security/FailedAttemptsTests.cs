using System.Net;
using System.Text.Json;
using Registry.Host.Security;
using Registry.Host.Tests.Api;
using Registry.Messages;

namespace Registry.Host.Tests.Security;

/// <summary>What wrong keys cost those that send them, and not their neighbours.</summary>
public sealed class FailedAttemptsTests
{
    [Fact]
    public async Task An_address_that_guesses_is_not_answered_for_a_while_and_its_neighbours_with_keys_are()
    {
        await using var secured = await SecuredGateway.StartAsync();
        secured.Registry.Reply = Done.Instance;
        var token = (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens", "{}")).Body.GetProperty("token").GetString();

        var body = await GuessAsync(secured);

        body.GetProperty("code").GetString().ShouldBe("too_many_failures");
        body.GetProperty("retryable").GetBoolean().ShouldBeTrue();
        body.GetProperty("retryAfterMs").GetInt64().ShouldBeGreaterThan(0);
        (await secured.SendAsync(secured.KeyOf("alice"), "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync("tr_alice_guessed", "GET", "/healthz")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_a_trusted_proxy_says_of_its_client_counts()
    {
        await using var secured = await SecuredGateway.StartAsync(settings: "registry.http.trusted-proxies = [\"127.0.0.1\"]");
        // Whatever the client wrote before the proxy came to it.
        var attempt = 0;
        await UntilBlockedAsync(() => StatusAsync(secured, $"198.51.100.{attempt++ % 250}, 203.0.113.7"));

        (await StatusAsync(secured, "203.0.113.8")).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(secured, "203.0.113.7, 203.0.113.8")).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_header_of_anybody_else_is_not_read()
    {
        await using var secured = await SecuredGateway.StartAsync(settings: "registry.http.trusted-proxies = [\"192.0.2.0/24\"]");
        var attempt = 0;
        await UntilBlockedAsync(() => StatusAsync(secured, $"203.0.113.{attempt++ % 250}"));
    }

    [Theory]
    [InlineData("registry.http.trusted-proxies = [\"10.0.0.1/24\"]")]
    [InlineData("registry.http.trusted-proxies = [\"10.0.0.0/33\"]")]
    [InlineData("registry.http.trusted-proxies = [\"proxy.example\"]")]
    [InlineData("registry.http.trusted-proxies = \"10.0.0.0/8\"")]
    public void A_network_of_no_use_is_refused_by_name(string setting) =>
        Should.Throw<Akka.Configuration.ConfigurationException>(() => SecuritySettings.From(Akka.Configuration.ConfigurationFactory.ParseString(setting))).Message.ShouldContain("registry.http.trusted-proxies");

    /// <summary>Sends wrong keys until they are not answered any more.</summary>
    /// <returns>The problem.</returns>
    internal static async Task<JsonElement> GuessAsync(SecuredGateway secured)
    {
        JsonElement body = default;
        await UntilBlockedAsync(async () =>
        {
            (var status, body) = await secured.SendAsync("tr_alice_guessed", "GET", "/v1/capacity");
            return status;
        });
        return body;
    }

    private static async Task UntilBlockedAsync(Func<Task<HttpStatusCode>> guess)
    {
        var wrong = 0;
        // One is forgiven every few seconds.
        while (wrong < 10 * FailedAttempts.Burst && await guess() is var status && status != HttpStatusCode.TooManyRequests)
        {
            status.ShouldBe(HttpStatusCode.Unauthorized);
            wrong++;
        }

        wrong.ShouldBeInRange(FailedAttempts.Burst, 10 * FailedAttempts.Burst - 1);
    }

    private static async Task<HttpStatusCode> StatusAsync(SecuredGateway secured, string forwardedFor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/capacity");
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        request.Headers.Authorization = new("Bearer", "tr_alice_guessed");
        using var response = await secured.Gateway.Http.SendAsync(request);
        return response.StatusCode;
    }
}
