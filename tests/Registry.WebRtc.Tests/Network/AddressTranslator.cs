using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Registry.WebRtc.Sdp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.Network;

/// <summary>
/// A NAT between the hosts of a <see cref="RoutedNetwork"/>, with a bad line behind it: A reaches B at one of the router's ports, B sees
/// A at another, which this chooses. Of the conditions, delay, loss, duplication and reordering apply.
/// </summary>
internal sealed class AddressTranslator : IDisposable
{
    private const int MaxDatagram = 65536;

    private readonly object gate = new();
    private readonly RoutedNetwork network;
    private readonly Random random;
    private readonly Socket inside;
    private readonly PriorityQueue<Datagram, (long At, long Order)> underway = new();
    private SocketAddress? b;
    private Mapping? mapping;
    private long order;
    private bool disposed;

    public AddressTranslator(RoutedNetwork network, int seed)
    {
        this.network = network;
        random = new Random(seed);
        inside = network.OpenAtRouter(onSideOfA: true);
        _ = ReceiveAsync(inside, OnDatagramFromA);
        new Thread(Deliver) { IsBackground = true, Name = "line" }.Start();
    }

    /// <summary>What B sees as A's port now, or null when nothing of A is known.</summary>
    public int? OutsidePort
    {
        get
        {
            lock (gate)
                return IsForgotten() ? null : ((IPEndPoint)mapping!.Socket.LocalEndPoint!).Port;
        }
    }

    public NetworkConditions FromAToB { get; set; } = NetworkConditions.Perfect with { Delay = TimeSpan.Zero };
    public NetworkConditions FromBToA { get; set; } = NetworkConditions.Perfect with { Delay = TimeSpan.Zero };

    /// <summary>How long a mapping lives after A last used it (RFC 4787 §4.3).</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Exchanges descriptions such that A looks for B here, and B learns of A by what comes from it.</summary>
    public async Task SignalAsync(IPeerConnection atA, IPeerConnection atB)
    {
        var offer = await atA.CreateOfferAsync();
        await atA.SetLocalDescriptionAsync(offer);
        await atB.SetRemoteDescriptionAsync(offer);
        var answer = await atB.CreateAnswerAsync();
        await atB.SetLocalDescriptionAsync(answer);
        var candidate = SdpDescription.Parse(SdpType.Answer, atB.LocalDescription!.Sdp).Candidates.First(c => c.Address == RoutedNetwork.AddressB.ToString());
        b = new IPEndPoint(RoutedNetwork.AddressB, candidate.Port).Serialize();
        await atA.SetRemoteDescriptionAsync(answer);
        var here = (IPEndPoint)inside.LocalEndPoint!;
        await atA.AddIceCandidateAsync(candidate with { Address = here.Address.ToString(), Port = here.Port });
    }

    /// <summary>Gives A another port from its next datagram on; what B sends to the old one is lost.</summary>
    public void Rebind()
    {
        lock (gate)
            Forget();
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            Forget();
            Monitor.Pulse(gate);
        }
        inside.Dispose();
    }

    private void OnDatagramFromA(ReadOnlySpan<byte> bytes, SocketAddress source)
    {
        lock (gate)
        {
            if (disposed)
                return;
            if (IsForgotten())
            {
                Forget();
                var made = new Mapping(network.OpenAtRouter(onSideOfA: false), new(source.Family, source.Size));
                source.Buffer.CopyTo(made.A.Buffer);
                mapping = made;
                _ = ReceiveAsync(made.Socket, (answer, _) => OnDatagramFromB(answer, made));
            }
            mapping!.UsedAt = Stopwatch.GetTimestamp();
            Carry(bytes, FromAToB, mapping.Socket, b!);
        }
    }

    private void OnDatagramFromB(ReadOnlySpan<byte> bytes, Mapping to)
    {
        lock (gate)
        {
            if (to == mapping && !IsForgotten())
                Carry(bytes, FromBToA, inside, to.A);
        }
    }

    private bool IsForgotten() => mapping is null || Stopwatch.GetElapsedTime(mapping.UsedAt) > Lifetime;

    private void Forget()
    {
        mapping?.Socket.Dispose();
        mapping = null;
    }

    private void Carry(ReadOnlySpan<byte> bytes, NetworkConditions conditions, Socket from, SocketAddress to)
    {
        if (Happens(conditions.Loss))
            return;
        for (var copies = Happens(conditions.Duplication) ? 2 : 1; copies > 0; copies--)
        {
            var delay = conditions.Delay + (Happens(conditions.Reordering) ? conditions.ReorderingDelay * random.NextDouble() : TimeSpan.Zero);
            underway.Enqueue(new(bytes.ToArray(), from, to), (Stopwatch.GetTimestamp() + (long)(delay.TotalSeconds * Stopwatch.Frequency), order++));
        }
        Monitor.Pulse(gate);
    }

    private bool Happens(double probability) => probability > 0 && random.NextDouble() < probability;

    private void Deliver()
    {
        lock (gate)
        {
            while (!disposed)
            {
                if (!underway.TryPeek(out _, out var due))
                    Monitor.Wait(gate);
                else if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due.At).TotalMilliseconds is > 0 and var wait)
                    Monitor.Wait(gate, (int)Math.Ceiling(wait));
                else
                    Send(underway.Dequeue());
            }
        }
    }

    private void Send(Datagram datagram)
    {
        // What was underway through a mapping that is gone is lost.
        if (datagram.From == inside || datagram.From == mapping?.Socket)
            datagram.From.SendTo(datagram.Bytes, SocketFlags.None, datagram.To);
    }

    private static async Task ReceiveAsync(Socket socket, DatagramHandler handle)
    {
        var buffer = new byte[MaxDatagram];
        var source = new SocketAddress(AddressFamily.InterNetwork);
        try
        {
            while (true)
                handle(buffer.AsSpan(0, await socket.ReceiveFromAsync(buffer, SocketFlags.None, source).ConfigureAwait(false)), source);
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
        {
            // The mapping was forgotten, or the test is over.
        }
    }

    private delegate void DatagramHandler(ReadOnlySpan<byte> datagram, SocketAddress source);

    private sealed record Mapping(Socket Socket, SocketAddress A)
    {
        public long UsedAt { get; set; }
    }

    private readonly record struct Datagram(byte[] Bytes, Socket From, SocketAddress To);
}
