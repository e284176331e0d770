using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit.Abstractions;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>
/// One client of a forward that does not read, beside others that do, on one channel of the real stack. What the others keep of their rate is printed;
/// STALLED_WINDOW_SECONDS gives it time, on a machine that does nothing else and in a Release build.
/// </summary>
public sealed class StalledReaderTests(ITestOutputHelper log)
{
    private const int Readers = 3;
    private const int LeastRounds = 3;
    private const int MostRounds = 10;
    private static readonly string? Seconds = Environment.GetEnvironmentVariable("STALLED_WINDOW_SECONDS");
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(double.Parse(Seconds ?? "0.1", CultureInfo.InvariantCulture));

    [Fact]
    public async Task A_client_that_stands_still_leaves_the_others_their_rate_and_may_go_when_it_likes()
    {
        using var stop = new CancellationTokenSource();
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var target = (IPEndPoint)server.LocalEndpoint;
        var serving = ServeAsync(server, stop.Token);
        await using var gateway = await RealGateway.StartAsync(target.ToString());
        await using var forward = await gateway.ForwardAsync(target);
        long received = 0;
        // Off the test's own threads: what is always ready to go on never lets go of one.
        Task[] reading = [.. Enumerable.Range(0, Readers).Select(_ => Task.Run(() => ReadAsync(forward.Listen, bytes => Interlocked.Add(ref received, bytes), stop.Token)))];
        await Eventually.BecomesAsync(true, () => Interlocked.Read(ref received) > 10_000_000, "bytes of the readers");

        // Windows with and without take turns, so that what else the machine does meets both. What goes wrong for good stays wrong in the last round.
        (long Beside, long Alone) bytes = default;
        for (var round = 1; round <= MostRounds && (round <= LeastRounds || Seconds is not null || bytes.Beside < 0.9 * bytes.Alone); round++)
        {
            bytes.Alone += await CountAsync();
            using var still = await StandStillAsync(forward.Listen);
            bytes.Beside += await CountAsync();
            log.WriteLine($"after round {round}: {bytes.Alone / 1e6 / round / Window.TotalSeconds:F0} MB/s alone, {(double)bytes.Beside / bytes.Alone:P1} of it beside");
        }

        // Nine tenths is what it should be and mostly is at once; half is what a machine that does other things lets show.
        bytes.Beside.ShouldBeGreaterThan(bytes.Alone / 2);
        forward.Lines.ShouldBeEmpty(); // clients that were cut while bytes came for them took nothing with them
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(Task.WhenAll([serving, .. reading]));

        async Task<long> CountAsync()
        {
            var before = Interlocked.Read(ref received);
            await Task.Delay(Window);
            return Interlocked.Read(ref received) - before;
        }
    }

    /// <summary>A client whose socket and windows are full, as far as it can be seen here.</summary>
    private static async Task<Socket> StandStillAsync(IPEndPoint forward)
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
        await client.ConnectAsync(forward).WaitAsync(Eventually.Patience);
        await Eventually.BecomesAsync(true, () => client.Available > 0, "bytes for the client that stands still");
        int waiting;
        do
        {
            waiting = client.Available;
            await Task.Delay(10);
        }
        while (client.Available > waiting);
        return client;
    }

    private static async Task ReadAsync(IPEndPoint forward, Action<int> count, CancellationToken stop)
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(forward, stop);
        var buffer = new byte[64 * 1024];
        while (await client.ReceiveAsync(buffer.AsMemory(), stop) is > 0 and var bytes)
            count(bytes);
    }

    private static async Task ServeAsync(TcpListener server, CancellationToken stop)
    {
        while (true)
        {
            var client = await server.AcceptSocketAsync(stop);
            _ = Task.Run(() => SendAsync(client, stop), CancellationToken.None);
        }
    }

    private static async Task SendAsync(Socket client, CancellationToken stop)
    {
        using (client)
        {
            var block = new byte[64 * 1024];
            try
            {
                while (true)
                    await client.SendAsync(block.AsMemory(), stop);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                client.Close(); // It stood still, or the test is over.
            }
        }
    }
}
