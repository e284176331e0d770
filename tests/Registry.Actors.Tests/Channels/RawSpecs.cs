using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Channels;

/// <summary>A data channel whose bytes are a TCP connection's, against real targets.</summary>
public sealed class RawSpecs
{
    [Fact]
    public async Task What_a_page_sends_is_the_stream_and_what_the_target_sends_comes_back()
    {
        await using var server = LoopbackServer.Echo();
        await using var raw = new RawPeer(server.EndPoint);
        var sent = RandomNumberGenerator.GetBytes(1_000_000);
        await raw.Channel.SendAsync("text is its bytes, "u8.ToArray(), DataChannelMessageType.Text);

        var sending = raw.SendAsync(sent);
        var read = await raw.ReadAsync(19 + sent.Length);
        await sending;

        Encoding.UTF8.GetString(read.AsSpan(0, 19)).ShouldBe("text is its bytes, ");
        read.AsSpan(19).SequenceEqual(sent).ShouldBeTrue();
        raw.Flow.Sending.Highest.ShouldBeLessThan(100_000);
        raw.Flow.Receiving.Highest.ShouldBeLessThan(100_000);
    }

    [Fact]
    public async Task The_target_s_end_of_file_ends_the_channel_after_all_that_it_sent()
    {
        var sent = RandomNumberGenerator.GetBytes(2_000_000);
        await using var server = new LoopbackServer(async client =>
        {
            await client.SendAsync(sent);
            client.Dispose();
        });
        await using var raw = new RawPeer(server.EndPoint);

        (await raw.ReadToEndAsync()).AsSpan().SequenceEqual(sent).ShouldBeTrue();

        var end = await raw.EndAsync();
        end.Reason.ShouldBe(CloseReason.Normal);
        end.Text.ShouldContain("target ended");
    }

    [Fact]
    public async Task The_channel_s_end_is_the_target_s_end_of_file_after_all_that_was_sent()
    {
        var got = new TaskCompletionSource<byte[]>();
        await using var server = new LoopbackServer(async client => got.SetResult(await TunnelFixture.ReadToEndAsync(client)));
        await using var raw = new RawPeer(server.EndPoint, window: 4_000_000);
        var sent = RandomNumberGenerator.GetBytes(2_000_000);

        await raw.SendAsync(sent);
        raw.Channel.Close();

        (await got.Task.WaitAsync(RawPeer.Patience)).AsSpan().SequenceEqual(sent).ShouldBeTrue();
        (await raw.EndAsync()).ShouldBe(ChannelEnd.Unexplained);
    }

    [Fact]
    public async Task A_target_that_resets_is_told_apart_from_one_that_ends()
    {
        await using var server = new LoopbackServer(async client =>
        {
            await TunnelFixture.ReadAsync(client, 1); // by then the dial is over, which a reset would fail
            client.LingerState = new(true, 0);
            client.Dispose();
        });
        await using var raw = new RawPeer(server.EndPoint);
        await raw.SendAsync([1]);

        (await raw.ReadToEndAsync()).ShouldBeEmpty();

        (await raw.EndAsync()).Reason.ShouldBe(CloseReason.UpstreamClosed);
    }

    [Fact]
    public async Task What_cannot_be_dialled_ends_the_channel_with_its_reason()
    {
        await using (var denied = new RawPeer(new(IPAddress.Parse("10.1.2.3"), 22)))
            (await denied.EndAsync()).ShouldSatisfyAllConditions(e => e.Reason.ShouldBe(CloseReason.ServerRefuse), e => e.Text.ShouldContain("10.1.2.3:22"));
        await using (var refused = new RawPeer(LoopbackServer.Refusing()))
            (await refused.EndAsync()).Reason.ShouldBe(CloseReason.ConnectionFailed);
    }

    [Fact]
    public async Task A_dial_for_a_channel_that_closed_may_take_a_little_longer_and_no_more()
    {
        var time = new FakeTimeProvider();
        var dialling = new TaskCompletionSource();
        await using var raw = new RawPeer(new(IPAddress.Loopback, 9), time: time, connect: async (_, token) =>
        {
            dialling.SetResult();
            await Task.Delay(Timeout.Infinite, token);
            throw new UnreachableException();
        });
        await dialling.Task.WaitAsync(RawPeer.Patience);

        raw.Channel.Close();
        raw.Run.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(5)); // drain-timeout, less than the dial's own

