using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Registry.Actors;
using Registry.Actors.Channels;
using Registry.Host.Serving;
using Registry.WebRtc;

namespace Registry.Host.Cli;

/// <summary>What a self-test found. MB = 10⁶ bytes.</summary>
internal sealed record SelfTestResult
{
    /// <summary>Whether everything was as it must be.</summary>
    public bool Ok => HashesEqual && LeftOpen == 0;
    /// <summary>From asking for the tube until it could carry traffic.</summary>
    public required double ReadyMs { get; init; }
    /// <summary>Bytes echoed.</summary>
    public required long Bytes { get; init; }
    /// <summary>Time from the first byte sent to the last one back.</summary>
    public required double Seconds { get; init; }
    /// <summary>Bytes echoed by time; as much flows in either direction.</summary>
    public required double MbPerSecond { get; init; }
    /// <summary>Whether what came back has the SHA-256 of what was sent.</summary>
    public required bool HashesEqual { get; init; }
    /// <summary>Median of the TCP round trips of 100 bytes.</summary>
    public required double P50Us { get; init; }
    /// <summary>99th percentile of the same.</summary>
    public required double P99Us { get; init; }
    /// <summary>99th percentile of round trips, one after the other, while another connection of the tube echoes the same amount again.</summary>
    public required double P99BusyUs { get; init; }
    /// <summary>Types of the candidates that carried the data.</summary>
    public required string Path { get; init; }
    /// <summary>Tubes and peer connections that were still there after the forward was closed.</summary>
    public int LeftOpen { get; init; }
}

