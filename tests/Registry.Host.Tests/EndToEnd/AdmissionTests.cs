using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Limits over HTTP against the real registry, with creates that stay in flight until a test lets them go.</summary>
public sealed class AdmissionTests : IAsyncLifetime
{
    private CredentialsEndpoint relay = null!;
    private RealGateway gateway = null!;

    public async Task InitializeAsync()
    {
        relay = await CredentialsEndpoint.StartAsync();
        gateway = await RealGateway.WithAsync($"{relay.Setting()}\nregistry.tube {{ initializing-timeout = 10m, connecting-timeout = 10m }}");
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await relay.DisposeAsync();
    }

    [Fact]
    public async Task A_create_above_the_limit_is_refused_with_counts_and_when_to_come_back()
    {
        await LimitAsync(new { maxConcurrentCreates = 2 });
        var inFlight = await StartCreatesAsync(2);

        using var refused = await gateway.Http.PostAsJsonAsync("/v1/tubes", Create("third"));

        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        problem.GetProperty("code").GetString().ShouldBe("overloaded");
        problem.GetProperty("retryable").GetBoolean().ShouldBeTrue();
        problem.GetProperty("activeCreates").GetInt32().ShouldBe(2);
        problem.GetProperty("limit").GetInt32().ShouldBe(2);
        var retryAfterMs = problem.GetProperty("retryAfterMs").GetInt64();
        retryAfterMs.ShouldBeGreaterThan(0);
        refused.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(Math.Ceiling(retryAfterMs / 1000.0)));
        var capacity = await CapacityAsync();
        capacity.GetProperty("canAcceptMore").GetBoolean().ShouldBeFalse();
        capacity.GetProperty("activeCreates").GetInt32().ShouldBe(2);
        capacity.GetProperty("loadPercentage").GetInt32().ShouldBe(100);
        capacity.GetProperty("totalRejected").GetInt32().ShouldBe(1);

        relay.Answer();
        (await Task.WhenAll(inFlight)).ShouldAllBe(create => create.Status == HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_limit_that_is_raised_lets_in_who_waits()
    {
        await LimitAsync(new { maxConcurrentCreates = 1 });
        var first = await StartCreatesAsync(1);
        var waiting = gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("waiting", maxWaitMs: 600_000));
        await Eventually.BecomesAsync(1, () => gateway.Registry.Capacity.Waiting, "waiting creates");
        (await CapacityAsync()).GetProperty("waiting").GetInt32().ShouldBe(1);

        var after = await LimitAsync(new { maxConcurrentCreates = 2 });

        after.GetProperty("activeCreates").GetInt32().ShouldBe(2);
        after.GetProperty("waiting").GetInt32().ShouldBe(0);
        relay.Answer();
        (await waiting).Status.ShouldBe(HttpStatusCode.Created);
        (await first[0]).Status.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_full_waiting_room_and_a_wait_that_ends_are_overload()
    {
        await LimitAsync(new { maxConcurrentCreates = 1, maxWaiting = 0 });
        await StartCreatesAsync(1);
        (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("no-room", maxWaitMs: 600_000))).Body.GetProperty("code").GetString().ShouldBe("overloaded");

        await LimitAsync(new { maxWaiting = 1 });
        var (status, problem) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("waited", maxWaitMs: 1));

