using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

/// <summary>The batched transport over real sockets on loopback, with and without the kernel's offload.</summary>
public sealed class LinuxUdpTransportTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string, bool> Paths => new()
    {
        { "127.0.0.1", true }, { "127.0.0.1", false }, { "::1", true }, { "::1", false },
    };

    [Fact]
    public void Every_64_bit_Linux_has_it() => LinuxUdpTransport.IsSupported.ShouldBe(OperatingSystem.IsLinux());

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_run_arrives_datagram_by_datagram_in_order_with_a_short_last_one(string address, bool offload)
    {
        using var sender = new End(address, offload);
        using var receiver = new End(address, offload);
        const int segmentSize = 1200;
        // More than one call's worth of segments.
        byte[][] datagrams = [.. Enumerable.Range(0, 150).Select(i => Datagram(i, segmentSize)), Datagram(150, 17)];

        sender.Transport.Send(datagrams.SelectMany(d => d).ToArray(), segmentSize, receiver.Address);

        foreach (var expected in datagrams)
        {
            var (arrived, from) = await receiver.TakeAsync();
            arrived.ShouldBe(expected);
            from.ShouldBe(sender.Address);
        }
        receiver.LongestRun.ShouldBe(receiver.Transport.ReceiveOffload ? 54 * segmentSize : segmentSize);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Single_datagrams_of_every_size_arrive_whole(string address, bool offload)
    {
        using var sender = new End(address, offload);
        using var receiver = new End(address, offload);
        // The loopback interface's MTU is 65,536, and no datagram is fragmented.
        var largest = 65_536 - 8 - (IPAddress.Parse(address).AddressFamily == AddressFamily.InterNetworkV6 ? 40 : 20);
        foreach (var length in (int[])[0, 1, 1200, 1201, 9000, Math.Min(largest, 65_507), 3])
        {
            var datagram = Datagram(length, length);
            sender.Transport.Send(datagram, receiver.Address);
            (await receiver.TakeAsync()).Datagram.ShouldBe(datagram);
        }
    }

    [Fact]
    public async Task A_socket_of_both_families_takes_IPv4_and_IPv6()
    {
        using var both = new End(null, offload: true);
        foreach (var address in (string[])["127.0.0.1", "::1"])
        {
            using var other = new End(address, offload: true);
            other.Transport.Send(new byte[] { 1, 2, 3, 4 }, 2, TransportAddress.From(IPAddress.Parse(address), both.Port));
            var (first, from) = await both.TakeAsync();
            first.ShouldBe([1, 2]);
            from.ShouldBe(other.Address);
            (await both.TakeAsync()).Datagram.ShouldBe([3, 4]);

            both.Transport.Send(new byte[] { 5, 6, 7 }, 2, from);
            (await other.TakeAsync()).Datagram.ShouldBe([5, 6]);
            (await other.TakeAsync()).Datagram.ShouldBe([7]);
        }
    }

    [Fact]
    public async Task Runs_of_many_senders_keep_their_senders_and_their_order()
    {
        const int each = 60;
        using var receiver = new End("127.0.0.1", offload: true);
        var senders = Enumerable.Range(0, 40).Select(_ => new End("127.0.0.1", offload: true)).ToArray();
        await Task.WhenAll(senders.Select(sender => Task.Run(() =>
        {
            for (var i = 0; i < each; i += 3)
                sender.Transport.Send(new byte[] { (byte)i, 0, (byte)(i + 1), 0, (byte)(i + 2) }, 2, receiver.Address);
        })));

        var next = senders.ToDictionary(sender => sender.Address, _ => 0);
        for (var i = 0; i < each * senders.Length; i++)
        {
            var (datagram, from) = await receiver.TakeAsync();
            datagram[0].ShouldBe((byte)next[from]++);
        }
        next.Values.ShouldAllBe(count => count == each);
        foreach (var sender in senders)
            sender.Dispose();
    }

    [Fact]
    public async Task What_cannot_be_sent_is_counted_and_the_rest_goes_on()
    {
        using var sender = new End("127.0.0.1", offload: true);
        using var receiver = new End("127.0.0.1", offload: true);
        int closedPort;
        using (var closed = new End("127.0.0.1", offload: true))
            closedPort = closed.Port;

        sender.Transport.Send(new byte[100], TransportAddress.From(IPAddress.Loopback, closedPort));
        sender.Transport.Send(new byte[65_535], receiver.Address); // longer than a UDP payload can be
        sender.Socket.SendErrors.ShouldBe(0);
        sender.Transport.Send(new byte[100], TransportAddress.From(IPAddress.IPv6Loopback, receiver.Port)); // no such address on an IPv4 socket
        sender.Transport.Send(new byte[] { 9 }, receiver.Address);

        (await receiver.TakeAsync()).Datagram.ShouldBe([9]);
        sender.Socket.SendErrors.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_receiver_that_throws_loses_one_datagram_only()
    {
        using var sender = new End("127.0.0.1", offload: true);
        using var receiver = new End("127.0.0.1", offload: true) { ThrowsFor = 13 };

        sender.Transport.Send(new byte[] { 13 }, receiver.Address);
        sender.Transport.Send(new byte[] { 14 }, receiver.Address);

        (await receiver.TakeAsync()).Datagram.ShouldBe([14]);
    }

    [Fact]
    public async Task Closing_amid_datagrams_harms_nobody()
    {
        using var sender = new End("127.0.0.1", offload: true);
        using var bystander = new End("127.0.0.1", offload: true);
        for (var round = 0; round < 50; round++)
        {
            var victim = new End("127.0.0.1", offload: true);
            using var started = new SemaphoreSlim(0);
            var flood = Task.Run(() =>
            {
                for (var i = 0; i < 200; i++)
                {
                    sender.Transport.Send(new byte[5000], 1000, victim.Address);
                    victim.Transport.Send(new byte[5000], 1000, bystander.Address);
                    started.Release();
                }
            });
            await started.WaitAsync(Patience);
            victim.Dispose();
            await flood.WaitAsync(Patience);
        }
        bystander.Forget();

        sender.Transport.Send(new byte[] { 1 }, bystander.Address);
        while ((await bystander.TakeAsync()).Datagram is not [1])
        {
        }
    }

    [Fact]
    public async Task The_one_that_got_the_last_datagram_is_let_go_when_it_is_closed()
    {
        var closed = await CloseAfterADatagramAsync();
        var deadline = Stopwatch.StartNew();
        while (closed.IsAlive && deadline.Elapsed < Patience)
        {
            GC.Collect();
            await Task.Delay(10);
        }
        closed.IsAlive.ShouldBeFalse();
    }

    private static async Task<WeakReference> CloseAfterADatagramAsync()
    {
        using var sender = new End("127.0.0.1", offload: true);
        using var receiver = new End("127.0.0.1", offload: true);
        sender.Transport.Send(new byte[] { 1 }, receiver.Address);
        await receiver.TakeAsync();
        return new(receiver);
    }

    private static byte[] Datagram(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A transport and what came to it.</summary>
    private sealed class End : IDatagramReceiver, IDisposable
    {
        private readonly Channel<(byte[] Datagram, TransportAddress From)> arrived = Channel.CreateUnbounded<(byte[], TransportAddress)>();
        private readonly IPAddress? address;

        public End(string? address, bool offload)
        {
            this.address = address is null ? null : IPAddress.Parse(address);
            Socket = new UdpSocket(this.address, 0, new HostAddresses(null, NetworkFilter.None, TimeProvider.System), NullLogger.Instance);
            Transport = new LinuxUdpTransport(Socket, offload);
            ((IDatagramTransport)Transport).Start(this);
        }

        public UdpSocket Socket { get; }

        public LinuxUdpTransport Transport { get; }

        public int Port => Socket.Bound.Port;

        public TransportAddress Address => TransportAddress.From(address!, Port);

        public int LongestRun { get; private set; }

        public int? ThrowsFor { get; init; }

        public void OnDatagrams(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
        {
            if (datagrams.Length > 0 && datagrams[0] == ThrowsFor)
                throw new InvalidOperationException("as asked");
            LongestRun = Math.Max(LongestRun, datagrams.Length);
            for (; datagrams.Length > segmentSize; datagrams = datagrams[segmentSize..])
                arrived.Writer.TryWrite((datagrams[..segmentSize].ToArray(), remote));
            arrived.Writer.TryWrite((datagrams.ToArray(), remote));
        }

        public async Task<(byte[] Datagram, TransportAddress From)> TakeAsync() => await arrived.Reader.ReadAsync().AsTask().WaitAsync(Patience);

        public void Forget()
        {
            while (arrived.Reader.TryRead(out _))
            {
            }
        }

        public void Dispose() => Transport.Dispose();
    }
}