/// <summary>
/// A gateway and a forward in one process over the real stack: HTTP, ICE, DTLS, SCTP and TCP at both ends, and a hash to compare.
/// </summary>
internal static class SelfTest
{
    private const int RoundTrips = 2000;
    private const int WarmUp = 200;
    private const int MessageLength = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>Runs it.</summary>
    /// <param name="mebibytes">How much is echoed, twice.</param>
    /// <param name="report">Told the stage and how far it is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<SelfTestResult> RunAsync(int mebibytes, Action<string, string> report, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            await using var echo = new EchoServer();
            await using var gateway = await Gateway.StartAsync(new()
            {
                Http = new(IPAddress.Loopback, 0),
                LogLevel = LogLevel.Warning,
                Registry = new() { AllowTargets = [echo.EndPoint.ToString()] },
            }, cancellationToken: limit.Token);
            var result = await MeasureAsync(gateway, echo, mebibytes, report, limit.Token);
            return result with { LeftOpen = CountOpen(gateway) };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Failed, $"The self-test did not end within {Patience.TotalSeconds} s: the tube stopped carrying data.");
        }
    }

    private static async Task<SelfTestResult> MeasureAsync(Gateway gateway, EchoServer echo, int mebibytes, Action<string, string> report, CancellationToken cancellationToken)
    {
        using var client = new GatewayClient(new(gateway.Url));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var specification = new ForwardSpecification(new(IPAddress.Loopback, 0), echo.EndPoint.Address.ToString(), echo.EndPoint.Port);
        using var listener = new TunnelListener(specification.Listen);
        await using var local = await InProcessRegistry.StartAsync(new() { PeerConnections = new() { SocketPerConnection = true }, Listeners = [listener] }, cancellationToken);
        var first = new FirstReport();
        report("opening a tube", "");
        var started = Stopwatch.GetTimestamp();
        var forwarding = new Forwarder(local.Registry, [client], specification, listener, first, new(first.Warn, TimeProvider.System), new(first.Warn)).RunAsync(stop.Token);
        // A forward that ends before it was ready says why by its exception.
        if (await Task.WhenAny(first.Ready, forwarding) == forwarding)
            await forwarding;
        var ready = await first.Ready;
        var readyMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds;

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPEndPoint.Parse(ready.Listen), cancellationToken);
        var (seconds, hashesEqual) = await EchoAsync(socket, (long)mebibytes << 20, percent => report($"echoing {mebibytes} MiB", $"{percent} %"), cancellationToken);
        report("measuring round trips", "");
        await PingAsync(socket, WarmUp, () => true, cancellationToken);
        var microseconds = await PingAsync(socket, RoundTrips, () => true, cancellationToken);
        using var second = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await second.ConnectAsync(IPEndPoint.Parse(ready.Listen), cancellationToken);
        var copying = EchoAsync(second, (long)mebibytes << 20, percent => report("measuring round trips beside a bulk copy", $"{percent} %"), cancellationToken);
        var beside = await PingAsync(socket, int.MaxValue, () => !copying.IsCompleted, cancellationToken);
        hashesEqual &= (await copying).HashesEqual;
        socket.Shutdown(SocketShutdown.Both);
        second.Shutdown(SocketShutdown.Both);

        await stop.CancelAsync();
        await forwarding;
        return new()
        {
            ReadyMs = Math.Round(readyMs, 1),
            Bytes = (long)mebibytes << 20,
            Seconds = Math.Round(seconds, 3),
            MbPerSecond = Math.Round(((long)mebibytes << 20) / 1e6 / seconds, 1),
            HashesEqual = hashesEqual,
            P50Us = Math.Round(microseconds[microseconds.Count / 2], 1),
            P99Us = Math.Round(microseconds[microseconds.Count * 99 / 100], 1),
            P99BusyUs = Math.Round(beside[beside.Count * 99 / 100], 1),
            Path = ready.Path,
            LeftOpen = local.Registry.Directory.Count + local.PeerConnections.OpenConnections,
        };
    }

    private static async Task<(double Seconds, bool HashesEqual)> EchoAsync(Socket socket, long total, Action<int> percent, CancellationToken cancellationToken)
    {
        using var sentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var receivedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = RandomNumberGenerator.GetBytes(4 << 20);
        var started = Stopwatch.GetTimestamp();
        var sending = Task.Run(async () =>
        {
            for (long sent = 0; sent < total;)
            {
                var offset = (int)(sent % random.Length);
                var length = await socket.SendAsync(random.AsMemory(offset, (int)Math.Min(Math.Min(random.Length - offset, 64 * 1024), total - sent)), cancellationToken);
                sentHash.AppendData(random, offset, length);
                sent += length;
            }
        }, cancellationToken);

        var buffer = new byte[64 * 1024];
        for (long received = 0; received < total;)
        {
            var length = await socket.ReceiveAsync(buffer, cancellationToken);
            if (length == 0)
                throw new CommandException(ExitCode.Failed, $"The tunnel closed the connection after {received} of {total} bytes.");
            receivedHash.AppendData(buffer, 0, length);
            if ((received + length) * 100 / total is var done && done > received * 100 / total)
                percent((int)done);
            received += length;
        }
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await sending;
        return (seconds, sentHash.GetHashAndReset().AsSpan().SequenceEqual(receivedHash.GetHashAndReset()));
    }

    /// <summary>Round trips in microseconds, in ascending order; one at least.</summary>
    private static async Task<List<double>> PingAsync(Socket socket, int most, Func<bool> goesOn, CancellationToken cancellationToken)
    {
        var message = new byte[MessageLength];
        var microseconds = new List<double>();
        do
        {
            var started = Stopwatch.GetTimestamp();
            await socket.SendAsync(message, cancellationToken);
            for (var received = 0; received < MessageLength;)
            {
                var length = await socket.ReceiveAsync(message.AsMemory(received), cancellationToken);
                received += length > 0 ? length : throw new CommandException(ExitCode.Failed, "The tunnel closed the connection between two round trips.");
            }

            microseconds.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
        while (microseconds.Count < most && goesOn());
        microseconds.Sort();
        return microseconds;
    }

    private static int CountOpen(Gateway gateway) =>
        gateway.Services.GetRequiredService<ITubeRegistry>().Directory.Count + gateway.Services.GetRequiredService<IPeerConnectionFactory>().OpenConnections;

    private sealed class FirstReport : IForwardReport
    {
        private readonly TaskCompletionSource<ForwardReady> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ForwardReady> Ready => ready.Task;

        public void Forwarding(ForwardReady forwarding) => ready.TrySetResult(forwarding);

        public void Warn(string what) => Console.Error.WriteLine($"selftest: {what}");
    }
}
