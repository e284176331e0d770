using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

public sealed class TunnelListenerSpecs : IAsyncDisposable
{
    private readonly FakeTimeProvider time = new();
    private readonly ChannelGauges gauges = new();
    private readonly TunnelListener listener;
    private readonly List<IConversation> conversations = [];
    private readonly List<Task> runs = [];
    private readonly ConcurrentQueue<string> givenUp = [];
    private readonly ConcurrentQueue<(IPEndPoint?, int, string?)> cut = [];
    private ScriptedDataChannel? silentEnd;

    public TunnelListenerSpecs() => listener = new(new(IPAddress.Loopback, 0), time, (endPoint, why) => givenUp.Enqueue($"{endPoint} {why}"));

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        foreach (var conversation in conversations)
            conversation.Dispose();
        await Task.WhenAll(runs).WaitAsync(TimeSpan.FromSeconds(30));
        (gauges.Connections, gauges.Sockets, gauges.Listeners).ShouldBe((0, 0, 0));
    }

    [Fact]
    public async Task Clients_that_come_before_a_tunnel_wait_for_it()
    {
        await using var server = LoopbackServer.Echo();
        listener.ClientWaits.IsCompleted.ShouldBeFalse();
        using var client = await ConnectAsync();
        await client.SendAsync("early"u8.ToArray());
        await listener.ClientWaits.WaitAsync(TimeSpan.FromSeconds(30));

        _ = Serve(server.EndPoint);

        (await TunnelFixture.ReadAsync(client, 5)).ShouldBe("early"u8.ToArray());
        listener.ClientWaits.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task The_next_tunnel_takes_new_clients_and_the_one_before_ends_with_its_last()
    {
        await using var one = Naming("one");
        await using var two = Naming("two");
        var before = Serve(one.EndPoint);
        using var old = await ConnectAsync();
        (await AskAsync(old)).ShouldBe("one");

        var after = Serve(two.EndPoint);
        using var next = await ConnectAsync();
        (await AskAsync(next)).ShouldBe("two");
        (await AskAsync(old)).ShouldBe("one");
        before.IsCompleted.ShouldBeFalse();
        old.Shutdown(SocketShutdown.Send);

        (await TunnelFixture.ReadToEndAsync(old)).ShouldBeEmpty();
        var end = await before.WaitAsync(TimeSpan.FromSeconds(30));
        end.Reason.ShouldBe(CloseReason.Normal);
        (await AskAsync(next)).ShouldBe("two");
        after.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_tunnel_without_connections_ends_as_soon_as_another_serves()
    {
        await using var server = LoopbackServer.Echo();
        var before = Serve(server.EndPoint);
        _ = Serve(server.EndPoint);

        (await before.WaitAsync(TimeSpan.FromSeconds(30))).Reason.ShouldBe(CloseReason.Normal);
    }

    [Fact]
    public async Task A_tunnel_that_ends_leaves_the_port_and_its_clients_to_the_next()
    {
        await using var server = LoopbackServer.Echo();
        var first = Serve(server.EndPoint);
        conversations[0].Close(CloseReason.AdminClosed, "lost");
        await first.WaitAsync(TimeSpan.FromSeconds(30));
        using var client = await ConnectAsync();
        await client.SendAsync("x"u8.ToArray());

        _ = Serve(server.EndPoint);

        (await TunnelFixture.ReadAsync(client, 1)).ShouldBe("x"u8.ToArray());
    }

    [Fact]
    public async Task A_target_that_reads_slowly_gets_all_of_it_although_its_tunnel_was_left()
    {
        var sent = RandomNumberGenerator.GetBytes(8_000_000); // more than fits between the client and a target that does not read
        var reached = new TaskCompletionSource<Socket>();
        await using var server = new LoopbackServer(target =>
        {
            target.ReceiveBufferSize = 64 * 1024;
            target.Shutdown(SocketShutdown.Send); // for the client's end of the tunnel, all is over once its last byte was sent
            reached.SetResult(target);
            return Task.CompletedTask;
        });
        var before = Serve(server.EndPoint);
        using var client = await ConnectAsync();
        var writing = Task.Run(async () =>
        {
            await new NetworkStream(client).WriteAsync(sent);
            client.Shutdown(SocketShutdown.Send);
        });
        using var target = await reached.Task;
        _ = Serve(server.EndPoint);

        var read = 0;
        var got = new byte[sent.Length];
        // What is left unread then fits between the two, so that the tunnel can end however slowly the machine runs.
        while (!before.IsCompleted && read < sent.Length - 300_000)
            read += await target.ReceiveAsync(got.AsMemory(read, Math.Min(got.Length - read, 4096))).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        await before.WaitAsync(TimeSpan.FromSeconds(30));
        read.ShouldBeLessThan(sent.Length); // the rest is on its way while its tunnel is closed
        (await TunnelFixture.ReadToEndAsync(target)).CopyTo(got, read);

        await writing;
        got.ShouldBe(sent);
    }

    [Fact]
    public async Task A_client_that_waited_long_enough_is_reset()
    {
        using var client = await ConnectAsync();
        // The wait begins when the listener has accepted, which a test cannot see.
        var cut = TunnelFixture.ShouldResetAsync(Task.FromResult(client));
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return cut.IsCompleted;
        });
        await cut;
        time.GetUtcNow().ShouldBeGreaterThanOrEqualTo(time.Start + TunnelListener.MaxWait);
        await TunnelFixture.UntilAsync(() => !givenUp.IsEmpty);
        givenUp.ShouldBe([$"{listener.EndPoint} no tube for 30 s"]);
        listener.ClientWaits.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Clients_beyond_those_that_may_wait_are_reset_and_the_others_served()
    {
        await using var server = LoopbackServer.Echo();
        var clients = new List<Socket>();
        for (var i = 0; i < TunnelListener.MaxWaiting; i++)
            clients.Add(await ConnectAsync());
        await TunnelFixture.ShouldResetAsync(ConnectAsync());

        _ = Serve(server.EndPoint);

        foreach (var client in clients)
        {
            await client.SendAsync("x"u8.ToArray());
            (await TunnelFixture.ReadAsync(client, 1)).ShouldBe("x"u8.ToArray());
            client.Dispose();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_for_whom_the_other_end_never_answered_goes_to_the_next_tunnel_when_its_own_ends(bool speaksSocks)
    {
        await using var server = LoopbackServer.Echo();
        var silent = Serve(server.EndPoint, speaksSocks, isSilent: true);
        using var client = await ConnectAsync();
        if (speaksSocks)
            await TunnelFixture.ReadAsync(await GreetedAsync(client, server.EndPoint), 2);
        await client.SendAsync("x"u8.ToArray());
        await AskedAsync();

        conversations[0].Close(CloseReason.ConnectionLost, "lost");
        await silent.WaitAsync(TimeSpan.FromSeconds(30));
        _ = Serve(server.EndPoint, speaksSocks);

        if (speaksSocks)
            (await TunnelFixture.ReadAsync(client, 10))[1].ShouldBe((byte)0);
        (await TunnelFixture.ReadAsync(client, 1)).ShouldBe("x"u8.ToArray());
        cut.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_client_for_whom_the_other_end_does_not_answer_goes_to_the_tunnel_that_serves_now_and_is_closed_there()
    {
        await using var server = LoopbackServer.Echo();
        var silent = Serve(server.EndPoint, isSilent: true);
        using var client = await ConnectAsync();
        await client.SendAsync("x"u8.ToArray());
        await AskedAsync();

        _ = Serve(server.EndPoint);
        time.Advance(TimeSpan.FromSeconds(2));

        (await TunnelFixture.ReadAsync(client, 1)).ShouldBe("x"u8.ToArray());
        (await silent.WaitAsync(TimeSpan.FromSeconds(30))).Reason.ShouldBe(CloseReason.Normal);
    }

    [Fact]
    public async Task A_client_for_whom_nobody_answers_is_reset_after_the_time_that_clients_wait()
    {
        _ = Serve(LoopbackServer.Refusing(), isSilent: true);
        using var client = await ConnectAsync();
        var reset = TunnelFixture.ShouldResetAsync(Task.FromResult(client));
        await AskedAsync();

        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return reset.IsCompleted;
        });

        await reset;
        time.GetUtcNow().ShouldBeGreaterThanOrEqualTo(time.Start + TunnelListener.MaxWait);
        await TunnelFixture.UntilAsync(() => !givenUp.IsEmpty);
        givenUp.ShouldBe([$"{listener.EndPoint} no answer through a tube for 30 s"]);
    }

    [Fact]
    public async Task Connections_that_were_up_are_told_when_they_end_with_their_tunnel()
    {
        await using var server = LoopbackServer.Echo();
        var tunnel = Serve(server.EndPoint);
        using var one = await ConnectAsync();
        using var two = await ConnectAsync();
        using var over = await ConnectAsync();
        foreach (var client in new[] { one, two, over })
        {
            await client.SendAsync("x"u8.ToArray());
            await TunnelFixture.ReadAsync(client, 1);
        }

        over.Shutdown(SocketShutdown.Send);
        (await TunnelFixture.ReadToEndAsync(over)).ShouldBeEmpty();
        await TunnelFixture.UntilAsync(() => conversations[0].Connections == 2);
        conversations[0].Close(CloseReason.ConnectionLost, "lost");

        await tunnel.WaitAsync(TimeSpan.FromSeconds(30));
        cut.ShouldContain((listener.EndPoint, 2, null));
    }

    [Fact]
    public async Task Connections_that_end_with_their_tunnel_are_told_also_while_the_other_end_does_not_confirm_its_close()
    {
        await using var server = LoopbackServer.Echo();
        var tunnel = Serve(server.EndPoint, isConfirmed: false);
        using var client = await ConnectAsync();
        await client.SendAsync("x"u8.ToArray());
        await TunnelFixture.ReadAsync(client, 1);

        conversations[0].Close(CloseReason.ConnectionLost, "lost");

        await TunnelFixture.UntilAsync(() => cut.Contains((listener.EndPoint, 1, null)));
        tunnel.IsCompleted.ShouldBeFalse();
    }

    // The open has arrived at the end that does not answer.
    private async Task AskedAsync() => (await silentEnd!.ReceiveAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)))!.Dispose();

    private static async Task<Socket> GreetedAsync(Socket client, IPEndPoint target)
    {
        await client.SendAsync(new byte[] { 5, 1, 0 });
        await client.SendAsync(new byte[] { 5, 1, 0, 1, 127, 0, 0, 1, (byte)(target.Port >> 8), (byte)target.Port });
        return client;
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.EndPoint);
        return socket;
    }

    /// <summary>A tunnel that serves the listener's clients from a target; a silent one's other end reads nothing, and one that is not confirmed has a channel that does not close.</summary>
    /// <returns>How its listening end ended.</returns>
    private Task<ChannelEnd> Serve(IPEndPoint target, bool speaksSocks = false, bool isSilent = false, bool isConfirmed = true)
    {
        var services = new ChannelServices(RegistrySettings.From(Akka.Configuration.Config.Empty), TargetPolicy.Parse(["127.0.0.0/8:*"]), time, gauges)
        {
            Listeners = [listener],
            ConnectionsCut = (where, count, why) => cut.Enqueue((where, count, why)),
        };
        var factory = new ConversationFactory(services);
        factory.TryOpen(speaksSocks ? SocksSettings.Listen(listener.EndPoint) : TunnelSettings.Listen(listener.EndPoint), TunnelFixture.Origin, new(time), new(FlowLimits.From(services.Settings)), out var near, out _).ShouldBeTrue();
        factory.TryOpen(speaksSocks ? SocksSettings.Dial() : TunnelSettings.Dial(target.Address.ToString(), target.Port), TunnelFixture.Origin, new(time), new(FlowLimits.From(services.Settings)), out var far, out _).ShouldBeTrue();
        near.ListenEndPoint.ShouldBe(listener.EndPoint);
        var (nearChannel, farChannel) = ScriptedDataChannel.Pair(256 * 1024);
        nearChannel.KeepOpen = farChannel.KeepOpen = !isConfirmed;
        var run = near.RunAsync(nearChannel, openedByPeer: false);
        conversations.AddRange([near, far]);
        runs.Add(run);
        if (isSilent)
            silentEnd = farChannel;
        else
            runs.Add(far.RunAsync(farChannel, openedByPeer: true));
        return run;
    }

    /// <summary>Answers every byte with its name, until the end of file.</summary>
    private static LoopbackServer Naming(string name) => new(async client =>
    {
        using (client)
        {
            while (await client.ReceiveAsync(new byte[1]) > 0)
                await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(name));
            client.Shutdown(SocketShutdown.Send);
        }
    });

    private static async Task<string> AskAsync(Socket client)
    {
        await client.SendAsync("?"u8.ToArray());
        return System.Text.Encoding.ASCII.GetString(await TunnelFixture.ReadAsync(client, 3));
    }
}
