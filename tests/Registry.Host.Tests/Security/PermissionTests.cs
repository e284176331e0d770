using System.Net;
using System.Reflection;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Extensions.DependencyInjection;
using Registry.Messages;

namespace Registry.Host.Tests.Security;

/// <summary>One gateway for the whole table, with a tube that is nobody's.</summary>
public sealed class KnownCallers : IAsyncLifetime
{
    private string token = null!;

    internal SecuredGateway Gateway { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Gateway = await SecuredGateway.StartAsync();
        Gateway.Registry.Tubes[new("nobodys-tube")] = new(new("nobodys-tube"), "test-node", TubeState.Ready) { Conversations = [new(new("nobodys-talk"), "echo", true)] };
        token = (await Gateway.SendAsync(Gateway.KeyOf("alice"), "POST", "/v1/tubes/alice-tube/tokens")).Body.GetProperty("token").GetString()!;
    }

    /// <summary>The key of one of them, or the token of alice's tube.</summary>
    public string KeyOf(string name) => name == "token" ? token : Gateway.KeyOf(name);

    public async Task DisposeAsync() => await Gateway.DisposeAsync();
}

/// <summary>Who may make which call about whose tubes.</summary>
public sealed class PermissionTests(KnownCallers callers) : IClassFixture<KnownCallers>
{
    private static readonly string[] names = ["viewer", "operator", "alice", "bob", "carol", "token"];

