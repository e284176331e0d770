using Akka.Event;
using Registry.Actors.Tests.Tubes;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Relay;

/// <summary>Creates that need credentials from a real endpoint; its delays are virtual time.</summary>
public sealed class RelaySpecs(ITestOutputHelper output, CredentialsEndpoint endpoint)
    : RegistrySpec(output, "akka { loglevel = DEBUG, loggers = [] }", o => o.IceCredentialsUrl = endpoint.Url), IClassFixture<CredentialsEndpoint>, IDisposable
{
    private readonly int requestsBefore = endpoint.Requests;

    private int Requests => endpoint.Requests - requestsBefore;

    void IDisposable.Dispose()
    {
        endpoint.Answer = (200, CredentialsEndpoint.Good);
        endpoint.Gate = Task.CompletedTask;
        (endpoint.AnnouncedLength, endpoint.ContentType) = (null, "application/json");
        base.Dispose();
    }

    [Fact]
    public async Task Each_tube_gets_credentials_of_its_own()
    {
        await CreatedAsync(Create("a"));
        await CreatedAsync(Create("b"));

        Requests.ShouldBe(2);
        var server = Peers.Connections[0].Configuration!.IceServers.Single();
        server.Urls.ShouldBe(["turn:relay.example:3478?transport=udp"]);
        server.Username.ShouldBe("u-1700000000");
        server.Credential.ShouldBe("hush-hush");
    }

    [Fact]
    public async Task A_slow_endpoint_holds_up_its_own_creates_and_nothing_else()
    {
        var before = await CreatedAsync(Create("before"));
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        endpoint.Gate = gate.Task;

        var replies = Enumerable.Range(0, 200).Select(i => Registry.CreateAsync(Create($"c{i}"))).ToArray();

        await AwaitAssertAsync(() => Registry.Capacity.TotalRejected.ShouldBe(100), TimeSpan.FromSeconds(30));
        await AwaitAssertAsync(() => endpoint.Waiting.ShouldBe(100), TimeSpan.FromSeconds(30)); // side by side
        Registry.Capacity.ActiveCreates.ShouldBe(100);
        replies.Count(r => r.IsCompleted).ShouldBe(100);
        (await Registry.CloseTubeAsync(new(before.TubeId))).ShouldBeOfType<Done>();
        Clock.Advance(TimeSpan.FromSeconds(3));
        gate.SetResult();

        (await Task.WhenAll(replies)).OfType<TubeCreated>().Count().ShouldBe(100);
        Registry.Capacity.ActiveCreates.ShouldBe(0);
        Registry.Capacity.AvgCreateTimeMs.ShouldBeGreaterThan(2900);
    }

    [Theory]
    [InlineData(500, "", "answered 500")]
    [InlineData(403, "no", "answered 403")]
    [InlineData(200, "not json", "as JSON")]
    [InlineData(200, "[]", "as JSON")]
    [InlineData(200, "null", "without username")]
    [InlineData(200, """{"username":"u","password":"","ttl":1}""", "without username")]
    [InlineData(200, """{"username":"u","password":"p","ttl":0}""", "ttl")]
    [InlineData(200, """{"username":"u","password":"p","ttl":1,"urls":[null]}""", "turn:")]
    [InlineData(200, """{"username":"u","password":"p","ttl":1,"urls":["http://relay.example"]}""", "turn:")]
    public async Task An_endpoint_that_fails_refuses_the_create_by_name_and_leaves_nothing(int status, string body, string message)
    {
        endpoint.Answer = (status, body);

        var refused = await RefusedAsync(Create("c", Listen));

        refused.Code.ShouldBe(RefusalCode.RelayUnavailable);
        refused.Retryable.ShouldBeTrue();
        refused.RetryAfter.ShouldNotBeNull();
        refused.Message.ShouldContain(message);
        refused.Message.ShouldContain("registry.ice.credentials-url");
        refused.Message.ShouldNotContain("topsecret");
        await NothingLeftAsync();
    }

    [Fact]
    public async Task An_answer_that_is_cut_short_or_in_no_known_encoding_is_the_endpoint_s_fault()
    {
        endpoint.AnnouncedLength = 10_000;
        (await RefusedAsync(Create("c", Listen))).Code.ShouldBe(RefusalCode.RelayUnavailable);
        (endpoint.AnnouncedLength, endpoint.ContentType) = (null, "application/json; charset=bogus");
        (await RefusedAsync(Create("c", Listen))).Code.ShouldBe(RefusalCode.RelayUnavailable);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task An_endpoint_that_does_not_answer_is_given_up_after_its_time()
    {
        endpoint.Gate = new TaskCompletionSource().Task;
        var creating = Registry.CreateAsync(Create("c", Listen));
        await AwaitAssertAsync(() => endpoint.Waiting.ShouldBe(1));

        Clock.Advance(TimeSpan.FromSeconds(5));

        var refused = (await creating).ShouldBeOfType<Refused>();
        refused.Code.ShouldBe(RefusalCode.RelayUnavailable);
        refused.Message.ShouldContain("did not answer within 5 s");
        await NothingLeftAsync();
        await AwaitAssertAsync(() => endpoint.Waiting.ShouldBe(0));
    }

    [Fact]
    public async Task An_endpoint_that_fails_again_and_again_is_left_alone_and_tried_once_after_a_while()
    {
        endpoint.Answer = (503, "");
        for (var i = 0; i < 5; i++)
            (await RefusedAsync(Create("c"))).Message.ShouldContain("answered 503");
        Requests.ShouldBe(5);

        var open = await RefusedAsync(Create("c"));
        open.Message.ShouldContain("left alone");
        open.RetryAfter.ShouldBe(TimeSpan.FromSeconds(30));
        Requests.ShouldBe(5);

        // Half open: one try, which fails, and it is left alone again.
        Clock.Advance(TimeSpan.FromSeconds(30));
        await AwaitAssertAsync(async () =>
        {
            (await RefusedAsync(Create("c"))).Message.ShouldContain("left alone");
            Requests.ShouldBe(6);
        });

        endpoint.Answer = (200, CredentialsEndpoint.Good);
        (await RefusedAsync(Create("c"))).Message.ShouldContain("left alone");
        Requests.ShouldBe(6);
        Clock.Advance(TimeSpan.FromSeconds(30));
        await AwaitAssertAsync(async () => (await Registry.CreateAsync(Create("c"))).ShouldBeOfType<TubeCreated>());
        await CreatedAsync(Create("d"));
        Requests.ShouldBe(8);
    }

    [Fact]
    public async Task An_asker_that_gives_up_is_not_the_endpoint_s_fault()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        endpoint.Gate = gate.Task;
        using var cancel = new CancellationTokenSource();
        var creating = Enumerable.Range(0, 20).Select(i => Registry.CreateAsync(Create($"c{i}", Listen), cancel.Token)).ToArray();
        await AwaitAssertAsync(() => endpoint.Waiting.ShouldBe(20));

        await cancel.CancelAsync();

        foreach (var create in creating)
            await Should.ThrowAsync<OperationCanceledException>(create);
        await NothingLeftAsync();
        gate.SetResult();
        await CreatedAsync(Create("c"));
    }

    [Fact]
    public async Task What_the_endpoint_answers_is_in_no_log_line()
    {
        var lines = CreateTestProbe();
        Sys.EventStream.Subscribe(lines, typeof(LogEvent));
        await CreatedAsync(Create("c"));
        endpoint.Answer = (200, CredentialsEndpoint.Good.Replace("3600", "0", StringComparison.Ordinal));
        await RefusedAsync(Create("d"));

        var logged = new List<string>();
        while (lines.HasMessages)
            logged.Add((await lines.ExpectMsgAsync<LogEvent>()).ToString()!);
        logged.ShouldNotBeEmpty();
        logged.ShouldAllBe(line => !line.Contains("hush", StringComparison.Ordinal) && !line.Contains("u-1700000000", StringComparison.Ordinal) && !line.Contains("topsecret", StringComparison.Ordinal));
        Peers.Connections[0].Configuration!.ToString().ShouldNotContain("hush");
    }
}

