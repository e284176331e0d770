using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Security;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Telemetry;

namespace Registry.Host.Tests.Audit;

/// <summary>A real gateway, real tubes and connections, and what the audit says of them.</summary>
public sealed class AuditedGatewayTests
{
    [Fact]
    public async Task A_forward_and_its_connections_are_found_in_the_audit()
    {
        using var folder = new TemporaryFolder();
        await using var server = await ByteServer.StartAsync();
        string tube;
        await using (var gateway = await RealGateway.WithAsync($"registry.audit {{ file.path = \"{folder.File("audit.jsonl")}\", database.path = \"{folder.File("audit.db")}\" }}", $"{server.EndPoint.Address}:{server.EndPoint.Port}"))
        {
            await using (var forward = await gateway.ForwardAsync(server.EndPoint))
            {
                tube = forward.Last.TubeId;
                using var http = new HttpClient { BaseAddress = new($"http://{forward.Listen}") };
                (await http.GetByteArrayAsync(new Uri("/100000", UriKind.Relative))).Length.ShouldBe(100_000);
            }

            JsonElement items = default;
            await Eventually.BecomesAsync(4, () => (items = gateway.SendAsync(HttpMethod.Get, $"/v1/audit?tube={tube}").GetAwaiter().GetResult().Body.GetProperty("items")).GetArrayLength(), "records");
            var connection = items.EnumerateArray().Single(item => item.GetProperty("kind").GetString() == "connection_end");
            (connection.GetProperty("target").GetString(), connection.GetProperty("dialled").GetString()).ShouldBe((server.EndPoint.ToString(), server.EndPoint.ToString()));
            connection.GetProperty("bytesSent").GetInt64().ShouldBeInRange(100_000, 102_000);
            var end = items.EnumerateArray().Single(item => item.GetProperty("kind").GetString() == "tube_end");
            end.GetProperty("bytesSent").GetInt64().ShouldBeGreaterThan(100_000);
            (await gateway.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).ShouldMatch("registry_audit_records_total\\{[^}]*store=\"file\"");
        }

        var lines = AuditLogTests.Lines(folder.File("audit.jsonl"));
        AuditLogTests.ShouldBeWhole(lines);
        lines.Length.ShouldBe(4);
    }

    [Fact]
    public async Task Who_asked_for_an_end_is_in_its_record_and_in_the_log_and_who_asked_for_more_in_the_log()
    {
        using var folder = new TemporaryFolder();
        var (root, rootLine) = ApiKeys.Create("root", [Roles.Operator], null);
        var (laptop, laptopLine) = ApiKeys.Create("laptop", [Roles.Creator], "alice");
        await File.WriteAllLinesAsync(folder.File("keys"), [rootLine, laptopLine]);
        var log = new RecordedLog();
        await using var gateway = await RealGateway.WithAsync($"registry.auth.keys = \"{folder.File("keys")}\"\nregistry.audit.database.path = \"{folder.File("audit.db")}\"", log);
        void As(string key) => gateway.Http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        async Task AskAsync(string method, string path, object? body = null) => ((int)(await gateway.SendAsync(new(method), path, body)).Status).ShouldBeInRange(200, 299, path);

        As(laptop);
        foreach (var id in new[] { "first", "second", "third" })
            await gateway.CreateTubeAsync(id, tubeId: id);
        var token = (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes/third/tokens", new { })).Body.GetProperty("token").GetString()!;
        await AskAsync("DELETE", "/v1/tubes/first");
        await AskAsync("DELETE", "/v1/conversations/second");
        As(token);
        await AskAsync("DELETE", "/v1/tubes/third");
        As(root);
        await AskAsync("DELETE", "/v1/tubes/second");
        await AskAsync("PUT", "/v1/capacity/limits", new { maxTubes = 5 });
        await AskAsync("POST", "/v1/node/drain", new { deadlineMs = 60_000 });
        await AskAsync("DELETE", "/v1/node/drain");
        await AskAsync("POST", "/v1/node/reload", new { });

        JsonElement ends = default;
        await Eventually.BecomesAsync(3, () => (ends = gateway.SendAsync(HttpMethod.Get, "/v1/audit?kind=tube_end").GetAwaiter().GetResult().Body.GetProperty("items")).GetArrayLength(), "ends");
        ends.EnumerateArray().Select(end => $"{end.GetProperty("tubeId")} {end.GetProperty("closedBy")} {end.GetProperty("reason")}")
            .ShouldBe(["first laptop Client", "second root AdminClosed", "third tube_token Client"], ignoreOrder: true);
        var lines = string.Join('\n', await log.UntilAsync(text => text.Contains("the settings to be read again", StringComparison.Ordinal) && text.Contains("closed by root", StringComparison.Ordinal)));
        foreach (var said in new[]
        {
            "Tube first of conversation first closed by laptop: Client:", "Conversation second of tube second closed by laptop: Client:", "Tube third of conversation third closed by tube_token: Client:",
            "Tube second of conversation second closed by root: AdminClosed:", "root asked for other limits: max tubes: 5\n", " within 60 s\n", " back in service", "root asked for the settings to be read again",
        })
            lines.ShouldContain(said);
    }

    [SmallDiskTheory]
    [InlineData("file")]
    public async Task A_strict_gateway_refuses_creates_and_is_not_ready_while_its_disk_is_full(string store)
    {
        await using var disk = await SmallDisk.MountAsync();
        await using var gateway = await RealGateway.WithAsync($"registry.audit {{ mode = strict, {store}.path = \"{disk.File("audit")}\" }}");
        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("before"));
        disk.Fill();

        (HttpStatusCode Status, JsonElement Body) answer = default;
        for (var i = 0; answer.Status != HttpStatusCode.ServiceUnavailable; i++)
            answer = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId = $"full-{i}", settings = RealGateway.Echo });
        (answer.Body.GetProperty("code").GetString(), answer.Body.GetProperty("retryable").GetBoolean(), answer.Body.GetProperty("retryAfterMs").GetInt64()).ShouldBe(("audit_unavailable", true, 1000));
        await Eventually.BecomesAsync(HttpStatusCode.ServiceUnavailable, () => ReadyAsync(gateway).GetAwaiter().GetResult(), "readiness");

        disk.Empty();
        await Eventually.BecomesAsync(HttpStatusCode.OK, () => ReadyAsync(gateway).GetAwaiter().GetResult(), "readiness");
        await gateway.CreateTubeAsync("after");
    }

    private static async Task<HttpStatusCode> ReadyAsync(RealGateway gateway)
    {
        using var response = await gateway.Http.GetAsync(new Uri("/readyz", UriKind.Relative));
        return response.StatusCode;
    }
}
