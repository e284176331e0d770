using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Security;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;

namespace Registry.Host.Tests.Security;

/// <summary>What a caller is shown of other owners' tubes, tokens for one tube, and what is said to those who may not.</summary>
public sealed class AuthorizationTests : IAsyncLifetime
{
    private SecuredGateway secured = null!;

    public async Task InitializeAsync() => secured = await SecuredGateway.StartAsync();

    public async Task DisposeAsync() => await secured.DisposeAsync();

    [Fact]
    public async Task A_creators_tube_is_its_own_whatever_it_says()
    {
        secured.Registry.Reply = new TubeCreated(new("new"), new("c"), "test-node", TubeState.Connecting) { Offer = "YQ==" };
        await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""");
        secured.Registry.Commands.ShouldHaveSingleItem().ShouldBeOfType<CreateTube>().Owner.ShouldBe("alice");
    }

    [Fact]
    public async Task A_list_holds_the_callers_own_tubes_unless_it_sees_all()
    {
        (await ListAsync("alice")).ShouldBe(["alice-tube"]);
        (await ListAsync("viewer")).ShouldBe(["alice-tube", "bob-tube"]);

        async Task<IEnumerable<string?>> ListAsync(string caller) =>
            (await secured.SendAsync(secured.KeyOf(caller), "GET", "/v1/tubes")).Body.GetProperty("items").EnumerateArray().Select(tube => tube.GetProperty("tubeId").GetString()).ToArray();
    }

    [Theory]
    [InlineData("operator", "", CloseReason.AdminClosed)]
    [InlineData("operator", "?reason=AIClosed", CloseReason.AIClosed)]
    [InlineData("operator", "?reason=NodeStopped", null)]
    [InlineData("alice", "", CloseReason.Client)]
    [InlineData("alice", "?reason=normal", CloseReason.Normal)]
    [InlineData("alice", "?reason=NodeStopped", null)]
    [InlineData("alice", "?reason=12", null)]
    [InlineData("token", "", CloseReason.Client)]
    [InlineData("token", "?reason=AdminClosed", null)]
    public async Task A_close_carries_who_asked_and_a_reason_that_it_can_know(string caller, string query, CloseReason? reason)
    {
        var key = caller == "token"
            ? (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens")).Body.GetProperty("token").GetString()!
            : secured.KeyOf(caller);
        var name = caller == "token" ? Caller.TokenName : caller;

        var (status, problem) = await secured.SendAsync(key, "DELETE", $"/v1/tubes/alice-tube{query}");

        if (reason is { } given)
        {
            status.ShouldBe(HttpStatusCode.NoContent);
            secured.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new CloseTube(new("alice-tube"), given) { Caller = name });
            return;
        }

        (status, problem.GetProperty("field").GetString()).ShouldBe((HttpStatusCode.BadRequest, "reason"));
        problem.GetProperty("detail").GetString()!.ShouldContain(caller == "operator" ? "AdminClosed (12), AIClosed (15), Client (5), Normal (0)" : " one of Client (5), Normal (0)");
        secured.Registry.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_conversation_s_close_carries_who_asked()
    {
        await secured.SendAsync(secured.KeyOf("alice"), "DELETE", "/v1/conversations/alice-talk");
        secured.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new CloseConversation(new("alice-talk"), CloseReason.Client) { Caller = "alice" });
    }

    [Fact]
    public async Task A_taken_conversation_does_not_say_whose_tube_it_is_on()
    {
        secured.Registry.Reply = new Refused(RefusalCode.ConversationExists, "It is live on tube alice-tube.") { TubeId = new("alice-tube") };
        const string Create = """{"conversationId":"c","settings":{"conversationType":"echo"}}""";

        (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes", Create)).Body.GetProperty("tubeId").GetString().ShouldBe("alice-tube");
        (await secured.SendAsync(secured.KeyOf("bob"), "POST", "/v1/tubes", Create)).Body.GetRawText().ShouldNotContain("alice");
    }

    [Fact]
    public async Task A_creator_watches_its_own_tubes_only()
    {
        using var http = new HttpClient { BaseAddress = secured.Gateway.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", secured.KeyOf("bob"));
        await using var events = await OpenEvents.OfAsync(http);
        foreach (var tube in secured.Registry.Tubes.Values.ToArray())
            secured.Registry.Emit(new TubeListed(tube));
        secured.Registry.Emit(new TubesListed("1", "test-node"));
        secured.Registry.Tubes[new("bob-late")] = new(new("bob-late"), "test-node", TubeState.New) { Owner = "bob" };
        foreach (var id in new[] { "alice-tube", "alice-late", "bob-tube", "bob-late" })
            secured.Registry.Emit(new TubeSignalled("2", new TubeClosed(new(id), 1, DateTimeOffset.UnixEpoch, CloseReason.Client, "Bye.")));

        (await events.UntilAsync(e => e.TubeId == "bob-late")).Select(e => (e.Kind, e.TubeId)).ShouldBe([("tube", "bob-tube"), ("tubes_listed", null), ("tube_closed", "bob-tube"), ("tube_closed", "bob-late")]);
    }

    [Fact]
    public async Task A_tubes_token_is_for_the_signalling_of_that_tube_and_ends()
    {
        secured.Registry.Reply = Done.Instance;
        var (_, made) = await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens", """{"lifetimeMs":60000}""");
        var token = made.GetProperty("token").GetString()!;
        made.GetProperty("expiresAt").GetDateTimeOffset().ShouldBeInRange(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddMinutes(1));

        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube/signals")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync(token, "POST", "/v1/tubes/alice-tube/candidates", """{"candidates":[""]}""")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await secured.SendAsync(token, "POST", "/v1/tubes/bob-tube/candidates", """{"candidates":[""]}""")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await secured.SendAsync(token, "POST", "/v1/tubes/alice-tube/tokens")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await secured.SendAsync(token, "GET", "/v1/tubes")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await secured.SendAsync(token, "POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""")).Status.ShouldBe(HttpStatusCode.Forbidden);
        var late = secured.Gateway.Services.GetService(typeof(TubeTokens)).ShouldBeOfType<TubeTokens>().Create(secured.Registry.Tubes[new("alice-tube")], DateTimeOffset.UtcNow.AddSeconds(-1));
        (await secured.SendAsync(late, "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await secured.SendAsync(token[..^2], "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_tubes_token_is_not_for_a_later_tube_of_its_id()
    {
        secured.Registry.Reply = Done.Instance;
        var id = new TubeId("alice-tube");
        secured.Registry.Tubes[id] = secured.Registry.Tubes[id] with { History = [new(TubeState.New, DateTimeOffset.UnixEpoch)] };
        var token = (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens")).Body.GetProperty("token").GetString()!;
        // Ended, the tube is still this one.
        secured.Registry.ClosedTubes[id] = secured.Registry.Tubes[id] with { State = TubeState.Closed };
        secured.Registry.Tubes.Remove(id);
        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.OK);

        secured.Registry.Tubes[id] = new(id, "test-node", TubeState.Ready) { Owner = "bob", History = [new(TubeState.New, DateTimeOffset.UnixEpoch.AddMinutes(1))] };

        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await secured.SendAsync(token, "GET", "/v1/tubes/alice-tube/signals")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await secured.SendAsync(token, "POST", "/v1/tubes/alice-tube/candidates", """{"candidates":[""]}""")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await secured.SendAsync(token, "DELETE", "/v1/tubes/alice-tube")).Status.ShouldBe(HttpStatusCode.NotFound);
        secured.Registry.Commands.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("alice", "ice_candidate ice_restart_offer connection_state_changed tube_closed")]
    [InlineData("token", "ice_candidate ice_restart_offer connection_state_changed tube_closed")]
    [InlineData("operator", "ice_candidate ice_restart_offer connection_state_changed tube_closed")]
    [InlineData("viewer", "connection_state_changed tube_closed")]
    [InlineData("carol", "connection_state_changed tube_closed")]
    public async Task Who_only_sees_a_tube_gets_neither_its_descriptions_nor_its_candidates(string caller, string kinds)
    {
        var id = new TubeId("alice-tube");
        secured.Registry.Emit(new IceCandidateFound(id, 1, default, "candidate:1 1 udp 1 127.0.0.1 9 typ host"));
        secured.Registry.Emit(new IceRestartOffered(id, 2, default, "aWNlLXB3ZA=="));
        secured.Registry.Emit(new ConnectionStateChanged(id, 3, default, TubeState.Ready));
        secured.Registry.Emit(new TubeClosed(id, 4, default, CloseReason.Client, "Bye."));
        secured.Registry.EndSignals();
        using var http = new HttpClient { BaseAddress = secured.Gateway.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", caller == "token"
            ? (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens")).Body.GetProperty("token").GetString()!
            : secured.KeyOf(caller));

        await using var events = await OpenEvents.OfAsync(http, "/v1/tubes/alice-tube/signals");

        string.Join(' ', (await events.RestAsync()).Select(e => e.Kind)).ShouldBe(kinds);
    }

    [Theory]
    [InlineData("GET", "/v1/tubes/bob-tube")]
    [InlineData("GET", "/v1/tubes/bob-tube/statistics")]
    [InlineData("GET", "/v1/tubes/bob-tube/signals")]
    [InlineData("DELETE", "/v1/tubes/bob-tube")]
    [InlineData("POST", "/v1/tubes/bob-tube/tokens")]
    [InlineData("GET", "/v1/conversations/bob-talk")]
    [InlineData("DELETE", "/v1/conversations/bob-talk")]
    public async Task A_node_that_does_not_answer_does_not_make_a_tube_another_owners(string method, string path)
    {
        secured.Registry.Unreachable = new(RefusalCode.NodeUnreachable, "It does not answer.");
        var (status, body) = await secured.SendAsync(secured.KeyOf("bob"), method, path);
        status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (body.GetProperty("code").GetString(), body.GetProperty("retryable").GetBoolean()).ShouldBe(("node_unreachable", true));
        secured.Registry.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_creator_hears_again_of_a_tube_whose_node_did_not_answer()
    {
        using var http = new HttpClient { BaseAddress = secured.Gateway.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", secured.KeyOf("bob"));
        await using var events = await OpenEvents.OfAsync(http);
        var id = new TubeId("bob-late");
        secured.Registry.Tubes[id] = new(id, "test-node", TubeState.New) { Owner = "bob" };
        secured.Registry.Unreachable = new(RefusalCode.NodeUnreachable, "It does not answer.");
        secured.Registry.Emit(new TubeSignalled("1", new ConnectionStateChanged(id, 1, default, TubeState.Initializing)));
        secured.Registry.Emit(new TubesListed("1", "test-node"));
        await events.UntilAsync(e => e.Kind == "tubes_listed");

        secured.Registry.Unreachable = null;
        secured.Registry.Emit(new TubeSignalled("2", new ConnectionStateChanged(id, 2, default, TubeState.Connecting)));

        (await events.NextAsync()).TubeId.ShouldBe("bob-late");
    }

    [Fact]
    public async Task The_id_of_another_owners_ended_tube_is_free()
    {
        secured.Registry.ClosedTubes[new("gone")] = new(new("gone"), "test-node", TubeState.Closed) { Owner = "bob" };
        secured.Registry.Reply = new TubeCreated(new("gone"), new("c"), "test-node", TubeState.Connecting) { Offer = "YQ==" };

        (await secured.SendAsync(secured.KeyOf("alice"), "POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"tubeId":"gone"}""")).Status.ShouldBe(HttpStatusCode.Created);

        secured.Registry.Commands.ShouldHaveSingleItem().ShouldBeOfType<CreateTube>().Owner.ShouldBe("alice");
    }

    [Fact]
    public async Task A_stream_ends_when_its_key_is_revoked_or_its_token_expires()
    {
        // The signatures of tokens go by the real clock.
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var timed = await SecuredGateway.StartAsync(time: time);
        var token = (await timed.SendAsync(timed.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens", """{"lifetimeMs":60000}""")).Body.GetProperty("token").GetString()!;
        using var revoked = await OpenAsync(timed.KeyOf("bob"), "/v1/events");
        using var expiring = await OpenAsync(token, "/v1/tubes/alice-tube/signals");
        using var staying = await OpenAsync(timed.KeyOf("alice"), "/v1/events");
        var lines = await File.ReadAllLinesAsync(timed.KeysFile);
        await File.WriteAllLinesAsync(timed.KeysFile, lines.Where(line => !line.StartsWith("bob ", StringComparison.Ordinal)));
        var settings = Akka.Configuration.ConfigurationFactory.ParseString($"registry.auth.keys = \"{timed.KeysFile}\"");
        var reload = timed.Gateway.Services.GetRequiredService<ApiKeys>().Prepare(new() { Http = new(IPAddress.Loopback, 0), Security = SecuritySettings.From(settings) });
        await reload.ApplyAsync(CancellationToken.None);

        time.Advance(TimeSpan.FromSeconds(15));
        (await revoked.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBeNull();
        (await expiring.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": heartbeat");
        (await staying.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": heartbeat");

        await expiring.ReadLineAsync();
        await staying.ReadLineAsync();
        time.Advance(TimeSpan.FromMinutes(1));
        (await expiring.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBeNull();
        (await staying.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": heartbeat");

        async Task<StreamReader> OpenAsync(string key, string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", key);
            var response = await timed.Gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": events");
            (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("");
            return reader;
        }
    }

    [Fact]
    public async Task Refusals_say_what_is_needed_and_nothing_of_the_key()
    {
        foreach (var wrongToken in new[] { "tr_alice_guessed", "tr_nobody_guessed", "tt_forged", "eyJhbGciOiJub25lIn0.e30.", "" })
            (await secured.SendAsync(wrongToken, "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.Unauthorized, wrongToken);
        (await secured.SendAsync(null, "GET", "/v1/tubes")).Body.GetProperty("detail").GetString()!.ShouldContain("Authorization: Bearer");
        var wrong = await secured.SendAsync("tr_alice_sesame", "GET", "/v1/tubes");
        wrong.Body.GetProperty("code").GetString().ShouldBe("unauthenticated");
        wrong.Body.GetRawText().ShouldNotContain("sesame");
        (await secured.SendAsync(secured.KeyOf("viewer"), "POST", "/v1/node/drain")).Body.GetProperty("detail").GetString()!.ShouldContain("is for operators");
    }
}