/// <summary>Servers of the settings; there is no endpoint.</summary>
public sealed class ConfiguredServersSpecs(ITestOutputHelper output) : RegistrySpec(output, """
    registry.ice {
      servers = ["stun:stun.example", "turn:turn.example"]
      shared-secret = hush-hush
      transport-policy = relay
      gathering-timeout = 3s
    }
    """)
{
    [Fact]
    public async Task Each_tube_gets_the_servers_with_credentials_that_hold_for_a_while_and_fresh_ones_later()
    {
        await CreatedAsync(Create("a"));

        var configuration = Peers.Connections[0].Configuration!;
        configuration.IceTransportPolicy.ShouldBe(IceTransportPolicy.Relay);
        configuration.GatheringTimeout.ShouldBe(TimeSpan.FromSeconds(3));
        var server = configuration.IceServers.Single();
        server.Urls.ShouldBe(["stun:stun.example", "turn:turn.example"]);
        server.Validate().ShouldBeNull();
        server.Expires.ShouldNotBeNull();
        server.Username.ShouldBe($"{server.Expires.Value.ToUnixTimeSeconds()}:tube");
        Clock.Advance(TimeSpan.FromMinutes(30));
        var fresh = (await configuration.IceServerProvider!.GetServersAsync()).Single();
        (fresh.Expires - server.Expires).ShouldBe(TimeSpan.FromMinutes(30));
        fresh.Credential.ShouldNotBe(server.Credential);
        configuration.ToString().ShouldNotContain("hush");
    }
}
