using System.Diagnostics;
using Akka.Actor;
using Registry.Actors.Tests.Tubes;
using Registry.Actors.Tracing;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tracing;

public sealed class TraceSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o => o.MaxConcurrentCreates = 1)
{
    [Fact]
    public async Task A_create_is_one_trace_from_the_call_to_the_first_channel()
    {
        using var spans = new SpanListener();
        var (tube, _, _) = await ReadyAsync(Create("c") with { TraceParent = spans.TraceParent, TraceState = "vendor=1" });

        var create = await spans.EndedAsync("registry.create");
        create.ParentSpanId.ShouldBe(spans.Caller);
        create.TraceStateString.ShouldBe("vendor=1");
        create.GetTagItem("tube.id").ShouldBe(tube.TubeId.ToString());
        create.GetTagItem("conversation.id").ShouldBe("c");
        create.GetTagItem("registry.node").ShouldBe(tube.Node);
        create.Status.ShouldBe(ActivityStatusCode.Unset);
        foreach (var name in new[] { "registry.admit", "tube.make", "tube.connect" })
            (await spans.EndedAsync(name)).ParentSpanId.ShouldBe(create.SpanId, name);
        var connect = await spans.EndedAsync("tube.connect");
        connect.GetTagItem("ice.pair").ShouldBe("host/prflx");
        foreach (var name in new[] { "ice.connect", "dtls.connect", "sctp.connect" })
            (await spans.EndedAsync(name)).ParentSpanId.ShouldBe(connect.SpanId, name);
        spans.Ended.Count.ShouldBe(7);
        spans.Ended.ShouldAllBe(span => span.Source.Name == TubeRegistryTraces.SourceName);
    }

    [Fact]
    public async Task A_create_that_is_asked_of_the_actor_is_one_trace_too()
    {
        using var spans = new SpanListener(ofAllTraces: true);
        (await Actor.Ask<RegistryReply>(Create("asked"))).ShouldBeOfType<TubeCreated>();

        var admission = await spans.EndedAsync("registry.admit", "asked");
        admission.ParentSpanId.ShouldBe(default);
        (await spans.EndedAsync("tube.make", "asked")).ParentSpanId.ShouldBe(admission.SpanId);
    }

    [Fact]
    public async Task What_fails_says_in_its_spans_why()
    {
        using var spans = new SpanListener();
        await CreatedAsync(Create("c") with { TraceParent = spans.TraceParent });
        Clock.Advance(TimeSpan.FromSeconds(30)); // and no answer
        await NothingLeftAsync();

        spans.Ended.ShouldNotContain(span => span.OperationName == "tube.connect"); // which it did not come to
        (await RefusedAsync(Create("d") with { TraceParent = spans.TraceParent, Offer = "?" })).Code.ShouldBe(RefusalCode.InvalidSdp);
        (await spans.EndedAsync("registry.create")).Status.ShouldBe(ActivityStatusCode.Unset);
        var refused = spans.Ended.Last(span => span.OperationName == "registry.create");
        (refused.Status, refused.GetTagItem("error.type")).ShouldBe((ActivityStatusCode.Error, "invalid_sdp"));
        spans.Ended.Last(span => span.OperationName == "tube.make").GetTagItem("error.type").ShouldBe("ConfigurationError");
    }

    [Fact]
    public async Task A_tube_that_finds_no_path_ends_its_spans_with_the_reason()
    {
        using var spans = new SpanListener();
        Peers.AutoConnect = false;
        var far = await CreatedAsync(Create("far"));
        await CreatedAsync(Create("near") with { TraceParent = spans.TraceParent, Offer = far.Offer });
        Clock.Advance(TimeSpan.FromSeconds(30));
        await NothingLeftAsync();

        foreach (var name in new[] { "ice.connect", "tube.connect" })
            (await spans.EndedAsync(name)).GetTagItem("error.type").ShouldBe("ConnectionFailed", name);
    }

    [Fact]
    public async Task A_create_that_waits_or_is_refused_says_so_in_the_span_of_its_admission()
    {
        using var spans = new SpanListener();
        var held = Peers.Hold("CreateOffer");
        var first = Registry.CreateAsync(Create("first"));
        await AwaitAssertAsync(() => Registry.Capacity.ActiveCreates.ShouldBe(1));
        await RefusedAsync(Create("refused") with { TraceParent = spans.TraceParent });
        (await spans.EndedAsync("registry.admit")).GetTagItem("error.type").ShouldBe("overloaded");
        var waits = Registry.CreateAsync(Create("waits") with { TraceParent = spans.TraceParent, MaxWait = TimeSpan.FromSeconds(10) });
        await AwaitAssertAsync(() => Registry.Capacity.Waiting.ShouldBe(1));
        held.SetResult();
        await Task.WhenAll(first, waits);

        spans.Ended.Last(span => span.OperationName == "registry.admit").GetTagItem("registry.waited").ShouldBe(true);
    }

    [Fact]
    public async Task A_malformed_traceparent_counts_as_none()
    {
        foreach (var malformed in new[] { "", "00-0-0-01", "zz-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", new string('0', 10_000), "00-00000000000000000000000000000000-b7ad6b7169203331-01" })
        {
            Spans.ContextOf(Create("c") with { TraceParent = malformed }).ShouldBe(default);
            await Registry.CloseTubeAsync(new((await CreatedAsync(Create("c") with { TraceParent = malformed })).TubeId));
        }

        Spans.ContextOf(Create("c") with { TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = new string('a', 513) }).TraceState.ShouldBeNull();
    }

    [Fact]
    public async Task While_nobody_listens_no_span_is_made_and_nothing_is_allocated_for_one()
    {
        Spans.AreWanted.ShouldBeFalse();
        var command = Create("c");
        var (tube, near, _) = await ReadyAsync(command);
        var trace = new TubeTrace(Node.Metrics, Node.Time, command, tube.TubeId);
        trace.Ambient.ShouldBeNull();
        _ = Spans.WithCurrentTrace(command); // compiled before it is measured

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            if (Spans.AreWanted || Spans.Start("registry.admit", command) is not null || !ReferenceEquals(Spans.WithCurrentTrace(command), command))
                Assert.Fail("A span was made.");
            trace.Making();
            trace.Made();
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        near.ConnectionState.ShouldBe(PeerConnectionState.Connected);
    }

    [Fact]
    public async Task Without_spans_a_tube_still_knows_the_trace_of_its_caller()
    {
        using var caller = new Activity("caller").Start();
        var command = Spans.WithCurrentTrace(Create("c"));
        command.TraceParent.ShouldBe(caller.Id);
        var ambient = new TubeTrace(Node.Metrics, Node.Time, command, new("t")).Ambient.ShouldNotBeNull();
        ambient.TraceId.ShouldBe(caller.TraceId);
        Activity.Current.ShouldBe(caller);
        await CreatedAsync(Create("c"));
    }
}
