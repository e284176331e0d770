using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Registry.Actors.Channels.Flow;

namespace Registry.Actors.Channels.Socks;

/// <summary>
/// The gateway's end of a UDP association: sends a client's datagrams to their targets, each checked against the policy, and brings back what comes from
/// where the client has sent to. Datagrams may be lost, so nothing waits: what finds a queue full is dropped.
/// </summary>
internal sealed class UdpRelay
{
    // More waits only for a name that does not resolve.
    private const int MaxQueued = 64;

    // Targets that answers are taken from, and names that are remembered. A client with more is scanning; the oldest knowledge goes.
    private const int MaxKnown = 256;

    private static readonly TimeSpan NameLifetime = TimeSpan.FromSeconds(30);

    private readonly TargetDialer dialer;
    private readonly ChannelServices services;
    private readonly QueuedBytes waiting;
    private readonly RateShare rate;
    private readonly int largest;
    private readonly Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> toPeer;
    private readonly Func<string, int, IPEndPoint, bool> mayReach;
    private readonly Channel<SocksDatagram> queue = Channel.CreateBounded<SocksDatagram>(new BoundedChannelOptions(MaxQueued) { SingleReader = true });
    private readonly HashSet<(IPAddress Address, int Port)> sentTo = []; // under its own lock: the pumps of both families read it
    private readonly Dictionary<string, (IPAddress[] Addresses, long At)> names = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<Task> receiving = [];
    private Socket? four;
    private Socket? six;
    private long lastUse;

    /// <param name="dialer">Decides what may be reached.</param>
    /// <param name="services">Names, limits and clock.</param>
    /// <param name="waiting">Where datagrams that wait are counted.</param>
    /// <param name="rate">Limits what goes to targets; what finds no room behind it is dropped.</param>
    /// <param name="largest">Bytes of a datagram with its header that fit a frame; larger ones are dropped.</param>
    /// <param name="toPeer">Takes an answer with its header.</param>
    /// <param name="mayReach">Records a target that none was sent to before; false when nothing may be.</param>
    public UdpRelay(TargetDialer dialer, ChannelServices services, QueuedBytes waiting, RateShare rate, int largest, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> toPeer, Func<string, int, IPEndPoint, bool> mayReach)
    {
        this.dialer = dialer;
        this.services = services;
        this.waiting = waiting;
        this.rate = rate;
        this.largest = largest;
        this.toPeer = toPeer;
        this.mayReach = mayReach;
        lastUse = services.Time.GetTimestamp();
    }

    /// <summary>Queues a client's datagram, or drops it.</summary>
    /// <returns>What the peer did wrong, or null.</returns>
    public string? Take(ReadOnlyMemory<byte> payload)
    {
        if (SocksDatagram.Read(payload, out var datagram) is { } wrong)
            return wrong;
        Use();
        var length = datagram.Data.Length;
        if (length <= largest && waiting.TryEnter(length) && !queue.Writer.TryWrite(datagram with { Data = datagram.Data.ToArray() }))
            waiting.Leave(length);
        return null;
    }

    /// <summary>Relays until nothing went either way for the idle limit.</summary>
    /// <exception cref="OperationCanceledException">The association ended before.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = SendAsync(stop.Token);
        try
        {
            for (TimeSpan idle; (idle = services.Time.GetElapsedTime(Volatile.Read(ref lastUse))) < services.Settings.UdpIdleTimeout;)
                await Task.Delay(services.Settings.UdpIdleTimeout - idle, services.Time, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            queue.Writer.Complete();
            while (queue.Reader.TryRead(out var left))
                waiting.Leave(left.Data.Length);
            foreach (var task in receiving)
                await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Close(four);
            Close(six);
        }
    }

    private void Use() => Volatile.Write(ref lastUse, services.Time.GetTimestamp());

