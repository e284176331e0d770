using System.Net;
using System.Text.Json;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Security;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.Telemetry;

namespace Registry.Host.Tests.Security;

/// <summary>JSON web tokens whose keys are fetched from their issuer.</summary>
public sealed class IssuerKeysTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan pause = IssuerKeys.Pause + TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider time = new(DateTimeOffset.UtcNow);
    private readonly RecordedLog log = new();
    private PlayedIssuer issuer = null!;
    private ScriptedGateway gateway = null!;

    public async Task InitializeAsync()
    {
        issuer = await PlayedIssuer.StartAsync();
        gateway = await ScriptedGateway.StartAsync(time, issuer.Setting, log);
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await issuer.DisposeAsync();
    }

    public void Dispose() => log.Dispose();

    [Fact]
    public async Task Keys_are_found_by_the_metadata_and_again_when_a_token_names_another()
    {
        var first = issuer.Token();
        foreach (var _ in Enumerable.Range(0, 5))
            (await AskAsync(first)).Status.ShouldBe(HttpStatusCode.OK);
        issuer.Asked.ShouldBe(1);
        issuer.Roll("k2");
        // Not before the pause is over: whoever names keys that there are not would make the gateway ask for each.
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.Unauthorized);
        issuer.Asked.ShouldBe(1);

        time.Advance(pause);
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.OK);
        (await AskAsync(first)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        issuer.Asked.ShouldBe(2);
    }

    [Fact]
    public async Task While_the_issuer_cannot_be_asked_a_token_is_neither_taken_nor_counted_as_wrong()
    {
        issuer.IsDown = true;
        for (var i = 0; i < 2 * FailedAttempts.Burst; i++)
        {
            var (status, body) = await AskAsync(issuer.Token());
            status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            body.GetProperty("code").GetString().ShouldBe("issuer_unreachable");
            body.GetProperty("retryable").GetBoolean().ShouldBeTrue();
            body.GetProperty("retryAfterMs").GetInt64().ShouldBeGreaterThan(0);
        }

        issuer.Asked.ShouldBe(1);
        (await AskAsync(issuer.Token("https://somebody.example"))).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await AskAsync("nonsense")).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await log.UntilAsync(text => text.Contains("metadata-url", StringComparison.Ordinal))).Count(line => line.Contains("registry.auth.jwt.metadata-url: the keys of the token issuer", StringComparison.Ordinal)).ShouldBe(1);

        issuer.IsDown = false;
        time.Advance(pause);
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_is_known_holds_on_while_the_issuer_is_away()
    {
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.OK);
        issuer.IsDown = true;
        time.Advance(TimeSpan.FromHours(2));
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.OK);
        await Eventually.BecomesAsync(2, () => issuer.Asked, "times it was asked");
        await log.UntilAsync(text => text.Contains("metadata-url", StringComparison.Ordinal));
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.OK);
        issuer.Roll("k2");
        (await AskAsync(issuer.Token())).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
    }

    [Fact]
    public void Metadata_in_the_clear_is_for_loopback_only() =>
        Should.Throw<ConfigurationException>(() => SecuritySettings.From(ConfigurationFactory.ParseString("registry.auth.jwt { issuer = i, audience = a, metadata-url = \"http://login.example/\" }")))
            .Message.ShouldContain("registry.auth.jwt.metadata-url must be an https URL");

    private async Task<(HttpStatusCode Status, JsonElement Body)> AskAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/capacity") { Headers = { Authorization = new("Bearer", token) } };
        using var response = await gateway.Http.SendAsync(request).WaitAsync(Eventually.Patience);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }
}