        (await raw.EndAsync()).ShouldBe(ChannelEnd.Unexplained);
    }

    [Fact]
    public async Task A_target_that_does_not_read_holds_bounded_memory_and_is_cut_when_the_channel_closes()
    {
        var time = new FakeTimeProvider();
        var accepted = new TaskCompletionSource<Socket>();
        await using var server = new LoopbackServer(client =>
        {
            client.ReceiveBufferSize = 4096;
            accepted.SetResult(client);
            return Task.CompletedTask;
        });
        await using var raw = new RawPeer(server.EndPoint, time: time);
        var sending = raw.SendAsync(new byte[64_000_000]);
        using var target = await accepted.Task.WaitAsync(RawPeer.Patience);
        await StandsStillAsync(raw);

        raw.Channel.Close();
        await Should.ThrowAsync<DataChannelClosedException>(sending);
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            return raw.Run.IsCompleted;
        });

        raw.Flow.Receiving.Highest.ShouldBeLessThan(100_000);
        await Should.ThrowAsync<SocketException>(() => TunnelFixture.ReadToEndAsync(target)); // a cut, and it can tell
    }

    /// <summary>Waits until the kernel, which makes its buffers larger as it goes, takes no more, so that what is queued cannot drain.</summary>
    private static async Task StandsStillAsync(RawPeer raw)
    {
        using var patience = new CancellationTokenSource(RawPeer.Patience);
        for (var (last, still) = (-1L, 0); still < 25; await Task.Delay(10, patience.Token))
        {
            var buffered = raw.Channel.BufferedAmount;
            still = buffered == last && raw.Flow.Receiving.Queued > 0 ? still + 1 : 0;
            last = buffered;
        }
    }

    [Fact]
    public async Task A_close_from_this_end_cuts_the_target_and_keeps_its_reason()
    {
        await using var server = LoopbackServer.Echo();
        await using var raw = new RawPeer(server.EndPoint);
        await raw.SendAsync("a"u8.ToArray());
        await raw.ReadAsync(1);

        raw.Conversation.Close(CloseReason.AdminClosed, "enough");

        (await raw.EndAsync()).ShouldBe(new ChannelEnd(CloseReason.AdminClosed, "enough"));
    }

    /// <summary>The peer of a raw conversation: what a page has.</summary>
    private sealed class RawPeer : IAsyncDisposable
    {
        public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

        public RawPeer(IPEndPoint target, int window = 256 * 1024, TimeProvider? time = null, Func<IPEndPoint, CancellationToken, Task<Socket>>? connect = null)
        {
            var services = new ChannelServices(RegistrySettings.From(Config.Empty), TargetPolicy.Parse(["127.0.0.0/8:*"]), time ?? TimeProvider.System, Gauges);
            if (connect is not null)
                services = services with { Connect = connect };
            Flow = new(FlowLimits.From(services.Settings));
            new ConversationFactory(services).TryOpen(RawSettings.Dial(target.Address.ToString(), target.Port), TunnelFixture.Origin, new(services.Time), Flow, out var conversation, out _).ShouldBeTrue();
            Conversation = conversation;
            (Channel, var theirs) = ScriptedDataChannel.Pair(window);
            Run = conversation.RunAsync(theirs, openedByPeer: true);
        }

        public ChannelGauges Gauges { get; } = new();
        public TubeFlow Flow { get; }
        public IConversation Conversation { get; }
        public ScriptedDataChannel Channel { get; }
        public Task<ChannelEnd> Run { get; }

        public Task<ChannelEnd> EndAsync() => Run.WaitAsync(Patience);

        public async Task SendAsync(byte[] bytes)
        {
            foreach (var piece in bytes.Chunk(Channel.MaxMessageSize))
                await Channel.SendAsync(piece);
        }

        public async Task<byte[]> ReadAsync(int length)
        {
            using var all = new MemoryStream();
            while (all.Length < length)
                using (var message = (await Channel.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull())
                    all.Write(message.Data.Span);
            return all.ToArray();
        }

        public async Task<byte[]> ReadToEndAsync()
        {
            using var all = new MemoryStream();
            while (await Channel.ReceiveAsync().AsTask().WaitAsync(Patience) is { } message)
                using (message)
                    all.Write(message.Data.Span);
            return all.ToArray();
        }

        public async ValueTask DisposeAsync()
        {
            Conversation.Dispose();
            await EndAsync();
            (Gauges.Connections, Gauges.Sockets).ShouldBe((0, 0));
            (Flow.Sending.Queued, Flow.Receiving.Queued).ShouldBe((0, 0));
        }
    }
}