    // Each row is one call about alice's tube or one that is nobody's, and what it is answered to the viewer, the operator, alice, bob, carol, who sees all and makes
    // tubes of her own, and whoever has the token of alice's tube.
    [Theory]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""", "403 201 201 201 201 403")]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"owner":"alice"}""", "403 201 201 400 400 403")]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"tubeId":"alice-tube"}""", "403 201 201 404 404 403")]
    [InlineData("GET", "/v1/tubes", null, "200 200 200 200 200 403")]
    [InlineData("GET", "/v1/tubes?owner=alice", null, "200 200 200 400 200 403")]
    [InlineData("GET", "/v1/tubes/alice-tube", null, "200 200 200 404 200 200")]
    [InlineData("GET", "/v1/tubes/alice-tube/statistics", null, "200 200 200 404 200 200")]
    [InlineData("DELETE", "/v1/tubes/alice-tube", null, "403 204 204 404 404 204")]
    [InlineData("PUT", "/v1/tubes/alice-tube/remote-description", """{"type":"answer","sdp":"YQ=="}""", "403 204 204 404 404 204")]
    [InlineData("POST", "/v1/tubes/alice-tube/candidates", """{"candidates":[""]}""", "403 204 204 404 404 204")]
    [InlineData("POST", "/v1/tubes/alice-tube/ice-restart", null, "403 204 204 404 404 204")]
    [InlineData("POST", "/v1/tubes/alice-tube/tokens", null, "403 201 201 404 404 403")]
    [InlineData("GET", "/v1/tubes/alice-tube/signals", null, "200 200 200 404 200 200")]
    [InlineData("PUT", "/v1/tubes/alice-tube/conversations/more", null, "403 204 204 404 404 403")]
    [InlineData("GET", "/v1/conversations/alice-talk", null, "200 200 200 404 200 403")]
    [InlineData("DELETE", "/v1/conversations/alice-talk", null, "403 204 204 404 404 403")]
    [InlineData("GET", "/v1/tubes/nobodys-tube", null, "200 200 404 404 200 403")]
    [InlineData("GET", "/v1/tubes/nobodys-tube/statistics", null, "200 200 404 404 200 403")]
    [InlineData("DELETE", "/v1/tubes/nobodys-tube", null, "403 204 404 404 404 403")]
    [InlineData("POST", "/v1/tubes/nobodys-tube/candidates", """{"candidates":[""]}""", "403 204 404 404 404 403")]
    [InlineData("POST", "/v1/tubes/nobodys-tube/tokens", null, "403 201 404 404 404 403")]
    [InlineData("GET", "/v1/tubes/nobodys-tube/signals", null, "200 200 404 404 200 403")]
    [InlineData("PUT", "/v1/tubes/nobodys-tube/conversations/more", null, "403 204 404 404 404 403")]
    [InlineData("GET", "/v1/conversations/nobodys-talk", null, "200 200 404 404 200 403")]
    [InlineData("DELETE", "/v1/conversations/nobodys-talk", null, "403 204 404 404 404 403")]
    [InlineData("GET", "/v1/events", null, "200 200 200 200 200 403")]
    [InlineData("GET", "/v1/capacity", null, "200 200 200 200 200 403")]
    [InlineData("GET", "/v1/nodes", null, "200 200 200 200 200 403")]
    [InlineData("PUT", "/v1/capacity/limits", """{"maxTubes":5}""", "403 200 403 403 403 403")]
    [InlineData("POST", "/v1/node/drain", null, "403 202 403 403 403 403")]
    [InlineData("DELETE", "/v1/node/drain", null, "403 200 403 403 403 403")]
    [InlineData("POST", "/v1/node/reload", null, "403 200 403 403 403 403")]
    [InlineData("POST", "/v1/nodes/test-node/drain", null, "403 202 403 403 403 403")]
    [InlineData("DELETE", "/v1/nodes/test-node/drain", null, "403 200 403 403 403 403")]
    [InlineData("GET", "/v1/caller", null, "200 200 200 200 200 403")]
    [InlineData("GET", "/metrics", null, "200 200 403 403 200 403")]
    [InlineData("GET", "/v1/audit", null, "200 200 200 200 200 403")]
    [InlineData("GET", "/v1/audit?owner=alice", null, "200 200 200 400 200 403")]
    [InlineData("GET", "/v1/node/audit", null, "200 200 403 403 200 403")]
    [InlineData("GET", "/nothing", null, "403 404 403 403 403 403")]
    public async Task Role_by_call_by_owner(string method, string path, string? body, string expected)
    {
        callers.Gateway.Registry.Answer = command => Task.FromResult<RegistryReply>(command switch
        {
            // As the registry itself says of a tube of another owner.
            CreateTube { TubeId: { } named, Owner: not (null or "alice") } => new Refused(RefusalCode.TubeNotFound, $"There is no tube {named}.") { TubeId = named },
            CreateTube create => new TubeCreated(create.TubeId ?? new("new"), create.ConversationId, "test-node", TubeState.Connecting) { Offer = "YQ==" },
            ChangeLimits or DrainNode or ResumeNode => new CapacityRead(callers.Gateway.Registry.Capacity),
            _ => Done.Instance,
        });

        (await StatusesAsync(names.Select(callers.KeyOf))).ShouldBe(expected);
        (await StatusesAsync([null])).ShouldBe("401");

        async Task<string> StatusesAsync(IEnumerable<string?> tokens)
        {
            var statuses = new List<int>();
            foreach (var token in tokens)
                statuses.Add((int)(await callers.Gateway.SendAsync(token, method, path, body)).Status);
            return string.Join(' ', statuses);
        }
    }

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    [InlineData("/")]
    [InlineData("/dashboard/page.js")]
    [InlineData("/novnc/1.7.0/core/rfb.js")]
    [InlineData("/client.js")]
    [InlineData("/client.d.ts")]
    [InlineData("/openapi/v1.json")]
    public async Task Health_the_page_and_the_description_are_for_everybody(string path)
    {
        (await callers.Gateway.SendAsync(null, "GET", path)).Status.ShouldBe(HttpStatusCode.OK);
        foreach (var name in names)
            (await callers.Gateway.SendAsync(callers.KeyOf(name), "GET", path)).Status.ShouldBe(HttpStatusCode.OK, name);
    }

    [Fact]
    public void Every_endpoint_has_a_row_in_the_table_or_is_for_everybody()
    {
        var rows = RowsOf(nameof(Role_by_call_by_owner)).Select(row => (Method: (string)row[0], Path: (string)row[1])).ToArray();
        var forEverybody = RowsOf(nameof(Health_the_page_and_the_description_are_for_everybody)).Select(row => (Method: "GET", Path: (string)row[0])).ToArray();
        var endpoints = callers.Gateway.Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToArray();
        endpoints.Length.ShouldBeGreaterThan(30);

        foreach (var endpoint in endpoints)
        {
            var pattern = new TemplateMatcher(TemplateParser.Parse(endpoint.RoutePattern.RawText!.TrimStart('/')), []);
            var table = endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null ? rows : forEverybody;
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
                table.ShouldContain(row => row.Method == method && pattern.TryMatch(row.Path.Split('?')[0], new()), $"{method} {endpoint.RoutePattern.RawText}");
        }
    }

    private static IEnumerable<object[]> RowsOf(string test)
    {
        var method = typeof(PermissionTests).GetMethod(test)!;
        return method.GetCustomAttributes<InlineDataAttribute>().SelectMany(row => row.GetData(method));
    }
}
