using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Registry.Host.Audit;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.Security;
using Registry.Messages;

namespace Registry.Host.Tests.Audit;

/// <summary><c>GET /v1/audit</c>: whose records are seen, in pages, and what is wrong with a question is named.</summary>
public sealed class AuditApiTests : IAsyncLifetime
{
    private SecuredGateway gateway = null!;

    public async Task InitializeAsync()
    {
        gateway = await SecuredGateway.StartAsync();
        foreach (var (id, owner) in new[] { ("1", "alice"), ("2", "bob"), ("3", null), ("4", "alice") })
        {
            Log.Write(Records.Start(id, owner));
            Log.Write(Records.End(Records.Start(id, owner)));
        }

        await Eventually.BecomesAsync(8L, () => Log.Stores.Single().Written, "written");
    }

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    private AuditLog Log => gateway.Gateway.Services.GetRequiredService<AuditLog>();

    [Theory]
    [InlineData("viewer", "", "4 4 3 3 2 2 1 1")]
    [InlineData("operator", "?owner=bob", "2 2")]
    [InlineData("alice", "", "4 4 1 1")]
    [InlineData("alice", "?owner=alice&kind=tube_start", "4 1")]
    [InlineData("bob", "", "2 2")]
    [InlineData("bob", "?tube=tube-1", "")]
    [InlineData("bob", "?conversation=talk-1", "")]
    [InlineData("viewer", "?conversation=talk-3&kind=tube_end", "3")]
    [InlineData("viewer", "?since=2026-11-28T12:01:30Z", "4 3 2 1")]
    [InlineData("viewer", "?until=2026-11-28T13:01:30%2B01:00&tube=tube-1", "1")]
    public async Task Owners_see_their_own_and_viewers_all(string caller, string query, string ids)
    {
        var (status, body) = await GetAsync(caller, query);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        string.Join(' ', body.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString())).ShouldBe(ids);
    }

    [Fact]
    public async Task A_record_is_told_as_it_was_written()
    {
        var (_, body) = await GetAsync("alice", "?tube=tube-1");
        var end = body.GetProperty("items")[0];
        end.GetProperty("kind").GetString().ShouldBe("tube_end");
        end.GetProperty("reason").GetString().ShouldBe("Client");
        end.GetProperty("caller").GetString().ShouldBe("laptop");
        end.GetProperty("closedBy").GetString().ShouldBe("desk");
        end.GetProperty("durationMs").GetInt64().ShouldBe(90_000);
        end.TryGetProperty("dialled", out _).ShouldBeFalse();
        body.TryGetProperty("nextCursor", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Pages_follow_each_other_while_records_come()
    {
        var ids = new List<string>();
        string? cursor = null;
        do
        {
            var (_, body) = await GetAsync("viewer", $"?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}");
            ids.AddRange(body.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            cursor = body.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
            Log.Write(Records.Denied(string.Create(CultureInfo.InvariantCulture, $"later {ids.Count}")));
        }
        while (cursor is not null);

        ids.ShouldBe(["4", "4", "3", "3", "2", "2", "1", "1"]);
    }

    [Theory]
    [InlineData("?kind=tube_open", "kind")]
    [InlineData("?kind=TubeStart", "kind")]
    [InlineData("?since=yesterday", "since")]
    [InlineData("?until=", "until")]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=1001", "limit")]
    [InlineData("?cursor=-1", "cursor")]
    [InlineData("?cursor=99999999999999999999", "cursor")]
    public async Task What_is_wrong_is_named(string query, string field)
    {
        var (status, body) = await GetAsync("viewer", query);
        status.ShouldBe(HttpStatusCode.BadRequest);
        (body.GetProperty("code").GetString(), body.GetProperty("field").GetString()).ShouldBe(("invalid_request", field));
    }

    [Fact]
    public async Task The_key_s_name_goes_with_each_create_whatever_the_caller_says()
    {
        gateway.Registry.Answer = command => Task.FromResult<RegistryReply>(command is CreateTube create ? new TubeCreated(new("t"), create.ConversationId, "n", TubeState.Connecting) : Done.Instance);
        await gateway.SendAsync(gateway.KeyOf("alice"), "POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""");
        gateway.Registry.Commands.OfType<CreateTube>().Single().Caller.ShouldBe("alice");
        (await gateway.SendAsync(gateway.KeyOf("alice"), "POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"caller":"bob"}""")).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task The_audit_s_state_is_told_and_a_gateway_without_a_database_says_so()
    {
        var (_, state) = await gateway.SendAsync(gateway.KeyOf("viewer"), "GET", "/v1/node/audit");
        state.GetProperty("mode").GetString().ShouldBe("strict");
        var store = state.GetProperty("stores").EnumerateArray().Single();
        (store.GetProperty("store").GetString(), store.GetProperty("isWritable").GetBoolean(), store.GetProperty("lost").GetInt64()).ShouldBe(("database", true, 0));

        await using var without = await ScriptedGateway.StartAsync();
        var (status, body) = await without.SendAsync(HttpMethod.Get, "/v1/audit");
        (status, body.GetProperty("code").GetString()).ShouldBe((HttpStatusCode.NotFound, "audit_not_kept"));
        body.GetProperty("detail").GetString()!.ShouldContain("registry.audit.database.path");
    }

    private Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(string caller, string query) => gateway.SendAsync(gateway.KeyOf(caller), "GET", $"/v1/audit{query}");
}
