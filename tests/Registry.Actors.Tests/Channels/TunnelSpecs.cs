using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

public sealed class TunnelSpecs
{
    [Fact]
    public async Task Bytes_go_there_and_back_and_both_ends_close()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint);
        using var client = await tunnel.ConnectAsync();
        var sent = RandomNumberGenerator.GetBytes(5_000_000);

        var reading = TunnelFixture.ReadToEndAsync(client);
        await new NetworkStream(client).WriteAsync(sent);
        client.Shutdown(SocketShutdown.Send);

        SHA256.HashData(await reading).ShouldBe(SHA256.HashData(sent));
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_half_close_lets_the_answer_come_however_long_it_is()
    {
        // The server answers only after it saw the end of the request.
        var answer = RandomNumberGenerator.GetBytes(50_000_000);
        await using var server = new LoopbackServer(async client =>
        {
            using (client)
            {
                var request = await TunnelFixture.ReadToEndAsync(client);
                await new NetworkStream(client).WriteAsync(SHA256.HashData(request));
                await new NetworkStream(client).WriteAsync(answer);
            }
        });
        await using var tunnel = new TunnelFixture(server.EndPoint);
        using var client = await tunnel.ConnectAsync();
        var request = RandomNumberGenerator.GetBytes(300_000);

        await new NetworkStream(client).WriteAsync(request);
        client.Shutdown(SocketShutdown.Send);

        var received = await TunnelFixture.ReadToEndAsync(client);
        received.AsSpan().SequenceEqual([.. SHA256.HashData(request), .. answer]).ShouldBeTrue();
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_target_that_ends_first_still_hears_the_client()
    {
        var heard = new TaskCompletionSource<byte[]>();
        await using var server = new LoopbackServer(async target =>
        {
            using (target)
            {
                await new NetworkStream(target).WriteAsync("bye"u8.ToArray());
                target.Shutdown(SocketShutdown.Send);
                heard.SetResult(await TunnelFixture.ReadToEndAsync(target));
            }
        });
        await using var tunnel = new TunnelFixture(server.EndPoint);
        using var client = await tunnel.ConnectAsync();

        (await TunnelFixture.ReadToEndAsync(client)).ShouldBe("bye"u8.ToArray());
        await new NetworkStream(client).WriteAsync("late"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);

        (await heard.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("late"u8.ToArray());
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task One_hundred_connections_at_once_are_all_served()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint);

        await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var client = await tunnel.ConnectAsync();
            var sent = RandomNumberGenerator.GetBytes(20_000);
            await new NetworkStream(client).WriteAsync(sent);
            client.Shutdown(SocketShutdown.Send);
            (await TunnelFixture.ReadToEndAsync(client)).ShouldBe(sent);
        }));

        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_target_that_refuses_resets_the_client()
    {
        await using var tunnel = new TunnelFixture(LoopbackServer.Refusing());

        await TunnelFixture.ShouldResetAsync(tunnel.ConnectAsync());
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_target_that_no_rule_allows_is_not_dialled()
    {
        var dialled = 0;
        await using var server = new LoopbackServer(client =>
        {
            Interlocked.Increment(ref dialled);
            return Task.CompletedTask;
        });
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "10.0.0.0/8:*");

        await TunnelFixture.ShouldResetAsync(tunnel.ConnectAsync());
        dialled.ShouldBe(0);
    }

    [Fact]
    public async Task A_target_that_never_answers_is_given_up_after_the_dial_timeout()
    {
        var time = new FakeTimeProvider();
        // A name that never resolves stands for a target that never answers.
        await using var tunnel = new TunnelFixture(new(IPAddress.Loopback, 9), time: time, allow: "silent.example:9", host: "silent.example", run: false);
        var asked = new TaskCompletionSource();
        var dialer = new Registry.Actors.Channels.TargetDialer(tunnel.Services with
        {
            Resolve = (_, _) =>
            {
                asked.SetResult();
                return new TaskCompletionSource<IPAddress[]>().Task;
            },
        }, TunnelFixture.Origin, new());

        var dialling = dialer.DialAsync("silent.example", 9, CancellationToken.None);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(9.9));
        dialling.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(0.2));

        var result = await dialling;
        result.Socket.ShouldBeNull();
        result.Reason.ShouldBe(CloseReason.Timeout);
        result.Text.ShouldContain("silent.example:9");
    }

    [Fact]
    public async Task A_target_that_does_not_read_holds_bounded_memory_and_lets_go_at_the_close()
    {
        var reached = new TaskCompletionSource<Socket>();
        await using var server = new LoopbackServer(client =>
        {
            client.ReceiveBufferSize = 64 * 1024;
            reached.SetResult(client);
            return Task.CompletedTask; // and never reads
        });
        await using var tunnel = new TunnelFixture(server.EndPoint, "registry.channels.receive-limit = 64 KiB", window: 64 * 1024, protocol: "");
        using var client = await tunnel.ConnectAsync();
        using var target = await reached.Task;

        // Writes until nothing more is taken: the brake reaches the client's socket.
        client.Blocking = false;
        client.SendBufferSize = 64 * 1024; // with less, each piece may wait for a delayed acknowledgement (RFC 1122 §4.2.3.2), and megabytes take minutes
        var block = new byte[64 * 1024];
        long taken = 0;
        await TunnelFixture.UntilAsync(() =>
        {
            taken += SendWithoutWaiting(client, block);
            return tunnel.FarChannel.Waiting >= 64 * 1024 && SendWithoutWaiting(client, block) == 0;
        });

        taken.ShouldBeLessThan(64 * 1024 * 1024);
        tunnel.FarChannel.Waiting.ShouldBeLessThan(2 * 64 * 1024);
        tunnel.Near.Close(CloseReason.Normal, "done");
        (await tunnel.NearEnd).Reason.ShouldBe(CloseReason.Normal);
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task The_close_of_the_channel_closes_every_socket_and_the_listener_and_tells_the_peer()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint);
        var clients = new List<Socket>();
        for (var i = 0; i < 10; i++)
        {
            clients.Add(await tunnel.ConnectAsync());
            await new NetworkStream(clients[i]).WriteAsync("x"u8.ToArray());
            (await TunnelFixture.ReadAsync(clients[i], 1)).ShouldBe("x"u8.ToArray());
        }

        tunnel.Gauges.Sockets.ShouldBe(20);
        tunnel.Near.Close(CloseReason.AdminClosed, "by hand");
        tunnel.Near.Close(CloseReason.Error, "a second close counts for nothing");

        (await tunnel.NearEnd).Reason.ShouldBe(CloseReason.AdminClosed);
        var far = await tunnel.FarEnd;
        far.Reason.ShouldBe(CloseReason.AdminClosed);
        far.Text.ShouldBe("by hand");
        await tunnel.NoConnectionLeftAsync();
        tunnel.Gauges.Listeners.ShouldBe(0);
        foreach (var client in clients)
            await TunnelFixture.ShouldResetAsync(Task.FromResult(client));

        await Should.ThrowAsync<SocketException>(tunnel.ConnectAsync());
    }

    [Fact]
    public async Task Connections_above_the_limit_are_turned_away()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint, "registry.channels.max-connections = 1");
        using var first = await tunnel.ConnectAsync();
        await new NetworkStream(first).WriteAsync("x"u8.ToArray());
        await TunnelFixture.ReadAsync(first, 1);

        // The reset may already come while connecting.
        var turnedAway = await Record.ExceptionAsync(async () =>
        {
            using var second = await tunnel.ConnectAsync();
            await TunnelFixture.ReadToEndAsync(second);
        });

        turnedAway.ShouldBeOfType<SocketException>().SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await new NetworkStream(first).WriteAsync("y"u8.ToArray());
        (await TunnelFixture.ReadAsync(first, 1)).ShouldBe("y"u8.ToArray());
    }

    [Fact]
    public async Task A_client_that_resets_ends_the_target_s_connection_too()
    {
        var ended = new TaskCompletionSource();
        await using var server = new LoopbackServer(async target =>
        {
            using (target)
            {
                await Record.ExceptionAsync(() => TunnelFixture.ReadToEndAsync(target));
                ended.SetResult();
            }
        });
        await using var tunnel = new TunnelFixture(server.EndPoint);
        var client = await tunnel.ConnectAsync();
        await new NetworkStream(client).WriteAsync("x"u8.ToArray());
        await TunnelFixture.UntilAsync(() => tunnel.Gauges.Sockets == 2);

        client.LingerState = new(true, 0);
        client.Dispose();

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_listener_that_gets_no_answer_gives_its_client_up()
    {
        var time = new FakeTimeProvider();
        await using var tunnel = new TunnelFixture(new(IPAddress.Loopback, 9), time: time, run: false);
        var near = tunnel.Near.RunAsync(tunnel.NearChannel, openedByPeer: false); // the far end never runs: nothing answers
        using var client = await tunnel.ConnectAsync();
        await TunnelFixture.UntilAsync(() => tunnel.FarChannel.Waiting > 0);

        time.GetUtcNow().ShouldBe(time.Start);
        tunnel.Gauges.Sockets.ShouldBe(1);

        // The deadline starts once the open was sent, which a test cannot see: let time pass until it was reached.
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return tunnel.Gauges.Sockets == 0;
        });

        await TunnelFixture.ShouldResetAsync(Task.FromResult(client));
        await tunnel.NoConnectionLeftAsync();
        tunnel.Near.Dispose();
        await near.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static int SendWithoutWaiting(Socket socket, byte[] block)
    {
        var sent = socket.Send(block, SocketFlags.None, out var error);
        return error == SocketError.Success ? sent : 0;
    }
}