    private void Close(Socket? socket)
    {
        if (socket is null)
            return;
        socket.Dispose();
        services.Gauges.SocketsChanged(-1);
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        await foreach (var datagram in queue.Reader.ReadAllAsync(cancellationToken))
        {
            try
            {
                if (await FindAsync(datagram.Host, datagram.Port, cancellationToken) is not { } target)
                    continue;
                if (!IsKnown(target) && !mayReach(datagram.Host, datagram.Port, target))
                    continue;
                var socket = SocketFor(target.AddressFamily, cancellationToken);
                lock (sentTo)
                {
                    if (sentTo.Count >= MaxKnown)
                        sentTo.Clear();
                    sentTo.Add((target.Address, target.Port));
                }

                await rate.PayAsync(datagram.Data.Length, cancellationToken);
                await socket.SendToAsync(datagram.Data, target, cancellationToken);
            }
            catch (SocketException)
            {
                Use(); // It is lost, as datagrams may be: no route, too large, or the name does not resolve.
            }
            finally
            {
                waiting.Leave(datagram.Data.Length);
            }
        }
    }

    private async ValueTask<IPEndPoint?> FindAsync(string host, int port, CancellationToken cancellationToken)
    {
        var addresses = await ResolveAsync(host, port, cancellationToken);
        TargetDenial? why = addresses is null ? TargetDenial.NoRule : null;
        foreach (var address in addresses ?? [])
        {
            if ((why = dialer.Judge(ProtocolType.Udp, host, address, port)) is null)
                return new(TargetPolicy.Plain(address), port);
        }

        if (why is { } denial)
            dialer.TellDenied(host, port, addresses is null ? denial : denial.AtAddressesOf(host));
        return null;
    }

    // Null when no rule could allow what the name stands for.
    private async ValueTask<IPAddress[]?> ResolveAsync(string host, int port, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out var literal))
            return [literal];
        if (!dialer.MayAllowName(host, port))
            return null;
        if (names.TryGetValue(host, out var known) && services.Time.GetElapsedTime(known.At) < NameLifetime)
            return known.Addresses;
        if (names.Count >= MaxKnown)
            names.Clear();
        using var limit = new CancellationTokenSource(services.Settings.DialTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        IPAddress[] addresses;
        try
        {
            addresses = await services.Resolve(host, linked.Token).WaitAsync(linked.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            addresses = [];
        }

        names[host] = (addresses, services.Time.GetTimestamp());
        return addresses;
    }

    private bool IsKnown(IPEndPoint target)
    {
        lock (sentTo)
            return sentTo.Contains((target.Address, target.Port));
    }

    private Socket SocketFor(AddressFamily family, CancellationToken cancellationToken)
    {
        ref var socket = ref family == AddressFamily.InterNetwork ? ref four : ref six;
        if (socket is not null)
            return socket;
        socket = new(family, SocketType.Dgram, ProtocolType.Udp);
        services.Gauges.SocketsChanged(1);
        socket.Bind(new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0));
        receiving.Add(ReceiveAsync(socket, cancellationToken));
        return socket;
    }

    private async Task ReceiveAsync(Socket socket, CancellationToken cancellationToken)
    {
        var any = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        var buffer = ArrayPool<byte>.Shared.Rent(largest);
        try
        {
            while (true)
            {
                // Behind the longest header, so that the real one can be written right in front.
                var room = buffer.AsMemory(SocksDatagram.LongestSource, largest - SocksDatagram.LongestSource);
                SocketReceiveFromResult got;
                try
                {
                    got = await socket.ReceiveFromAsync(room, any, cancellationToken);
                }
                catch (SocketException)
                {
                    continue; // Too large for a frame: lost, as datagrams may be.
                }

                var source = (IPEndPoint)got.RemoteEndPoint;
                if (!IsKnown(source))
                    continue; // Nobody asked for it.
                Use();
                var header = new byte[SocksDatagram.LongestSource];
                var length = SocksDatagram.WriteSource(source, header);
                var start = SocksDatagram.LongestSource - length;
                header.AsSpan(0, length).CopyTo(buffer.AsSpan(start));
                await toPeer(buffer.AsMemory(start, length + got.ReceivedBytes), cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
