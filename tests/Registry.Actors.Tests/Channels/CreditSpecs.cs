using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>Two ends that speak tube.v2: a target that stops reading stops its own connection and nothing else.</summary>
public sealed class CreditSpecs
{
    private const int Window = 1024 * 1024;

    [Fact]
    public async Task A_target_that_stops_reading_holds_a_window_at_most_and_gets_everything_once_it_reads()
    {
        var stuck = new TaskCompletionSource<Socket>();
        await using var server = new LoopbackServer(target =>
        {
            target.ReceiveBufferSize = 64 * 1024;
            stuck.TrySetResult(target);
            return Task.CompletedTask;
        });
        await using var tunnel = new TunnelFixture(server.EndPoint);
        using var client = await tunnel.ConnectAsync();
        using var target = await stuck.Task;
        var sent = RandomNumberGenerator.GetBytes(32_000_000);
        var writing = Task.Run(async () =>
        {
            await new NetworkStream(client).WriteAsync(sent);
            client.Shutdown(SocketShutdown.Send);
        });
        // Everything that can be on its way is: the window is used up.
        await TunnelFixture.UntilAsync(() => tunnel.FarFlow.Receiving.Queued >= 64 * 1024 && tunnel.FarChannel.Waiting == 0);

        writing.IsCompleted.ShouldBeFalse();
        var received = await TunnelFixture.ReadToEndAsync(target);

        await writing;
        SHA256.HashData(received).ShouldBe(SHA256.HashData(sent));
        tunnel.FarFlow.Receiving.Highest.ShouldBeInRange(64 * 1024, Window);
        target.Dispose();
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task Stopped_targets_leave_the_other_connections_of_the_channel_their_rate()
    {
        const int Stopped = 20;
        var stuck = new List<Socket>();
        await using var server = new LoopbackServer(async target =>
        {
            var first = await TunnelFixture.ReadAsync(target, 1);
            if (first[0] == 's')
            {
                lock (stuck)
                    stuck.Add(target);
                return;
            }

            using (target)
                await new NetworkStream(target).CopyToAsync(new NetworkStream(target));
        });
        await using var tunnel = new TunnelFixture(server.EndPoint);
        var alone = await EchoAsync(tunnel, rounds: 300);

        var stopped = new List<Socket>();
        var block = new byte[64 * 1024];
        Array.Fill(block, (byte)'s');
        for (var i = 0; i < Stopped; i++)
        {
            var client = await tunnel.ConnectAsync();
            client.Blocking = false;
            stopped.Add(client);
        }

        // Write all of them full, as long as anything is taken anywhere.
        var quiet = Stopwatch.StartNew();
        await TunnelFixture.UntilAsync(() =>
        {
            foreach (var client in stopped)
                if (client.Send(block, SocketFlags.None, out var error) > 0 && error == SocketError.Success)
                    quiet.Restart();
            return quiet.ElapsedMilliseconds > 100;
        });
        await TunnelFixture.UntilAsync(() => tunnel.FarChannel.Waiting == 0); // the channel itself is free
        tunnel.FarFlow.Receiving.Highest.ShouldBeInRange(Stopped * 64 * 1024, tunnel.FarFlow.Limits.TubeLimit);
        tunnel.NearFlow.Sending.Highest.ShouldBeLessThanOrEqualTo(tunnel.NearFlow.Limits.TubeLimit);

        var beside = await EchoAsync(tunnel, rounds: 300);

        // Not a measurement, which a busy machine would spoil: without credit these echoes would never come.
        beside.ShouldBeLessThan(alone * 20 + TimeSpan.FromSeconds(1));
        foreach (var socket in stopped.Concat(stuck))
        {
            socket.LingerState = new(true, 0);
            socket.Dispose();
        }

        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task Ten_thousand_connections_come_and_go_in_one_channel_and_none_is_left()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint);

        await Parallel.ForEachAsync(Enumerable.Range(0, 10_000), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, _) =>
        {
            using var client = await tunnel.ConnectAsync();
            await client.SendAsync("x"u8.ToArray());
            client.Shutdown(SocketShutdown.Send);
            (await TunnelFixture.ReadToEndAsync(client)).ShouldBe("x"u8.ToArray());
        });

        await tunnel.NoConnectionLeftAsync();
        tunnel.NearChannel.State.ShouldBe(Registry.WebRtc.DataChannelState.Open);
    }

    private static async Task<TimeSpan> EchoAsync(TunnelFixture tunnel, int rounds)
    {
        using var client = await tunnel.ConnectAsync();
        await client.SendAsync("e"u8.ToArray());
        var block = new byte[32 * 1024];
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < rounds; i++)
        {
            await client.SendAsync(block);
            await TunnelFixture.ReadAsync(client, block.Length);
        }

        return Stopwatch.GetElapsedTime(started);
    }
}
