using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;

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
