using System.Net;
using System.Text.Json;
using Registry.Host.Tests.Telemetry;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

/// <summary><c>/v1/node/drain</c> and the readiness over a scripted registry.</summary>
public sealed class DrainApiTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Until = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private ScriptedGateway gateway = null!;

    public async Task InitializeAsync()
    {
        gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Reply = new CapacityRead(new() { IsDraining = true, Tubes = 3, DrainUntil = Until });
    }

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Theory]
    [InlineData(null, null, 0)]
    [InlineData("{}", null, 0)]
    [InlineData("""{"deadlineMs":1500}""", 1500, 0)]
    [InlineData("""{"deadlineMs":86400000,"untilAtMost":7}""", 86_400_000, 7)]
    public async Task A_drain_is_accepted_and_answered_with_what_is_left(string? json, int? deadlineMs, int untilAtMost)
    {
        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/node/drain", json);

        status.ShouldBe(HttpStatusCode.Accepted);
        (body.GetProperty("isDraining").GetBoolean(), body.GetProperty("tubes").GetInt32(), body.GetProperty("drainUntil").GetDateTimeOffset()).ShouldBe((true, 3, Until));
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new DrainNode
        {
            Deadline = deadlineMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null,
            UntilAtMost = untilAtMost,
        });
    }

    [Theory]
    [InlineData("""{"deadlineMs":0}""", "deadlineMs")]
    [InlineData("""{"deadlineMs":86400001}""", "deadlineMs")]
    [InlineData("""{"deadlineMs":"30s"}""", "deadlineMs")]
    [InlineData("""{"deadline":1000}""", "deadline")]
    [InlineData("""{"untilAtMost":1.5}""", "untilAtMost")]
    public async Task A_wrong_body_is_refused_and_its_member_named(string json, string field)
    {
        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/node/drain", json);

        status.ShouldBe(HttpStatusCode.BadRequest);
        body.GetProperty("field").GetString().ShouldBe(field);
        gateway.Registry.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refusal_is_passed_on()
    {
        gateway.Registry.Reply = new Refused(RefusalCode.InvalidRequest, "untilAtMost is -1; it must be at least 0.") { Key = "untilAtMost" };

        var (status, body) = await gateway.SendAsync(HttpMethod.Post, "/v1/node/drain", """{"untilAtMost":-1}""");

        status.ShouldBe(HttpStatusCode.BadRequest);
        body.GetProperty("field").GetString().ShouldBe("untilAtMost");
    }

    [Fact]
    public async Task A_node_is_drained_and_resumed_by_its_name()
    {
        (await gateway.SendAsync(HttpMethod.Post, "/v1/nodes/10.0.0.1:4053/drain", """{"untilAtMost":7}""")).Status.ShouldBe(HttpStatusCode.Accepted);
        (await gateway.SendAsync(HttpMethod.Delete, "/v1/nodes/10.0.0.1%3A4053/drain")).Status.ShouldBe(HttpStatusCode.OK);

        gateway.Registry.Commands.ShouldBe([new DrainNode { UntilAtMost = 7 }, ResumeNode.Instance]);
        gateway.Registry.NamedNodes.ShouldBe(["10.0.0.1:4053", "10.0.0.1:4053"]);
    }

    [Fact]
    public async Task A_resume_is_answered_with_the_capacity()
    {
        gateway.Registry.Reply = new CapacityRead(new() { CanAcceptMore = true });

        var (status, body) = await gateway.SendAsync(HttpMethod.Delete, "/v1/node/drain");

        status.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("canAcceptMore").GetBoolean().ShouldBeTrue();
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(ResumeNode.Instance);
    }

    [Fact]
    public async Task A_draining_gateway_is_not_ready_and_lives()
    {
        (await gateway.Http.GetStringAsync("/readyz")).ShouldBe("ready");
        gateway.Registry.Capacity = gateway.Registry.Capacity with { IsDraining = true };

        var (status, body) = await gateway.SendAsync(HttpMethod.Get, "/readyz");

        status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (body.GetProperty("code").GetString(), body.GetProperty("retryable").GetBoolean()).ShouldBe(("draining", true));
        (await gateway.Http.GetStringAsync("/healthz")).ShouldBe("ok");
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(NodeState.Draining, false)]
    [InlineData(NodeState.Up, true)]
    public async Task What_helps_with_a_draining_node_depends_on_whether_there_is_another_in_service(NodeState? other, bool isThere)
    {
        var detail = $"This node is going out of service. {(isThere ? "Ask another one." : "No other one is in service: try again when it is back, by 'registry drain --resume' or a new start.")}";
        if (other is { } state)
            gateway.Registry.Nodes = [new("test-node", "10.0.0.1:4053", NodeState.Draining), new("other", "10.0.0.2:4053", state)];
        gateway.Registry.Reply = new Refused(RefusalCode.Draining, "This node is going out of service.");
        gateway.Registry.Capacity = gateway.Registry.Capacity with { IsDraining = true };

        var (_, refused) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", """{"conversationId":"c","settings":{"conversationType":"echo"}}""");
        refused.GetProperty("detail").GetString().ShouldBe(detail);
        foreach (var method in (HttpMethod[])[HttpMethod.Post, HttpMethod.Delete])
        {
            (_, refused) = await gateway.SendAsync(method, "/v1/node/drain");
            refused.GetProperty("detail").GetString().ShouldBe("This node is going out of service.", "no other one can do that");
        }
        var (_, readiness) = await gateway.SendAsync(HttpMethod.Get, "/readyz");
        readiness.GetProperty("detail").GetString().ShouldBe(detail.Replace("This node", "The gateway", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_that_was_refused_is_logged_as_refused()
    {
        await using var log = new RecordedLog();
        await using var logging = await ScriptedGateway.StartAsync(log: log);
        logging.Registry.Reply = new Refused(RefusalCode.InvalidRequest, "maxTubes is 0; it must be at least 1.") { Key = "maxTubes" };
        (await logging.SendAsync(HttpMethod.Put, "/v1/capacity/limits", """{"maxTubes":0}""")).Status.ShouldBe(HttpStatusCode.BadRequest);
        logging.Registry.Reply = new CapacityRead(new());
        (await logging.SendAsync(HttpMethod.Put, "/v1/capacity/limits", """{"maxTubes":7}""")).Status.ShouldBe(HttpStatusCode.OK);
        var lines = (await log.UntilAsync(text => text.Contains("max tubes: 7", StringComparison.Ordinal))).Where(line => line.Contains("asked for", StringComparison.Ordinal)).ToArray();
        lines.Length.ShouldBe(2);
        lines[0].ShouldEndWith("asked for other limits: max tubes: 0, which was refused: maxTubes is 0; it must be at least 1.");
        lines[1].ShouldEndWith("asked for other limits: max tubes: 7");
    }

    [Fact]
    public async Task The_signal_carries_the_deadline()
    {
        gateway.Registry.Tubes[new("t1")] = new(new("t1"), "n", TubeState.Ready);
        gateway.Registry.Emit(new NodeDraining(new("t1"), 1, default, DateTimeOffset.UnixEpoch));
        gateway.Registry.EndSignals();

        await using var stream = await OpenEvents.OfAsync(gateway.Http, "/v1/tubes/t1/signals");
        var signal = (await stream.RestAsync()).ShouldHaveSingleItem();

        signal.Kind.ShouldBe("node_draining");
        signal.Data.GetProperty("deadline").GetDateTimeOffset().ShouldBe(DateTimeOffset.UnixEpoch);
    }
}
