using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Registry.Host.Api;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Refusals of real gateways, each for the cause that its code names.</summary>
public sealed class RefusalTests
{
    private static readonly object[] unparsable = ["candidate:1 one udp"];

    [Fact]
    public async Task What_stands_in_the_way_is_named_by_its_code()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var gateway = await RealGateway.WithAsync("registry { channels.listen = loopback, tube.max-channels = 1 }");
        await gateway.CreateTubeAsync("talk", owner: "o", tubeId: "tube");
        (await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", new { maxTubesPerOwner = 1 })).Status.ShouldBe(HttpStatusCode.OK);

        await ShouldAllBeRefusedAsync(gateway,
        [
            ("conversation_exists", HttpMethod.Post, "/v1/tubes", Create("talk")),
            ("owner_limit", HttpMethod.Post, "/v1/tubes", Create("more", owner: "o")),
            ("channel_limit", HttpMethod.Post, "/v1/tubes", Create("more", tubeId: "tube")),
            ("channel_limit", HttpMethod.Put, "/v1/tubes/tube/conversations/more", null),
            ("listen_failed", HttpMethod.Post, "/v1/tubes", new { conversationId = "more", settings = new { conversationType = "tunnel", local_listen_addr = taken.LocalEndpoint.ToString() } }),
            ("tube_not_ready", HttpMethod.Post, "/v1/tubes/tube/ice-restart", new { }),
            ("tube_not_found", HttpMethod.Delete, "/v1/tubes/none", null),
            ("conversation_not_found", HttpMethod.Delete, "/v1/conversations/none", null),
            ("node_not_found", HttpMethod.Delete, "/v1/nodes/none/drain", null),
            ("invalid_settings", HttpMethod.Post, "/v1/tubes", new { conversationId = "more", settings = new { conversationType = "smoke" } }),
            ("invalid_sdp", HttpMethod.Put, "/v1/tubes/tube/remote-description", new { type = "answer", sdp = "YQ==" }),
            ("invalid_candidate", HttpMethod.Post, "/v1/tubes/tube/candidates", new { candidates = unparsable }),
        ]);

        (await gateway.SendAsync(HttpMethod.Post, "/v1/node/drain", new { deadlineMs = 600_000 })).Status.ShouldBe(HttpStatusCode.Accepted);
        await ShouldAllBeRefusedAsync(gateway, [("draining", HttpMethod.Post, "/v1/tubes", Create("more")), ("draining", HttpMethod.Get, "/readyz", null)]);
    }

    [Fact]
    public async Task A_relay_that_does_not_answer_keeps_creates_in_flight_and_one_that_fails_refuses_them()
    {
        await using var relay = await CredentialsEndpoint.StartAsync();
        await using var gateway = await RealGateway.WithAsync($"{relay.Setting()}\nregistry.tube.initializing-timeout = 10m");
        var slow = gateway.SendAsync(HttpMethod.Post, "/v1/tubes", Create("slow", tubeId: "slow"));
        await Eventually.BecomesAsync(1, () => gateway.Registry.Capacity.ActiveCreates, "creates");

        await ShouldAllBeRefusedAsync(gateway,
        [
            ("create_timeout", HttpMethod.Post, "/v1/tubes", Create("hasty", timeoutMs: 1)),
            ("tube_not_ready", HttpMethod.Post, "/v1/tubes", Create("more", tubeId: "slow")),
        ]);
        (await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", new { maxConcurrentCreates = 1 })).Status.ShouldBe(HttpStatusCode.OK);
        await ShouldAllBeRefusedAsync(gateway, [("overloaded", HttpMethod.Post, "/v1/tubes", Create("more"))]);

        relay.Answer(StatusCodes.Status500InternalServerError);
        ShouldBeRefused("relay_unavailable", await slow);
    }

    [Fact]
    public async Task Nothing_begins_while_a_strict_audit_cannot_be_written()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("audit.db");
        await using var gateway = await RealGateway.WithAsync($"registry.audit {{ mode = strict, database.path = \"{path}\" }}");
        await gateway.CreateTubeAsync("before");
        await using (var other = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            await other.OpenAsync();
            await using var drop = new SqliteCommand("DROP TABLE records", other);
            await drop.ExecuteNonQueryAsync();
        }

        await ShouldAllBeRefusedAsync(gateway, [("audit_unavailable", HttpMethod.Post, "/v1/tubes", Create("after")), ("audit_unavailable", HttpMethod.Get, "/readyz", null)]);
    }

    private static async Task ShouldAllBeRefusedAsync(RealGateway gateway, IEnumerable<(string Code, HttpMethod Method, string Path, object? Body)> calls)
    {
        foreach (var (code, method, path, body) in calls)
            ShouldBeRefused(code, await gateway.SendAsync(method, path, body));
    }

    private static void ShouldBeRefused(string code, (HttpStatusCode Status, JsonElement Body) answer)
    {
        answer.Body.ToString().ShouldContain($"\"code\":\"{code}\"");
        ProblemCodes.All[code].Statuses.ShouldContain((int)answer.Status, code);
        answer.Body.GetProperty("retryable").GetBoolean().ShouldBe(ProblemCodes.All[code].Retryable, code);
        answer.Body.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty(code);
    }

    private static object Create(string conversationId, string? owner = null, string? tubeId = null, long? timeoutMs = null) =>
        new { conversationId, settings = RealGateway.Echo, owner, tubeId, timeoutMs };
}
