using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>The forward command, running in this process until it is disposed.</summary>
internal sealed class RunningForward : IForwardReport, IAsyncDisposable
{
    private readonly Channel<ForwardReady> ready = Channel.CreateUnbounded<ForwardReady>();
    private readonly Channel<string> lines = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;

    public RunningForward(IPEndPoint target, params Uri[] gateways)
        : this([new ForwardSpecification(new(IPAddress.Loopback, 0), target.Address.ToString(), target.Port)], gateways)
    {
    }

    public RunningForward(IReadOnlyList<ForwardedPort> ports, params Uri[] gateways) : this(ports, [.. gateways.Select(url => new GatewayAddress(url))])
    {
    }

    public RunningForward(IReadOnlyList<ForwardedPort> ports, params GatewayAddress[] gateways) => running = ForwardCommand.RunAsync(ports, gateways, this, stop.Token);

    public async Task<ForwardReady> NextReadyAsync()
    {
        var next = ready.Reader.ReadAsync().AsTask();
        if (await Task.WhenAny(next, running).WaitAsync(Eventually.Patience) == running)
            await running;
        Last = await next;
        return Last;
    }

    public ForwardReady Last { get; private set; } = null!;

    public IPEndPoint Listen => IPEndPoint.Parse(Last.Listen);

    public async Task<string> NextLineAsync() => await lines.Reader.ReadAsync().AsTask().WaitAsync(Eventually.Patience);

    public void Forwarding(ForwardReady forwarding) => ready.Writer.TryWrite(forwarding);

    /// <summary>What ended it although nobody asked for its end; null while it runs.</summary>
    public Exception? Failure => running.Exception?.InnerException;

    /// <summary>Everything it said.</summary>
    public ConcurrentQueue<string> Lines { get; } = [];

    public void Warn(string line)
    {
        Lines.Enqueue(line);
        lines.Writer.TryWrite(line);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running.WaitAsync(Eventually.Patience);
        stop.Dispose();
    }
}
