using System.Text;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Audit;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Channels;

/// <summary>Channels that code of the application serves.</summary>
public sealed class HandlerSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_handler_speaks_in_messages_and_its_return_ends_the_channel()
    {
        using var served = new Served(async (conversation, token) =>
        {
            conversation.TubeId.ShouldBe(TunnelFixture.Origin.TubeId);
            conversation.ConversationId.ShouldBe(TunnelFixture.Origin.ConversationId);
            using var message = await conversation.ReceiveAsync(token);
            await conversation.SendAsync(message!.Data, message.Type, token);
        });
        await served.Peer.SendAsync("hello"u8.ToArray(), DataChannelMessageType.Text);

        (await served.NextAsync()).ShouldBe("hello");
        (await served.NextAsync()).ShouldBeNull();

        (await served.EndAsync()).Reason.ShouldBe(CloseReason.Normal);
        served.Users.ReceivedAt.ShouldNotBe(0);
        served.Users.SentAt.ShouldNotBe(0);
    }

    [Fact]
    public async Task As_a_stream_messages_are_bytes_and_the_peer_s_close_is_the_end_of_file()
    {
        var read = new TaskCompletionSource<string>();
        using var served = new Served(async (conversation, token) =>
        {
            using var reader = new StreamReader(conversation.AsStream());
            read.SetResult(await reader.ReadToEndAsync(token));
        });
        foreach (var piece in new[] { "ab", "", "c" })
            await served.Peer.SendAsync(Encoding.ASCII.GetBytes(piece));
        served.Peer.Close();

        (await read.Task.WaitAsync(Patience)).ShouldBe("abc");
        (await served.EndAsync()).ShouldBe(ChannelEnd.Unexplained);
    }

    [Fact]
    public async Task What_is_written_to_the_stream_goes_in_messages_of_at_most_16_KiB()
    {
        using var served = new Served(async (conversation, token) => await conversation.AsStream().WriteAsync(new byte[40_000], token));
        var lengths = new List<int>();

        while (await served.Peer.ReceiveAsync().AsTask().WaitAsync(Patience) is { } message)
            using (message)
                lengths.Add(message.Data.Length);

        lengths.ShouldBe([16384, 16384, 7232]);
    }

    [Fact]
    public async Task A_handler_that_waits_for_its_token_is_no_failure_when_its_tube_ends()
    {
        using var served = new Served((_, token) => Task.Delay(Timeout.Infinite, token));

        served.Dispose();

        (await served.EndAsync()).ShouldBe(ChannelEnd.Unexplained);
        served.Failures.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_handler_throws_ends_its_channel_with_a_reason_that_quotes_nothing(bool atOnce)
    {
        using var served = new Served((_, _) => atOnce
            ? throw new InvalidOperationException("a secret")
            : Task.FromException(new InvalidOperationException("a secret")));

        var end = await served.EndAsync();

        end.Reason.ShouldBe(CloseReason.HandlerError);
        end.Text.ShouldBe("The handler test failed with InvalidOperationException.");
        served.Failures.ShouldBe(["a secret"]);
        (await served.NextAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_handler_that_ignores_its_token_holds_nobody_up()
    {
        using var served = new Served((_, _) => new TaskCompletionSource().Task);

        served.Conversation.Close(CloseReason.AdminClosed, "enough");

        (await served.EndAsync()).ShouldBe(new ChannelEnd(CloseReason.AdminClosed, "enough"));
    }

    [Fact]
    public async Task A_handler_that_does_not_look_at_its_channel_is_told_that_it_closed()
    {
        var time = new FakeTimeProvider();
        using var served = new Served((_, token) => Task.Delay(Timeout.Infinite, token), time);
        served.Peer.Close();

        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5)); // drain-timeout
            return served.Run.IsCompleted;
        });

        (await served.EndAsync()).ShouldBe(ChannelEnd.Unexplained);
        served.Failures.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("returns", CloseReason.Normal, null)]
    [InlineData("throws", CloseReason.HandlerError, null)]
    [InlineData("closed", CloseReason.AdminClosed, "root")]
    [InlineData("peer", CloseReason.TunnelClosed, null)]
    public async Task A_handler_s_channel_is_recorded_as_one_connection_to_it(string cause, CloseReason reason, string? closedBy)
    {
        var audit = new RecordingAudit();
        var answered = new TaskCompletionSource();
        using var served = new Served(async (conversation, token) =>
        {
            using var message = await conversation.ReceiveAsync(token);
            await conversation.SendAsync(message!.Data[..2], message.Type, token);
            answered.SetResult();
            if (cause == "throws")
                throw new InvalidOperationException();
            if (cause != "returns")
                await conversation.ReceiveAsync(token);
        }, audit: audit);
        await served.Peer.SendAsync("hello"u8.ToArray());
        (await served.NextAsync()).ShouldBe("he");
        await answered.Task.WaitAsync(Patience);
        if (cause == "closed")
            served.Conversation.Close(CloseReason.AdminClosed, "enough", "root");
        if (cause == "peer")
            served.Peer.Close();
        await served.EndAsync();

        audit.ShouldBeWhole();
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Target, end.Dialled, end.Connection, end.BytesSent, end.BytesReceived, end.Reason, end.ClosedBy).ShouldBe(("test", null, null, 2, 5, reason, closedBy));
    }

    [Fact]
    public async Task A_handler_is_not_called_for_what_cannot_be_recorded()
    {
        using var served = new Served((_, _) => throw new InvalidOperationException("called"), audit: new RecordingAudit { Answer = _ => Task.FromResult(false) });

        (await served.EndAsync()).Reason.ShouldBe(CloseReason.ErrorRecording);
        served.Failures.ShouldBeEmpty();
    }

    [Fact]
    public void A_handler_that_the_node_lacks_is_refused_by_name()
    {
        var services = new ChannelServices(RegistrySettings.From(Config.Empty), TargetPolicy.Parse([]), TimeProvider.System, new());

        new ConversationFactory(services).TryOpen(new HandlerSettings("other"), TunnelFixture.Origin, new(services.Time), new(FlowLimits.From(services.Settings)), out _, out var refusal).ShouldBeFalse();

        refusal!.Key.ShouldBe("handler");
        refusal.Message.ShouldContain("\"other\"");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tunnel_at_the_other_end_is_refused_in_words_by_the_end_that_did_not_open_the_channel(bool isOpenedByTunnel)
    {
        var services = new ChannelServices(RegistrySettings.From(Config.Empty), TargetPolicy.Parse([]), TimeProvider.System, new());
        new ConversationFactory(services).TryOpen(TunnelSettings.Dial("127.0.0.1", 9), TunnelFixture.Origin, new(services.Time), new(FlowLimits.From(services.Settings)), out var tunnel, out _).ShouldBeTrue();
        using var ending = tunnel;
        var wasCalled = false;
        using var served = new Served((conversation, token) =>
        {
            wasCalled = true;
            return conversation.ReceiveAsync(token).AsTask();
        }, other: tunnel, isOpenedByOther: isOpenedByTunnel);

        var tunnelEnd = await served.Other!.WaitAsync(Patience);

        (tunnelEnd.Reason, tunnelEnd.ByPeer).ShouldBe((CloseReason.ConfigurationError, isOpenedByTunnel));
        tunnelEnd.Text.ShouldContain("handler");
        var end = await served.EndAsync();
        if (isOpenedByTunnel)
            end.ShouldBe(tunnelEnd with { ByPeer = false });
        wasCalled.ShouldBe(!isOpenedByTunnel);
    }

    private sealed class Served : IConversationHandler, IDisposable
    {
        private readonly Func<HandledConversation, CancellationToken, Task> run;

        public Served(Func<HandledConversation, CancellationToken, Task> run, TimeProvider? time = null, IConversation? other = null, bool isOpenedByOther = true, IAuditSink? audit = null)
        {
            this.run = run;
            var services = new ChannelServices(RegistrySettings.From(Config.Empty), TargetPolicy.Parse([]), time ?? TimeProvider.System, new())
            {
                Handlers = new Dictionary<string, IConversationHandler> { ["test"] = this },
                HandlerFailed = (_, _, e) => Failures.Add(e.Message),
                Audit = new(audit, "here", TimeProvider.System),
            };
            Users = new(services.Time);
            new ConversationFactory(services).TryOpen(new HandlerSettings("test"), TunnelFixture.Origin, Users, new(FlowLimits.From(services.Settings)), out var conversation, out _).ShouldBeTrue();
            Conversation = conversation;
            (Peer, var own) = ScriptedDataChannel.Pair(protocol: isOpenedByOther ? other?.Protocol ?? "" : conversation.Protocol);
            Run = conversation.RunAsync(own, openedByPeer: isOpenedByOther);
            Other = other?.RunAsync(Peer, openedByPeer: !isOpenedByOther);
        }

        public List<string> Failures { get; } = [];
        public UserTraffic Users { get; }
        public IConversation Conversation { get; }
        public ScriptedDataChannel Peer { get; }
        public Task<ChannelEnd> Run { get; }
        public Task<ChannelEnd>? Other { get; }

        public Task<ChannelEnd> EndAsync() => Run.WaitAsync(Patience);

        public async Task<string?> NextAsync()
        {
            using var message = await Peer.ReceiveAsync().AsTask().WaitAsync(Patience);
            return message is null ? null : Encoding.UTF8.GetString(message.Data.Span);
        }

        public void Dispose() => Conversation.Dispose();

        Task IConversationHandler.RunAsync(HandledConversation conversation, CancellationToken cancellationToken) => run(conversation, cancellationToken);
    }
}
