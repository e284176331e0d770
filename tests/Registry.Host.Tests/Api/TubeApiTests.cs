using System.Net;
using System.Text;
using System.Text.Json;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

public sealed class TubeApiTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private ScriptedGateway gateway = null!;

    public async Task InitializeAsync() => gateway = await ScriptedGateway.StartAsync();

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Fact]
    public async Task Create_passes_every_field_on_and_answers_201_with_a_location()
    {
        gateway.Registry.Reply = new TubeCreated(new("t1"), new("c1"), "test-node", TubeState.Connecting) { Answer = "YW5zd2Vy", LocalListenAddress = "127.0.0.1:5000" };
        using var response = await gateway.Http.PostAsync("/v1/tubes", Json("""
            {"conversationId":"c1","settings":{"conversationType":"tunnel","target_host":"db","target_port":5432},"trickleIce":false,"offer":"b2ZmZXI=","tubeId":"t1","requestKey":"k",
             "owner":"o","maxWaitMs":1,"timeoutMs":2000,"idleTimeoutMs":60000,"maxAgeMs":31622400000,"maxBytesPerSecond":1048576}
            """));

        response.StatusCode.ShouldBe(HttpStatusCode.Created);
        response.Headers.Location!.ToString().ShouldBe("/v1/tubes/t1");
        var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        body.GetProperty("tubeId").GetString().ShouldBe("t1");
        body.GetProperty("state").GetString().ShouldBe("connecting");
        body.GetProperty("answer").GetString().ShouldBe("YW5zd2Vy");
        body.GetProperty("localListenAddress").GetString().ShouldBe("127.0.0.1:5000");
        body.TryGetProperty("offer", out _).ShouldBeFalse();
        var command = gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBeOfType<CreateTube>();
        command.ConversationId.ToString().ShouldBe("c1");
        command.Settings.ShouldBe(TunnelSettings.Dial("db", 5432));
        command.TrickleIce.ShouldBeFalse();
        command.Offer.ShouldBe("b2ZmZXI=");
        command.TubeId.ShouldBe(new TubeId("t1"));
        command.RequestKey.ShouldBe("k");
        command.Owner.ShouldBe("o");
        command.MaxWait.ShouldBe(TimeSpan.FromMilliseconds(1));
        command.Timeout.ShouldBe(TimeSpan.FromSeconds(2));
        command.IdleTimeout.ShouldBe(TimeSpan.FromMinutes(1));
        command.MaxAge.ShouldBe(TimeSpan.FromDays(366));
        command.MaxBytesPerSecond.ShouldBe(1 << 20);
    }

    [Fact]
    public async Task Create_leaves_what_is_not_given_to_the_registry()
    {
        gateway.Registry.Reply = new TubeCreated(new("t1"), new("c1"), "test-node", TubeState.Connecting) { Offer = "b2ZmZXI=" };
        (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", """{"conversationId":"c1","settings":{"conversationType":"echo"},"owner":null}""")).Status.ShouldBe(HttpStatusCode.Created);
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new CreateTube(new("c1"), new EchoSettings()));
    }

    [Theory]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"surprise":1}""", "surprise", "invalid_request")]
    [InlineData("""{"conversationId":7,"settings":{"conversationType":"echo"}}""", "conversationId", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"trickleIce":"yes"}""", "trickleIce", "invalid_request")]
    [InlineData("""{"conversationId":"c","conversationId":"d","settings":{"conversationType":"echo"}}""", "conversationId", "invalid_request")]
    [InlineData("""{"settings":{"conversationType":"echo"}}""", "conversationId", "invalid_request")]
    [InlineData("""{"conversationId":"c"}""", "settings", "invalid_request")]
    [InlineData("""{"conversationId":"c","tubeId":"a/b","settings":{"conversationType":"echo"}}""", "tubeId", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"teleport"}}""", "conversationType", "invalid_settings")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"tunnel","target_host":"h","target_port":1,"target_prot":2}}""", "target_prot", "invalid_settings")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"maxWaitMs":0}""", "maxWaitMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"timeoutMs":-1}""", "timeoutMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"idleTimeoutMs":31622400001}""", "idleTimeoutMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"maxAgeMs":9223372036854775807}""", "maxAgeMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"maxAgeMs":99999999999999999999}""", "maxAgeMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"timeoutMs":"1s"}""", "timeoutMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"timeoutMs":1.5}""", "timeoutMs", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"owner":["o"]}""", "owner", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{"conversationType":"echo"},"maxWait":1}""", "maxWait", "invalid_request")]
    [InlineData("""{"conversationId":"c","settings":{""", null, "invalid_request")]
    [InlineData("null", "body", "invalid_request")]
    [InlineData("[1]", "body", "invalid_request")]
    public async Task Create_refuses_a_wrong_body_and_names_the_member(string json, string? field, string code)
    {
        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", json);

        status.ShouldBe(HttpStatusCode.BadRequest);
        body.GetProperty("code").GetString().ShouldBe(code);
        body.GetProperty("retryable").GetBoolean().ShouldBeFalse();
        if (field is not null)
        {
            body.GetProperty("field").GetString().ShouldBe(field);
            body.GetProperty("detail").GetString()!.ShouldContain(field);
        }
        gateway.Registry.Commands.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("{oops", "The body is not a JSON object: line 1, byte 2.")]
    [InlineData("[1]", "The body is not a JSON object: line 1, byte 2.")]
    [InlineData("""{"conversationId":"c","settings":oops""", "The body is not a JSON object: line 1, byte 34, near 'settings'.")]
    public async Task Where_a_body_is_no_JSON_is_told_with_the_member_where_there_is_one(string json, string detail)
    {
        var (_, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", json);

        body.GetProperty("detail").GetString().ShouldBe(detail);
    }

    [Fact]
    public async Task A_body_that_is_not_declared_as_json_is_refused_because_a_foreign_page_could_send_it()
    {
        using var response = await gateway.Http.PostAsync("/v1/tubes", new StringContent("""{"conversationId":"c","settings":{"conversationType":"echo"}}""", Encoding.UTF8, "text/plain"));
        response.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        gateway.Registry.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_request_under_a_foreign_host_name_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/capacity");
        request.Headers.Host = "attacker.example:8080";
        using var response = await gateway.Http.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        // As registry.http.hosts takes it.
        (await response.Content.ReadAsStringAsync()).ShouldContain("'attacker.example' is none of this gateway's names.");
    }

    [Fact]
    public async Task A_body_above_the_limit_is_refused()
    {
        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", $$"""{"conversationId":"c","offer":"{{new string('a', 1 << 20)}}"}""");
        status.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        body.GetProperty("code").GetString().ShouldBe("body_too_large");
    }

    public static TheoryData<RefusalCode, int, bool> Refusals => new()
    {
        { RefusalCode.InvalidSettings, 400, false },
        { RefusalCode.InvalidRequest, 400, false },
        { RefusalCode.InvalidSdp, 400, false },
        { RefusalCode.InvalidCandidate, 400, false },
        { RefusalCode.TubeNotFound, 404, false },
        { RefusalCode.ConversationNotFound, 404, false },
        { RefusalCode.NodeNotFound, 404, false },
        { RefusalCode.ConversationExists, 409, false },
        { RefusalCode.TubeNotReady, 409, true },
        { RefusalCode.TubeClosing, 409, true },
        { RefusalCode.ListenFailed, 409, false },
        { RefusalCode.CreateCancelled, 409, false },
        { RefusalCode.Overloaded, 429, true },
        { RefusalCode.OwnerLimit, 429, true },
        { RefusalCode.ChannelLimit, 429, true },
        { RefusalCode.IceRestartLimit, 429, true },
        { RefusalCode.CreateFailed, 500, false },
        { RefusalCode.NotSupported, 501, false },
        { RefusalCode.InternalError, 500, false },
        { RefusalCode.Draining, 503, true },
        { RefusalCode.NodeUnreachable, 503, true },
        { RefusalCode.RelayUnavailable, 503, true },
        { RefusalCode.AuditUnavailable, 503, true },
        { RefusalCode.CreateTimeout, 504, true },
    };

    [Fact]
    public void Every_refusal_has_its_status_in_these_tests() =>
        Refusals.Select(row => (RefusalCode)row[0]).ShouldBe(Enum.GetValues<RefusalCode>(), ignoreOrder: true);

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_keeps_its_code_and_gets_its_status(RefusalCode refusal, int expected, bool retryable)
    {
        gateway.Registry.Reply = new Refused(refusal, "Because.") { Key = "key", TubeId = new TubeId("other") };
        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""");

        ((int)status).ShouldBe(expected);
        body.GetProperty("status").GetInt32().ShouldBe(expected);
        body.GetProperty("code").GetString().ShouldBe(refusal.Text);
        body.GetProperty("detail").GetString().ShouldBe(refusal == RefusalCode.Draining ? "Because. No other one is in service: try again when it is back, by 'registry drain --resume' or a new start." : "Because.");
        body.GetProperty("retryable").GetBoolean().ShouldBe(retryable);
        body.GetProperty("field").GetString().ShouldBe("key");
        body.GetProperty("tubeId").GetString().ShouldBe("other");
    }

    [Theory]
    [InlineData(RefusalCode.Overloaded, HttpStatusCode.TooManyRequests)]
    [InlineData(RefusalCode.OwnerLimit, HttpStatusCode.TooManyRequests)]
    [InlineData(RefusalCode.ChannelLimit, HttpStatusCode.TooManyRequests)]
    [InlineData(RefusalCode.RelayUnavailable, HttpStatusCode.ServiceUnavailable)]
    public async Task A_refusal_that_passes_says_when_to_come_back_in_header_and_body(RefusalCode refusal, HttpStatusCode status)
    {
        gateway.Registry.Reply = new Refused(refusal, "Full.") { RetryAfter = TimeSpan.FromMilliseconds(2100), ActiveCreates = 100, Limit = 100 };
        using var response = await gateway.Http.PostAsync("/v1/tubes", Json("""{"conversationId":"c","settings":{"conversationType":"echo"}}"""));

        response.StatusCode.ShouldBe(status);
        response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(3));
        var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        body.GetProperty("retryAfterMs").GetInt64().ShouldBe(2100);
        body.GetProperty("activeCreates").GetInt32().ShouldBe(100);
        body.GetProperty("limit").GetInt32().ShouldBe(100);
    }

    [Fact]
    public async Task A_registry_that_does_not_answer_is_a_504_and_a_bug_is_a_500_without_its_text()
    {
        gateway.Registry.Answer = _ => throw new TimeoutException();
        (await gateway.SendAsync(HttpMethod.Delete, "/v1/tubes/t")).Status.ShouldBe(HttpStatusCode.GatewayTimeout);

        gateway.Registry.Answer = _ => throw new InvalidOperationException("secret");
        var (status, body) = await gateway.SendAsync(HttpMethod.Delete, "/v1/tubes/t");
        status.ShouldBe(HttpStatusCode.InternalServerError);
        body.GetRawText().ShouldNotContain("secret");
    }

    [Fact]
    public async Task Remote_description_and_candidates_are_passed_on_and_answered_204()
    {
        (await gateway.SendAsync(HttpMethod.Put, "/v1/tubes/t1/remote-description", """{"type":"answer","sdp":"c2Rw"}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes/t1/candidates", """{"candidates":["a",""]}""")).Status.ShouldBe(HttpStatusCode.NoContent);

        gateway.Registry.Commands[0].ShouldBe(new SetRemoteDescription(new("t1"), DescriptionType.Answer, "c2Rw"));
        gateway.Registry.Commands[1].ShouldBeOfType<AddCandidates>().Candidates.ShouldBe(["a", ""]);
    }

    [Fact]
    public async Task An_ice_restart_and_an_offer_are_answered_with_the_description()
    {
        gateway.Registry.Answer = command => Task.FromResult<RegistryReply>(command is RestartIce restart
            ? new DescriptionMade(restart.TubeId, DescriptionType.Offer, "b2ZmZXI=")
            : new DescriptionMade(new("t1"), DescriptionType.Answer, "YW5zd2Vy"));

        var (status, offer) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes/t1/ice-restart");
        status.ShouldBe(HttpStatusCode.OK);
        offer.GetRawText().ShouldBe("""{"tubeId":"t1","type":"offer","sdp":"b2ZmZXI="}""");

        (status, var answer) = await gateway.SendAsync(HttpMethod.Put, "/v1/tubes/t1/remote-description", """{"type":"offer","sdp":"c2Rw"}""");
        status.ShouldBe(HttpStatusCode.OK);
        answer.GetRawText().ShouldBe("""{"tubeId":"t1","type":"answer","sdp":"YW5zd2Vy"}""");
        gateway.Registry.Commands.ShouldBe([new RestartIce(new("t1")), new SetRemoteDescription(new("t1"), DescriptionType.Offer, "c2Rw")]);
    }

    [Theory]
    [InlineData("PUT", "/v1/tubes/t1/remote-description", """{"type":"pranswer","sdp":"c2Rw"}""", "type")]
    [InlineData("PUT", "/v1/tubes/t1/remote-description", """{"type":"answer"}""", "sdp")]
    [InlineData("POST", "/v1/tubes/t1/candidates", """{"candidates":"a"}""", "candidates")]
    [InlineData("POST", "/v1/tubes/t1/candidates", """{}""", "candidates")]
    [InlineData("POST", "/v1/tubes/t1/candidates", """{"candidates":[null]}""", "candidates")]
    [InlineData("DELETE", "/v1/tubes/t1?reason=because", null, "reason")]
    [InlineData("DELETE", "/v1/tubes/a%20b", null, "tubeId")]
    [InlineData("GET", "/v1/tubes?stat=ready", null, "stat")]
    [InlineData("GET", "/v1/tubes?limit=5&=1", null, "")]
    [InlineData("GET", "/v1/events?last=5", null, "last")]
    [InlineData("DELETE", "/v1/tubes/t1?resaon=Client", null, "resaon")]
    [InlineData("GET", "/v1/capacity?node=a", null, "node")]
    [InlineData("POST", "/v1/node/drain?deadlineMs=5000", "{}", "deadlineMs")]
    [InlineData("POST", "/v1/tubes?owner=alice", """{"conversationId":"c","settings":{"conversationType":"echo"}}""", "owner")]
    [InlineData("GET", "/v1/tubes?limit=0", null, "limit")]
    [InlineData("GET", "/v1/tubes?limit=1001", null, "limit")]
    [InlineData("GET", "/v1/tubes?limit=-1", null, "limit")]
    [InlineData("GET", "/v1/tubes?limit=ten", null, "limit")]
    [InlineData("GET", "/v1/tubes?limit=", null, "limit")]
    [InlineData("GET", "/v1/tubes?limit=1&limit=2", null, "limit")]
    [InlineData("GET", "/v1/tubes?state=sleeping", null, "state")]
    [InlineData("GET", "/v1/tubes?state=", null, "state")]
    [InlineData("GET", "/v1/tubes?owner=", null, "owner")]
    [InlineData("GET", "/v1/tubes?filter=", null, "filter")]
    [InlineData("GET", "/v1/tubes?cursor=a%20b", null, "cursor")]
    [InlineData("GET", "/v1/tubes?cursor=", null, "cursor")]
    [InlineData("PUT", "/v1/tubes/a%20b/conversations/c", null, "tubeId")]
    [InlineData("PUT", "/v1/tubes/t1/conversations/a%0Ab", null, "conversationId")]
    [InlineData("DELETE", "/v1/conversations/a%0Ab", null, "conversationId")]
    [InlineData("DELETE", "/v1/tubes/t1?reason=NodeStopped", null, "reason")]
    [InlineData("DELETE", "/v1/tubes/t1?reason=65", null, "reason")]
    [InlineData("DELETE", "/v1/tubes/t1?reason=Client&reason=Normal", null, "reason")]
    [InlineData("DELETE", "/v1/conversations/c?reason=24", null, "reason")]
    [InlineData("DELETE", "/v1/conversations/c?reason=SecurityThreat", null, "reason")]
    [InlineData("PUT", "/v1/capacity/limits", """{"maxTube":1}""", "maxTube")]
    [InlineData("PUT", "/v1/capacity/limits", """{"maxTubes":"1"}""", "maxTubes")]
    [InlineData("PUT", "/v1/capacity/limits", """{"maxTubes":2147483648}""", "maxTubes")]
    [InlineData("GET", "/v1/tubes/t1/signals?after=x", null, "after")]
    public async Task Wrong_arguments_are_refused_and_named(string method, string path, string? json, string field)
    {
        var (status, body) = await gateway.SendAsync(new(method), path, json);
        status.ShouldBe(HttpStatusCode.BadRequest);
        body.GetProperty("field").GetString().ShouldBe(field);
        gateway.Registry.Commands.ShouldBeEmpty();
        gateway.Registry.Queries.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("", CloseReason.AdminClosed)]
    [InlineData("?reason=5", CloseReason.Client)]
    [InlineData("?reason=client", CloseReason.Client)]
    [InlineData("?reason=Normal", CloseReason.Normal)]
    [InlineData("?reason=15", CloseReason.AIClosed)]
    public async Task Close_takes_a_reason_as_number_or_name(string query, CloseReason reason)
    {
        (await gateway.SendAsync(HttpMethod.Delete, $"/v1/tubes/t1{query}")).Status.ShouldBe(HttpStatusCode.NoContent);
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new CloseTube(new("t1"), reason));
    }

    [Fact]
    public async Task A_tube_is_shown_with_history_traffic_and_after_its_end_with_its_reason()
    {
        var tube = Tube("t1", "c1", TubeState.Ready);
        gateway.Registry.Tubes[tube.TubeId] = tube;
        gateway.Registry.ClosedTubes[new("t2")] = Tube("t2", "c2", TubeState.Closed) with { CloseReason = CloseReason.Timeout, CloseText = "Late." };

        var (status, live) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/t1");
        status.ShouldBe(HttpStatusCode.OK);
        live.GetProperty("state").GetString().ShouldBe("ready");
        live.GetProperty("selectedPair").GetString().ShouldBe("host/host");
        live.GetProperty("conversations")[0].GetProperty("conversationId").GetString().ShouldBe("c1");
        live.GetProperty("history")[0].GetProperty("state").GetString().ShouldBe("new");
        live.GetProperty("traffic").GetProperty("roundTripMs").GetDouble().ShouldBe(1.5);
        live.GetProperty("createdAt").GetDateTimeOffset().ShouldBe(Noon);

        var (_, closed) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/t2");
        closed.GetProperty("closeReason").GetProperty("name").GetString().ShouldBe("Timeout");
        closed.GetProperty("closeReason").GetProperty("code").GetInt32().ShouldBe(2);
        closed.GetProperty("closeReason").GetProperty("isRetryable").GetBoolean().ShouldBeTrue();

        var (missing, problem) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/t3");
        missing.ShouldBe(HttpStatusCode.NotFound);
        problem.GetProperty("code").GetString().ShouldBe("tube_not_found");
    }

    [Fact]
    public async Task The_list_is_asked_for_what_the_query_says_and_names_the_next_page()
    {
        foreach (var number in Enumerable.Range(1, 5))
            gateway.Registry.Tubes[new($"t{number}")] = Tube($"t{number}", $"c{number}", TubeState.Ready) with { Owner = "o 1" };

        var (_, first) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes?limit=3&owner=o%201&state=ready&filter=C");
        Ids(first).ShouldBe(["t1", "t2", "t3"]);
        first.GetProperty("items")[0].GetProperty("owner").GetString().ShouldBe("o 1");
        first.GetProperty("incompleteNodes").GetArrayLength().ShouldBe(0);
        first.GetProperty("nextCursor").GetString().ShouldBe("t3");
        var (_, second) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes?cursor=t3");
        Ids(second).ShouldBe(["t4", "t5"]);
        second.TryGetProperty("nextCursor", out _).ShouldBeFalse();

        gateway.Registry.Queries.ShouldBe([
            new() { Text = "C", State = TubeState.Ready, Owner = "o 1", Limit = 3 },
            new() { Cursor = new TubeId("t3") },
        ]);
    }

    [Fact]
    public async Task A_conversation_is_found_with_its_tube_and_closed()
    {
        gateway.Registry.Tubes[new("t1")] = Tube("t1", "c 1/ä", TubeState.Ready);
        var path = $"/v1/conversations/{Uri.EscapeDataString("c 1/ä")}";

        var (status, body) = await gateway.SendAsync(HttpMethod.Get, path);
        status.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("tubeId").GetString().ShouldBe("t1");
        body.GetProperty("conversationId").GetString().ShouldBe("c 1/ä");
        (await gateway.SendAsync(HttpMethod.Get, "/v1/conversations/other")).Body.GetProperty("code").GetString().ShouldBe("conversation_not_found");

        (await gateway.SendAsync(HttpMethod.Delete, path)).Status.ShouldBe(HttpStatusCode.NoContent);
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new CloseConversation(new("c 1/ä")));
    }

    [Theory]
    [InlineData("c1")]
    [InlineData("a/b")]
    [InlineData("/a//b/")]
    [InlineData("100 %, ä?#&=+;")]
    [InlineData("%2F")]
    public async Task A_conversation_is_associated_under_the_very_id_that_was_given(string conversation)
    {
        (await gateway.SendAsync(HttpMethod.Put, $"/v1/tubes/t1/conversations/{Uri.EscapeDataString(conversation)}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await gateway.SendAsync(HttpMethod.Delete, $"/v1/conversations/{Uri.EscapeDataString(conversation)}?reason=Client")).Status.ShouldBe(HttpStatusCode.NoContent);
        gateway.Registry.Commands.ShouldBe([new AssociateConversation(new("t1"), new(conversation)), new CloseConversation(new(conversation), CloseReason.Client)]);
    }

    [Fact]
    public async Task Limits_are_changed_in_part_and_answered_with_the_load()
    {
        gateway.Registry.Reply = new CapacityRead(new() { MaxConcurrentCreates = 5, MaxTubes = 7, MaxWaiting = 3 });
        var (status, body) = await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", """{"maxConcurrentCreates":5,"maxTubesPerOwner":null}""");
        status.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("maxTubes").GetInt32().ShouldBe(7);
        body.GetProperty("maxWaiting").GetInt32().ShouldBe(3);
        await gateway.SendAsync(HttpMethod.Put, "/v1/capacity/limits", """{"maxTubes":7,"maxTubesPerOwner":0,"maxWaiting":3}""");

        gateway.Registry.Commands.ShouldBe([
            new ChangeLimits { MaxConcurrentCreates = 5 },
            new ChangeLimits { MaxTubes = 7, MaxTubesPerOwner = 0, MaxWaiting = 3 },
        ]);
    }

    [Fact]
    public async Task Capacity_health_and_readiness_answer()
    {
        var (status, capacity) = await gateway.SendAsync(HttpMethod.Get, "/v1/capacity");
        status.ShouldBe(HttpStatusCode.OK);
        capacity.GetProperty("canAcceptMore").GetBoolean().ShouldBeTrue();
        capacity.GetProperty("maxConcurrentCreates").GetInt32().ShouldBe(100);
        (await gateway.Http.GetStringAsync("/healthz")).ShouldBe("ok");
        (await gateway.Http.GetStringAsync("/readyz")).ShouldBe("ready");
    }

    [Fact]
    public async Task Unknown_paths_and_methods_are_problems_too()
    {
        (await gateway.SendAsync(HttpMethod.Get, "/v2/tubes")).Body.GetProperty("code").GetString().ShouldBe("not_found");
        var (status, body) = await gateway.SendAsync(HttpMethod.Patch, "/v1/tubes", "{}");
        status.ShouldBe(HttpStatusCode.MethodNotAllowed);
        body.GetProperty("code").GetString().ShouldBe("method_not_allowed");
    }

    [Fact]
    public async Task Statistics_are_of_live_tubes()
    {
        gateway.Registry.Tubes[new("t1")] = Tube("t1", "c1", TubeState.Ready);

        var (status, body) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/t1/statistics");

        status.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("tubeId").GetString().ShouldBe("t1");
        (await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/none/statistics")).Body.GetProperty("code").GetString().ShouldBe("tube_not_found");
        (await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/a!b/statistics")).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Without_authentication_the_caller_is_an_operator()
    {
        var (_, body) = await gateway.SendAsync(HttpMethod.Get, "/v1/caller");

        body.GetProperty("roles").EnumerateArray().Select(role => role.GetString()).ShouldBe(["operator"]);
        body.TryGetProperty("owner", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task The_page_is_whole_in_itself()
    {
        using var response = await gateway.Http.GetAsync(new Uri("/", UriKind.Relative));
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/html; charset=utf-8");
        var policy = response.Headers.GetValues("Content-Security-Policy").ShouldHaveSingleItem();
        foreach (var directive in new[] { "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'" })
            policy.Split("; ").ShouldContain(directive);
        var page = await response.Content.ReadAsStringAsync();
        page.ShouldContain("src=\"/dashboard/page.js\"");
        var files = new DirectoryInfo(Path.Combine(RealPrograms.Programs.SourceFolder, "../../src/Registry.Host/Dashboard")).GetFiles().Where(file => file.Extension is ".js" or ".css").ToArray();
        files.ShouldNotBeEmpty();
        foreach (var file in files)
        {
            var served = await ReadFileAsync($"/dashboard/{file.Name}", file.Extension == ".js" ? "text/javascript" : "text/css");
            served.ShouldBe(await File.ReadAllTextAsync(file.FullName));
            served.ShouldNotContain("://");
        }

        page.ShouldNotContain("://");
        (await gateway.SendAsync(HttpMethod.Get, "/dashboard/index.html")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task NoVNC_comes_with_the_page_and_with_its_licence()
    {
        (await ReadModuleAsync("/novnc/1.7.0/core/rfb.js")).ShouldContain("export default class RFB");
        (await gateway.Http.GetStringAsync(new Uri("/novnc/1.7.0/LICENSE.txt", UriKind.Relative))).ShouldContain("MPL 2.0");
        (await gateway.Http.GetStringAsync(new Uri("/novnc/1.7.0/docs/LICENSE.MPL-2.0", UriKind.Relative))).ShouldStartWith("Mozilla Public License Version 2.0");
        (await gateway.SendAsync(HttpMethod.Get, "/novnc/1.7.0/core/none.js")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    private Task<string> ReadModuleAsync(string path) => ReadFileAsync(path, "text/javascript");

    private async Task<string> ReadFileAsync(string path, string type)
    {
        using var response = await gateway.Http.GetAsync(new Uri(path, UriKind.Relative));
        response.Content.Headers.ContentType!.ToString().ShouldBe($"{type}; charset=utf-8");
        response.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        return await response.Content.ReadAsStringAsync();
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static IEnumerable<string> Ids(JsonElement list) => list.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("tubeId").GetString()!);

    private static TubeSnapshot Tube(string id, string conversation, TubeState state) => new(new(id), "test-node", state)
    {
        Conversations = [new(new(conversation), "echo", true)],
        History = [new(TubeState.New, Noon), new(state, Noon.AddSeconds(1))],
        SelectedPair = "host/host",
    };
}
