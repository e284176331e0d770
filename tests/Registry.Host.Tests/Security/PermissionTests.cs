using System.Net;
using Registry.Messages;

namespace Registry.Host.Tests.Security;

/// <summary>One gateway for the whole table.</summary>
public sealed class KnownCallers : IAsyncLifetime
{
    internal SecuredGateway Gateway { get; private set; } = null!;

    public async Task InitializeAsync() => Gateway = await SecuredGateway.StartAsync();

    public async Task DisposeAsync() => await Gateway.DisposeAsync();
}

/// <summary>Who may make which call about whose tubes.</summary>
public sealed class PermissionTests(KnownCallers callers) : IClassFixture<KnownCallers>
{
    private static readonly string[] names = ["viewer", "operator", "alice", "bob", "carol"];

    // Each row is one call about alice's tube, and what it is answered to the viewer, the operator, alice, bob and carol, who sees all and makes tubes of her own.
    [Theory]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""", "403 201 201 201 201")]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"owner":"alice"}""", "403 201 201 400 400")]
    [InlineData("POST", "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"},"tubeId":"alice-tube"}""", "403 201 201 404 404")]
    [InlineData("GET", "/v1/tubes", null, "200 200 200 200 200")]
    [InlineData("GET", "/v1/tubes?owner=alice", null, "200 200 200 400 200")]
    [InlineData("GET", "/v1/tubes/alice-tube", null, "200 200 200 404 200")]
    [InlineData("GET", "/v1/tubes/alice-tube/statistics", null, "200 200 200 404 200")]
    [InlineData("DELETE", "/v1/tubes/alice-tube", null, "403 204 204 404 404")]
    [InlineData("PUT", "/v1/tubes/alice-tube/remote-description", """{"type":"answer","sdp":"YQ=="}""", "403 204 204 404 404")]
    [InlineData("POST", "/v1/tubes/alice-tube/candidates", """{"candidates":[""]}""", "403 204 204 404 404")]
    [InlineData("POST", "/v1/tubes/alice-tube/ice-restart", null, "403 204 204 404 404")]
    [InlineData("POST", "/v1/tubes/alice-tube/tokens", null, "403 201 201 404 404")]
    [InlineData("GET", "/v1/tubes/alice-tube/signals", null, "200 200 200 404 200")]
    [InlineData("PUT", "/v1/tubes/alice-tube/conversations/more", null, "403 204 204 404 404")]
    [InlineData("GET", "/v1/conversations/alice-talk", null, "200 200 200 404 200")]
    [InlineData("DELETE", "/v1/conversations/alice-talk", null, "403 204 204 404 404")]
    [InlineData("GET", "/v1/events", null, "200 200 200 200 200")]
    [InlineData("GET", "/v1/capacity", null, "200 200 200 200 200")]
    [InlineData("GET", "/v1/nodes", null, "200 200 200 200 200")]
    [InlineData("PUT", "/v1/capacity/limits", """{"maxTubes":5}""", "403 200 403 403 403")]
    [InlineData("POST", "/v1/node/drain", null, "403 202 403 403 403")]
    [InlineData("DELETE", "/v1/node/drain", null, "403 200 403 403 403")]
    [InlineData("POST", "/v1/node/reload", null, "403 200 403 403 403")]
    [InlineData("POST", "/v1/nodes/test-node/drain", null, "403 202 403 403 403")]
    [InlineData("DELETE", "/v1/nodes/test-node/drain", null, "403 200 403 403 403")]
    [InlineData("GET", "/v1/caller", null, "200 200 200 200 200")]
    [InlineData("GET", "/metrics", null, "200 200 403 403 200")]
    [InlineData("GET", "/v1/audit", null, "200 200 200 200 200")]
    [InlineData("GET", "/v1/audit?owner=alice", null, "200 200 200 400 200")]
    [InlineData("GET", "/v1/node/audit", null, "200 200 403 403 200")]
    [InlineData("GET", "/nothing", null, "403 404 403 403 403")]
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

        (await StatusesAsync(names.Select(callers.Gateway.KeyOf))).ShouldBe(expected);
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
    public async Task Health_and_the_page_are_for_everybody(string path) => (await callers.Gateway.SendAsync(null, "GET", path)).Status.ShouldBe(HttpStatusCode.OK);
}
