using System.Buffers;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

/// <summary>What the network does to datagrams; probabilities are 0 to 1.</summary>
internal sealed record NetworkConditions
{
    public static readonly NetworkConditions Perfect = new();

    /// <summary>One-way delay.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(10);

    public double Loss { get; init; }

    public double Duplication { get; init; }

    /// <summary>What each link carries, in bytes a second; 0 for no limit. DTLS, UDP and IP count with 65 bytes a datagram.</summary>
    public double Rate { get; init; }

    /// <summary>How long a datagram may wait for its turn on a link; what would wait longer is dropped.</summary>
    public TimeSpan Queue { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Share of datagrams that are held back and so overtaken.</summary>
    public double Reordering { get; init; }

    /// <summary>Longest time a reordered datagram is held back.</summary>
    public TimeSpan ReorderingDelay { get; init; } = TimeSpan.FromMilliseconds(20);
}

/// <summary>A sans-IO machine on the network, driven like the product drives it.</summary>
internal interface ISimulatedEndpoint
{
    TimeSpan NextTimeout { get; }

    void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram);

    void HandleTimeout(TimeSpan now);

    /// <summary>Called until it returns false after every other call.</summary>
    bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote);
}

/// <summary>Decides about one datagram instead of chance: true drops it.</summary>
internal delegate bool DatagramFilter(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram);

/// <summary>An in-memory network in virtual time. The same seed gives the same run.</summary>
internal sealed class SimulatedNetwork(int seed, NetworkConditions conditions)
{
    private const int MaxDatagram = 65536;
    private const int Overhead = 65;
    private readonly Random random = new(seed);
    private readonly List<(TransportAddress Address, ISimulatedEndpoint Endpoint)> endpoints = [];
    private readonly PriorityQueue<Datagram, (long At, long Order)> underway = new();
    private readonly byte[] buffer = new byte[MaxDatagram];
    private readonly Dictionary<int, TimeSpan> linkFree = [];
    private long order;

    public TimeSpan Now { get; private set; }

    public NetworkConditions Conditions { get; set; } = conditions;

    /// <summary>Drops chosen datagrams; the others are subject to the conditions.</summary>
    public DatagramFilter? Drop { get; set; }

    public long Delivered { get; private set; }

    /// <summary>Which link a datagram of this source takes; each source has one of its own unless told otherwise.</summary>
    public Func<TransportAddress, int> Link { get; set; } = static source => source.GetHashCode();

    public void Attach(TransportAddress address, ISimulatedEndpoint endpoint) => endpoints.Add((address, endpoint));

    /// <summary>Runs until the condition holds; false when the time limit comes first or nothing is left to happen.</summary>
    public bool RunUntil(Func<bool> condition, TimeSpan limit)
    {
        var end = Now + limit;
        Flush();
        while (!condition())
        {
            var next = NextEvent();
            if (next > end || next == TimeSpan.MaxValue)
            {
                Now = end;
                return false;
            }
            Now = next > Now ? next : Now;
            Step();
        }
        return true;
    }

    public void RunFor(TimeSpan time) => RunUntil(() => false, time);

    /// <summary>Sends what an endpoint has to say after the test called it.</summary>
    public void Flush()
    {
        for (var i = 0; i < endpoints.Count; i++)
            Flush(endpoints[i].Address, endpoints[i].Endpoint);
    }

    private TimeSpan NextEvent()
    {
        var next = underway.TryPeek(out _, out var priority) ? TimeSpan.FromTicks(priority.At) : TimeSpan.MaxValue;
        foreach (var (_, endpoint) in endpoints)
        {
            var timeout = endpoint.NextTimeout;
            if (timeout < next)
                next = timeout;
        }
        return next;
    }

    private void Step()
    {
        if (underway.TryPeek(out var datagram, out var priority) && priority.At <= Now.Ticks)
        {
            underway.Dequeue();
            Deliver(datagram);
            return;
        }
        foreach (var (address, endpoint) in endpoints)
        {
            if (endpoint.NextTimeout > Now)
                continue;
            endpoint.HandleTimeout(Now);
            Flush(address, endpoint);
        }
    }

    private void Deliver(in Datagram datagram)
    {
        // A relay attaches an endpoint while it handles a datagram.
        for (var i = 0; i < endpoints.Count; i++)
        {
            var (address, endpoint) = endpoints[i];
            if (address != datagram.Destination)
                continue;
            Delivered++;
            endpoint.HandleDatagram(Now, datagram.Source, datagram.Bytes.AsSpan(0, datagram.Length));
            Flush(address, endpoint);
        }
        ArrayPool<byte>.Shared.Return(datagram.Bytes);
    }

    private void Flush(TransportAddress source, ISimulatedEndpoint endpoint)
    {
        while (endpoint.TryWriteDatagram(Now, buffer, out var written, out var destination))
        {
            var bytes = buffer.AsSpan(0, written);
            if (Drop?.Invoke(Now, source, bytes) == true || Happens(Conditions.Loss))
                continue;
            Enqueue(source, destination, bytes);
            if (Happens(Conditions.Duplication))
                Enqueue(source, destination, bytes);
        }
    }

    private void Enqueue(TransportAddress source, TransportAddress destination, ReadOnlySpan<byte> bytes)
    {
        if (!TryPass(source, bytes.Length, out var passed))
            return;
        var at = (passed + Conditions.Delay).Ticks;
        if (Happens(Conditions.Reordering))
            at += random.NextInt64(Conditions.ReorderingDelay.Ticks);
        var copy = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(copy);
        underway.Enqueue(new Datagram(source, destination, copy, bytes.Length), (at, order++));
    }

    /// <summary>The bottleneck: one datagram after the other, a bounded queue before it.</summary>
    private bool TryPass(TransportAddress source, int length, out TimeSpan passed)
    {
        passed = Now;
        if (Conditions.Rate == 0)
            return true;
        var link = Link(source);
        var free = linkFree.GetValueOrDefault(link);
        var starts = free > Now ? free : Now;
        if (starts - Now > Conditions.Queue)
            return false;
        linkFree[link] = passed = starts + TimeSpan.FromSeconds((length + Overhead) / Conditions.Rate);
        return true;
    }

    private bool Happens(double probability) => probability > 0 && random.NextDouble() < probability;

    private readonly record struct Datagram(TransportAddress Source, TransportAddress Destination, byte[] Bytes, int Length);
}
