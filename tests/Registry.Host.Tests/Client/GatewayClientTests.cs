using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Messages;

namespace Registry.Host.Tests.Client;

/// <summary>The clients that come with the gateway: of programs, and of browsers.</summary>
public sealed class GatewayClientTests
{
    private static readonly Dictionary<string, JsonElement> echo = TubeSettings.Of(new { conversationType = "echo" });

    [Fact]
    public async Task Every_call_is_carried_out()
    {
        await using var gateway = await RealGateway.StartAsync();
        using var client = new GatewayClient(new(gateway.Url));

        var tube = await client.CreateTubeAsync(new() { ConversationId = "c/1", Settings = echo, Owner = "o" });
        await client.AssociateAsync(tube.TubeId, "further");
        (await client.FindConversationAsync("c/1")).TubeId.ShouldBe(tube.TubeId);
        (await client.ReadTubeAsync(tube.TubeId)).Conversations.Select(conversation => conversation.ConversationId).ShouldBe(["c/1", "further"]);
        (await client.ListTubesAsync(owner: "o")).Items.ShouldHaveSingleItem().TubeId.ShouldBe(tube.TubeId);
        (await client.CreateTokenAsync(tube.TubeId, TimeSpan.FromMinutes(1))).TubeId.ShouldBe(tube.TubeId);
        await client.AddCandidatesAsync(tube.TubeId, [""]);
        (await client.ChangeLimitsAsync(new() { MaxTubes = 7 })).MaxTubes.ShouldBe(7);
        (await client.ReadNodesAsync()).Items.ShouldHaveSingleItem().Capacity!.Tubes.ShouldBe(1);
        (await client.ReadMetricsAsync()).ShouldContain("# TYPE");
        (await client.CallAsync<CapacityBody>(HttpMethod.Get, "v1/capacity")).Tubes.ShouldBe(1);
        await client.CloseConversationAsync("further");
        await client.CloseTubeAsync(tube.TubeId, nameof(CloseReason.Client));
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
        var signals = new List<SignalBody>();
        await foreach (var signal in client.ReadSignalsAsync(tube.TubeId, after: 1))
            signals.Add(signal);
        signals.Select(signal => signal.Sequence).ShouldBe(Enumerable.Range(2, signals.Count).Select(number => (long)number));
        signals[^1].CloseReason!.Name.ShouldBe(nameof(CloseReason.Client));
        (await client.DrainAsync(new())).IsDraining.ShouldBeTrue();
        (await client.ResumeAsync()).IsDraining.ShouldBeFalse();
    }

    [Fact]
    public async Task The_sample_runs_and_the_pages_show_it()
    {
        await using var gateway = await RealGateway.StartAsync();
        var running = Sample.RunAsync(gateway.Url, key: null, offer: null);
        await Eventually.BecomesAsync(true, () => running.IsCompleted || gateway.Registry.Directory.Count == 1, "the tube is there");
        await gateway.CloseTubeAsync(gateway.Registry.Directory.List().Single().TubeId.ToString());
        await running.WaitAsync(Eventually.Patience);

        var sample = File.ReadAllText(Path.Combine(Programs.SourceFolder, "Client/Sample.cs")).Split("// README")[1].Split('\n')[1..^1].Select(line => line.Length > 8 ? line[8..] : "");
        foreach (var page in new[] { "docs/http.md", "src/Registry.Client/README.md" })
            File.ReadAllText(Path.Combine(Programs.SourceFolder, "../..", page)).ShouldContain("```csharp\n" + string.Join('\n', sample) + "\n```", customMessage: page);
    }

    [Fact]
    public async Task Events_go_on_where_they_stood_when_the_stream_broke()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        using var client = new GatewayClient(new(gateway.Url));
        using var stop = new CancellationTokenSource();
        gateway.Registry.Emit(new TubeListed(new(new("t1"), "n", TubeState.Ready)));
        gateway.Registry.Emit(new TubesListed("p1", "n"));
        gateway.Registry.Emit(new TubeSignalled("p2", new ConnectionStateChanged(new("t1"), 2, default, TubeState.Ready)));
        gateway.Registry.EndChanges();

