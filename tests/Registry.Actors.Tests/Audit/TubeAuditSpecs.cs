using System.Net;
using Registry.Actors.Audit;
using Registry.Actors.Tests.Tubes;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Audit;

/// <summary>What the records of a tube say, and that nothing begins which must be recorded and cannot be.</summary>
public sealed class TubeAuditSpecs(ITestOutputHelper output, RecordingAudit audit) : RegistrySpec(output, configure: o => o.Audit = audit), IClassFixture<RecordingAudit>
{
    [Fact]
    public async Task A_tube_s_records_say_who_asked_for_what_and_how_long_it_lasted()
    {
        var (tube, _, far) = await ReadyAsync(Create("talk", TunnelSettings.Dial("db.example", 5432)) with { Owner = "alice", Caller = "laptop" });
        Clock.Advance(TimeSpan.FromSeconds(5));
        await Registry.CloseTubeAsync(new(tube.TubeId, CloseReason.Client, new string('x', 1000)) { Caller = new string('c', 200) });
        await far.DisposeAsync();

        var (start, end) = audit.OfTube(tube.TubeId);
        start.ShouldBe(new AuditRecord(AuditKind.TubeStart, start.Id, start.At, "here")
        {
            Owner = "alice",
            Caller = "laptop",
            TubeId = tube.TubeId.ToString(),
            ConversationId = "talk",
            Type = "tunnel",
            Target = "db.example:5432",
        });
        end.ShouldBe(start with { Kind = AuditKind.TubeEnd, At = end.At, BytesSent = end.BytesSent, BytesReceived = end.BytesReceived, Reason = CloseReason.Client, Text = new string('x', 512), ClosedBy = new string('c', 128), DurationMs = 5000 });
        end.At.ShouldBe(start.At + TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Who_closes_a_conversation_is_in_its_records_and_in_those_of_a_tube_that_ends_with_it()
    {
        var (tube, _, far) = await ReadyAsync(Create("heard"));
        await Registry.CloseConversationAsync(new(new("heard"), CloseReason.Client) { Caller = "laptop" });
        audit.Of(AuditKind.ConnectionEnd).Single(end => end.ConversationId == "heard").ClosedBy.ShouldBe("laptop");
        await Registry.CloseTubeAsync(new(tube.TubeId));
        await far.DisposeAsync();
        audit.OfTube(tube.TubeId).End.ClosedBy.ShouldBeNull();

        var id = TubeId.NewId();
        var writing = new TaskCompletionSource<bool>();
        audit.Answer = _ => writing.Task;
        var creating = Registry.CreateAsync(Create("unmade") with { TubeId = id });
        await StateAsync(id, TubeState.Initializing);
        await Registry.CloseTubeAsync(new(id, CloseReason.Client) { Caller = "laptop" });
        await creating;
        writing.SetResult(true);
        await AwaitAssertAsync(() => audit.OfTube(id).End.ClosedBy.ShouldBe("laptop"));
    }

    [Fact]
    public async Task A_listening_tube_s_records_say_where_and_a_session_s_hold_no_secret()
    {
        var listening = await CreatedAsync(Create("listening", TunnelSettings.Listen(new(IPAddress.Loopback, 0))));
        var session = Create("session", GuacdSettings.Create("vnc", [new("hostname", "pc.example"), new("password", "hunter2")], new("guacd.example", 4822)));
        var desktop = await CreatedAsync(session);
        await Registry.CloseTubeAsync(new(listening.TubeId));
        await Registry.CloseTubeAsync(new(desktop.TubeId));

        audit.OfTube(listening.TubeId).Start.Listen.ShouldBe("127.0.0.1:0");
        audit.OfTube(desktop.TubeId).Start.Target.ShouldBe("pc.example:5900");
        string.Join('\n', audit.Records).ShouldNotContain("hunter2");
    }

    [Fact]
    public async Task No_tube_and_no_channel_is_made_while_nothing_can_be_recorded()
    {
        var tube = await CreatedAsync(Create("before"));
        var count = audit.Records.Count;
        audit.IsAvailable = false;

        var refused = await RefusedAsync(Create("meanwhile"));
        (refused.Code, refused.Retryable).ShouldBe((RefusalCode.AuditUnavailable, true));
        refused.RetryAfter.ShouldNotBeNull();
        (await RefusedAsync(Create("further") with { TubeId = tube.TubeId })).Code.ShouldBe(RefusalCode.AuditUnavailable);
        (audit.Records.Count, audit.Refused).ShouldBe((count, 2));

        audit.IsAvailable = true;
        await Registry.CloseTubeAsync(new((await CreatedAsync(Create("meanwhile"))).TubeId));
        await Registry.CloseTubeAsync(new(tube.TubeId));
        await NothingLeftAsync();
    }

    [Fact]
    public async Task A_tube_whose_start_could_not_be_written_is_refused_and_has_no_end()
    {
        audit.Answer = _ => Task.FromResult(false);

        var refused = await RefusedAsync(Create("unwritten") with { TubeId = new("unwritten") });

        refused.Code.ShouldBe(RefusalCode.AuditUnavailable);
        audit.Records.ShouldAllBe(record => record.TubeId != "unwritten");
        Registry.Directory.TryGetClosed(new("unwritten"), out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(CloseReason.ErrorRecording);
        Peers.Connections.ShouldBeEmpty();
        await NothingLeftAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tube_that_ends_before_its_start_is_written_gets_its_end_only_behind_it(bool isWritten)
    {
        var id = TubeId.NewId();
        var writing = new TaskCompletionSource<bool>();
        audit.Answer = _ => writing.Task;
        var creating = Registry.CreateAsync(Create($"waits {isWritten}") with { TubeId = id });
        await StateAsync(id, TubeState.Initializing);

        await Registry.CloseTubeAsync(new(id));
        (await creating).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeClosing);
        audit.Records.ShouldAllBe(record => record.TubeId != id.ToString());
        writing.SetResult(isWritten);

        if (isWritten)
            await AwaitAssertAsync(() => audit.OfTube(id).End.Reason.ShouldBe(CloseReason.AdminClosed));
        else
            audit.Records.ShouldAllBe(record => record.TubeId != id.ToString());
        await NothingLeftAsync();
    }

    protected override void AfterAll()
    {
        (audit.Answer, audit.IsAvailable) = (null, true);
        base.AfterAll();
    }
}