        status.ShouldBe(HttpStatusCode.TooManyRequests);
        problem.GetProperty("retryAfterMs").GetInt64().ShouldBeGreaterThan(0);
        problem.GetProperty("limit").GetInt32().ShouldBe(1);
        gateway.Registry.Capacity.Waiting.ShouldBe(0);
    }

    [Fact]
    public async Task An_owner_at_its_limit_is_refused_and_others_are_not()
    {
        relay.Answer();
        await LimitAsync(new { maxTubesPerOwner = 1 });
        var tube = await gateway.CreateTubeAsync("c1", owner: "o");

        var (status, problem) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("c2", owner: "o"));

        status.ShouldBe(HttpStatusCode.TooManyRequests);
        problem.GetProperty("code").GetString().ShouldBe("owner_limit");
        problem.GetProperty("limit").GetInt32().ShouldBe(1);
        problem.GetProperty("retryAfterMs").GetInt64().ShouldBeGreaterThan(0);
        await gateway.CreateTubeAsync("c3", owner: "another");
        await gateway.CreateTubeAsync("c4");
        await gateway.CloseTubeAsync(tube);
        await gateway.CreateTubeAsync("c2", owner: "o");
    }

    [Fact]
    public async Task Limits_are_changed_in_part_and_a_wrong_one_changes_none()
    {
        var before = await CapacityAsync();
        var answer = await LimitAsync(new { maxTubes = 3, maxWaiting = 0 });
        answer.ToString().ShouldBe((await CapacityAsync()).ToString());
        answer.GetProperty("maxTubes").GetInt32().ShouldBe(3);
        answer.GetProperty("maxWaiting").GetInt32().ShouldBe(0);
        foreach (var untouched in new[] { "maxConcurrentCreates", "maxTubesPerOwner" })
            answer.GetProperty(untouched).GetInt32().ShouldBe(before.GetProperty(untouched).GetInt32());

        foreach (var (wrong, body) in new (string, object)[]
        {
            ("maxConcurrentCreates", new { maxTubes = 9, maxConcurrentCreates = 0 }),
            ("maxTubes", new { maxTubes = 0, maxWaiting = 9 }),
            ("maxTubesPerOwner", new { maxTubes = 9, maxTubesPerOwner = -1 }),
            ("maxWaiting", new { maxTubes = 9, maxWaiting = -1 }),
            ("maxTubs", new { maxTubes = 9, maxTubs = 1 }),
        })
        {
            var (status, problem) = await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", body);
            status.ShouldBe(HttpStatusCode.BadRequest);
            problem.GetProperty("code").GetString().ShouldBe("invalid_request");
            problem.GetProperty("field").GetString().ShouldBe(wrong);
        }
        (await CapacityAsync()).ToString().ShouldBe(answer.ToString());
    }

    [Fact]
    public async Task A_create_that_outlasts_its_callers_patience_is_cancelled()
    {
        var (status, problem) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("c", timeoutMs: 1));
        status.ShouldBe(HttpStatusCode.GatewayTimeout);
        problem.GetProperty("code").GetString().ShouldBe("create_timeout");

        using var leave = new CancellationTokenSource();
        var abandoned = gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("c"), leave.Token);
        await Eventually.BecomesAsync(1, () => gateway.Registry.Capacity.ActiveCreates, "creates");
        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(abandoned);

        await Eventually.BecomesAsync(0, () => gateway.Registry.Capacity.ActiveCreates, "creates");
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tube actors");
    }

    [Fact]
    public async Task A_relay_that_fails_is_named_as_unavailable_for_now()
    {
        relay.Answer(StatusCodes.Status500InternalServerError);

        using var response = await gateway.Http.PostAsJsonAsync("/v1/tubes", Create("c"));

        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        problem.GetProperty("code").GetString().ShouldBe("relay_unavailable");
        problem.GetProperty("retryable").GetBoolean().ShouldBeTrue();
    }

    [Theory]
    [InlineData("owner")]
    [InlineData("requestKey")]
    public async Task A_text_that_is_empty_or_too_long_is_named(string field)
    {
        foreach (var text in new[] { "", new string('x', 129) })
        {
            var (status, problem) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", new Dictionary<string, object> { ["conversationId"] = "c", ["settings"] = RealGateway.Echo, [field] = text });
            status.ShouldBe(HttpStatusCode.BadRequest);
            problem.GetProperty("field").GetString().ShouldBe(field);
        }
    }

    private async Task<Task<(HttpStatusCode Status, JsonElement Body)>[]> StartCreatesAsync(int count)
    {
        Task<(HttpStatusCode, JsonElement)>[] creates = [.. Enumerable.Range(1, count).Select(number => gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create($"c{number}")))];
        await Eventually.BecomesAsync(count, () => gateway.Registry.Capacity.ActiveCreates, "creates");
        return creates;
    }

    private async Task<JsonElement> LimitAsync(object limits)
    {
        var (status, capacity) = await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", limits);
        status.ShouldBe(HttpStatusCode.OK, capacity.ToString());
        return capacity;
    }

    private async Task<JsonElement> CapacityAsync() => (await gateway.SendAsync(HttpMethod.Get, "/v1/capacity")).Body;

    private static object Create(string conversationId, string? owner = null, long? maxWaitMs = null, long? timeoutMs = null) =>
        new { conversationId, settings = RealGateway.Echo, owner, maxWaitMs, timeoutMs };
}