        var received = new List<GatewayEvent>();
        var reading = Task.Run(async () =>
        {
            await foreach (var change in client.ReadEventsAsync(cancellationToken: stop.Token))
                received.Add(change);
        });

        await Eventually.BecomesAsync("p2", () => gateway.Registry.AskedFrom, "where the client went on");
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(reading.WaitAsync(Eventually.Patience));
        received.Select(change => (change.Position, change.Tube?.TubeId, change.Listed?.Node, change.Signal?.State)).ShouldBe([(null, "t1", null, null), ("p1", null, "n", null), ("p2", null, null, "ready")]);
    }

    [Fact]
    public async Task Pauses_before_a_stream_is_opened_again_are_short_again_after_one_that_stood()
    {
        var time = new RecordedPauses();
        var stream = new Pipe();
        // Three times nobody answers, then a stream that says nothing, and then nobody again.
        using var client = new GatewayClient(new(new("http://gateway.example/")), new Scripted([null, null, null, stream.Reader.AsStream()])) { Time = time };
        using var stop = new CancellationTokenSource();
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Tried(GatewayClient gateway, GatewayException? failure)
        {
            if (failure is null)
                opened.TrySetResult();
        }

        var reading = Task.Run(async () =>
        {
            await foreach (var signal in GatewayClient.ReadSignalsAsync([client], "t", 0, Tried, stop.Token))
                throw new InvalidOperationException($"{signal.Kind} was never sent.");
        });

        await time.PassAsync(250, 500, 1000);
        await opened.Task.WaitAsync(Eventually.Patience);
        time.Advance(TimeSpan.FromSeconds(3)); // longer than the pause that would come next
        await stream.Writer.CompleteAsync();
        await time.PassAsync(250, 500);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(reading.WaitAsync(Eventually.Patience));
    }

    [Fact]
    public async Task After_a_stream_that_stood_the_first_gateway_is_asked_before_the_others()
    {
        var time = new RecordedPauses();
        var stream = new Pipe();
        using var first = new GatewayClient(new(new("http://gateway.example/")), new Scripted([stream.Reader.AsStream()])) { Time = time };
        using var other = new GatewayClient(new(new("http://other.example/")), new Scripted([])) { Time = time };
        using var stop = new CancellationTokenSource();
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var failed = new ConcurrentQueue<GatewayClient>();
        void Tried(GatewayClient gateway, GatewayException? failure)
        {
            if (failure is null)
                opened.TrySetResult();
            else
                failed.Enqueue(gateway);
        }

        var reading = Task.Run(async () =>
        {
            await foreach (var signal in GatewayClient.ReadSignalsAsync([first, other], "t", 0, Tried, stop.Token))
                throw new InvalidOperationException($"{signal.Kind} was never sent.");
        });

        await opened.Task.WaitAsync(Eventually.Patience);
        time.Advance(TimeSpan.FromSeconds(3));
        await stream.Writer.CompleteAsync();
        await time.PassAsync(250, 500, 1000, 2000);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(reading.WaitAsync(Eventually.Patience));
        failed.Take(3).ShouldBe([first, other, first]);
    }

    [Fact]
    public async Task A_refusal_says_what_when_and_where()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Reply = new Refused(RefusalCode.Overloaded, "Full.") { RetryAfter = TimeSpan.FromMilliseconds(2100), Limit = 3 };
        using var client = new GatewayClient(new(gateway.Url, "key"));

        var refused = await Should.ThrowAsync<GatewayRefusedException>(client.CreateTubeAsync(new() { ConversationId = "c", Settings = echo }));
        (refused.Code, refused.Retryable, refused.RetryAfter, refused.Problem.Status, refused.Problem.Limit).ShouldBe(("overloaded", true, TimeSpan.FromMilliseconds(2100), 429, 3));
        (await Should.ThrowAsync<GatewayRefusedException>(client.CreateTubeAsync(new() { Settings = echo }))).Problem.Field.ShouldBe("conversationId");
        new GatewayAddress(gateway.Url, "secret").ToString().ShouldNotContain("secret");
    }

    [Fact]
    public async Task What_does_not_answer_or_is_no_gateway_is_unreachable()
    {
        using var nobody = new GatewayClient(new(new($"http://{Programs.FreeEndPoint()}")));
        (await Should.ThrowAsync<GatewayUnreachableException>(nobody.ReadCapacityAsync())).Message.ShouldContain("No gateway answers");
        using var other = new GatewayClient(new(new("http://localhost")), new Other());
        (await Should.ThrowAsync<GatewayUnreachableException>(other.ReadCapacityAsync())).Message.ShouldContain("not a tube gateway");
    }

    [Theory]
    [InlineData("RFB 003.008\n", "is no HTTP server: it says 'RFB 003.008', as VNC servers do. Check the address.")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "is no HTTP server: it says 'SSH-2.0-OpenSSH_9.2', as SSH servers do. Check the address.")]
    public async Task A_server_of_another_kind_is_said_to_be_one(string greeting, string said)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        using var client = new GatewayClient(new(new($"http://{server.LocalEndpoint}")));
        var asked = client.ReadCapacityAsync();
        using (var connection = await server.AcceptTcpClientAsync().WaitAsync(Eventually.Patience))
        {
            // What came is read, or the end would be a reset.
            (await connection.GetStream().ReadAsync(new byte[4096])).ShouldBeGreaterThan(0);
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(greeting));
        }

        (await Should.ThrowAsync<GatewayUnreachableException>(asked)).Message.ShouldContain(said);
    }

    [ProgramFact("node")]
    public async Task The_module_keeps_its_pauses_and_asks_for_no_tube_that_there_is_not() =>
        await Programs.RunAsync(Programs.Start("node", Path.Combine(Programs.SourceFolder, "Client", "pauses.mjs"), Path.Combine(Programs.SourceFolder, "../../src/Registry.Host/BrowserClient/client.js")));

    [ProgramFact("node", NodePackage = "@roamhq/wrtc")]
    public async Task The_module_connects_follows_and_closes_tubes()
    {
        await using var gateway = await RealGateway.StartAsync();
        await Programs.RunAsync(Programs.Start("node", Path.Combine(Programs.SourceFolder, "Client", "client.mjs"), gateway.Url.ToString(), Programs.NodePackages));
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
    }

    [ProgramFact("chromium", "node", NodePackage = "playwright-core")]
    public async Task The_module_does_not_ask_why_a_tube_ended_that_it_ended_itself()
    {
        await using var gateway = await RealGateway.StartAsync();
        await Programs.RunAsync(Programs.Start("node", Path.Combine(Programs.SourceFolder, "Client", "ends.mjs"), gateway.Url.ToString(), Programs.NodePackages));
    }

    /// <summary>Virtual time that tells what is waited for.</summary>
    private sealed class RecordedPauses : FakeTimeProvider
    {
        private readonly Channel<TimeSpan> pauses = Channel.CreateUnbounded<TimeSpan>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            pauses.Writer.TryWrite(dueTime);
            return timer;
        }

        /// <summary>Lets these pauses pass, each once it is waited for.</summary>
        public async Task PassAsync(params IEnumerable<int> milliseconds)
        {
            foreach (var expected in milliseconds)
            {
                var pause = await pauses.Reader.ReadAsync().AsTask().WaitAsync(Eventually.Patience);
                pause.TotalMilliseconds.ShouldBe(expected);
                Advance(pause);
            }
        }
    }

    /// <summary>Answers with streams in turn; for null and when there are no more nobody answers.</summary>
    private sealed class Scripted(IEnumerable<Stream?> answers) : HttpMessageHandler
    {
        private readonly Queue<Stream?> answers = new(answers);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            answers.TryDequeue(out var stream) && stream is not null
                ? Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(stream) })
                : Task.FromException<HttpResponseMessage>(new HttpRequestException("Nobody is there."));
    }

    private sealed class Other : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("<html>") });
    }
}
