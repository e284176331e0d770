using System.Net;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Socks;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>UDP ASSOCIATE (RFC 1928 §7) from the client's side, against real UDP servers.</summary>
public sealed class SocksUdpSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // A query for "tube.example", type A (RFC 1035 §4).
    private static readonly byte[] Query = [0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, .. "tube"u8, 7, .. "example"u8, 0, 0, 1, 0, 1];

    [Fact]
    public async Task A_DNS_query_is_answered_through_the_tube()
    {
        using var dns = new DnsResponder();
        await using var tunnel = new TunnelFixture(dns.EndPoint, socks: SocksSettings.Dial());
        using var client = await Association.OpenAsync(tunnel);

        var answer = await client.AskAsync(dns.EndPoint, Query);

        answer[..2].ShouldBe(Query[..2]);
        (answer[2] & 0x80).ShouldBe(0x80); // a response
        answer[^4..].ShouldBe([192, 0, 2, 7]);
        var byName = await client.AskAsync("localhost", dns.EndPoint.Port, Query);
        byName[^4..].ShouldBe([192, 0, 2, 7]);
        tunnel.FarUsers.SentAt.ShouldNotBe(0);

        client.Dispose();
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task Each_datagram_s_target_is_checked_and_a_denied_one_is_told_once()
    {
        using var dns = new DnsResponder();
        using var other = new DnsResponder();
        await using var tunnel = new TunnelFixture(dns.EndPoint, allow: $"127.0.0.1:{dns.EndPoint.Port}", socks: SocksSettings.Dial());
        using var client = await Association.OpenAsync(tunnel);

        await client.SendAsync(other.EndPoint, Query);
        await client.SendAsync(other.EndPoint, Query);
        await client.SendAsync(new(IPAddress.Parse("169.254.169.254"), 53), Query);
        (await client.AskAsync(dns.EndPoint, Query))[^4..].ShouldBe([192, 0, 2, 7]);

        other.Queries.ShouldBe(0);
        tunnel.Denied.ShouldBe(
        [
            new DeniedDial(TunnelFixture.Origin, "127.0.0.1", other.EndPoint.Port, TargetDenial.NoRule, WasOpen: false),
            new DeniedDial(TunnelFixture.Origin, "169.254.169.254", 53, TargetDenial.NeverDialled, WasOpen: false),
        ]);
        tunnel.Services.Targets.Change([$"127.0.0.1:{other.EndPoint.Port}"]);
        await client.SendAsync(dns.EndPoint, Query);
        (await client.AskAsync(other.EndPoint, Query))[^4..].ShouldBe([192, 0, 2, 7]);
        dns.Queries.ShouldBe(1);
    }

    [Fact]
    public async Task Only_who_was_asked_may_answer_and_only_the_client_may_ask()
    {
        using var dns = new DnsResponder();
        await using var tunnel = new TunnelFixture(dns.EndPoint, socks: SocksSettings.Dial());
        using var client = await Association.OpenAsync(tunnel);
        await client.AskAsync(dns.EndPoint, Query);
        using var stranger = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));

        await stranger.SendAsync("to the gateway"u8.ToArray(), dns.LastClient!);
        await stranger.SendAsync((byte[])[0, 0, 0, .. Address(dns.EndPoint), .. Query], client.Relay);
        await client.SendRawAsync([0, 0, 1, .. Address(dns.EndPoint), .. Query]); // a fragment
        await client.SendRawAsync([0, 0, 0, 9]); // no address type
        await client.AskAsync(dns.EndPoint, Query);

        dns.Queries.ShouldBe(2);
    }

    [Fact]
    public async Task An_association_that_carries_nothing_ends_and_its_client_is_told()
    {
        var time = new FakeTimeProvider();
        using var dns = new DnsResponder();
        await using var tunnel = new TunnelFixture(dns.EndPoint, hocon: "registry.channels { udp-idle-timeout = 10s, ping-interval = 1h, ping-timeout = 40d }", time: time, socks: SocksSettings.Dial());
        using var client = await Association.OpenAsync(tunnel);
        await client.AskAsync(dns.EndPoint, Query);
        time.Advance(TimeSpan.FromSeconds(9));
        await client.AskAsync(dns.EndPoint, Query);

        var ended = client.EndAsync();
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return ended.IsCompleted;
        });

        (await ended).ShouldBe(0);
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task Datagrams_that_wait_for_a_name_are_few_and_the_rest_is_lost()
    {
        using var dns = new DnsResponder();
        await using var tunnel = new TunnelFixture(dns.EndPoint, socks: SocksSettings.Dial());
        var services = tunnel.Services with { Resolve = (_, _) => new TaskCompletionSource<IPAddress[]>().Task };
        var relay = new UdpRelay(new TargetDialer(services, TunnelFixture.Origin, new()), services, tunnel.FarFlow.Receiving, new RateShare([]), 16_000, (_, _) => ValueTask.CompletedTask, (_, _, _) => true);
        using var stop = new CancellationTokenSource();
        var running = relay.RunAsync(stop.Token);

        for (var i = 0; i < 1000; i++)
            relay.Take((byte[])[3, 9, .. "localhost"u8, 0, 53, .. new byte[10_000]]).ShouldBeNull();
        relay.Take((byte[])[3, 9, .. "localhost"u8, 0, 53, .. new byte[20_000]]).ShouldBeNull();

        tunnel.FarFlow.Receiving.Highest.ShouldBeLessThanOrEqualTo(66 * 10_000); // in the queue, before it and behind it
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(running); // and the fixture finds nothing left
    }

    [Fact]
    public async Task A_peer_that_does_not_speak_tube_v2_is_not_asked()
    {
        await using var tunnel = new TunnelFixture(LoopbackServer.Refusing(), socks: SocksSettings.Dial(), protocol: "");
        using var client = await tunnel.ConnectAsync();

        (await Association.AskAsync(client))[1].ShouldBe((byte)SocksReply.CommandNotSupported);
    }

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("017F0000010035", true)]
    [InlineData("017F00000100")]
    [InlineData("017F0000010000")] // port 0
    [InlineData("0300" + "0035")] // an empty name
    [InlineData("030161" + "0035", true)]
    [InlineData("0302612F" + "0035")] // "a/"
    [InlineData("04" + "00000000000000000000000000000001" + "0035", true)]
    [InlineData("02" + "7F000001" + "0035")]
    public void A_datagram_s_address_is_read_or_refused(string hex, bool isRead = false) =>
        (SocksDatagram.Read(Convert.FromHexString(hex), out _) is null).ShouldBe(isRead);

    [Fact]
    public void Random_bytes_are_read_or_refused_and_never_throw() =>
        Gen.Byte.Array[0, 300].Sample(bytes => SocksDatagram.Read(bytes, out var datagram) is not null || datagram.Port > 0);

    [Fact]
    public void An_association_s_open_and_a_datagram_have_their_golden_bytes()
    {
        Convert.ToHexString(SocksTarget.Association.Encode()).ShouldBe("000000000000");
        SocksTarget.Read(new byte[6], out var target).ShouldBeNull();
        target.IsAssociation.ShouldBeTrue();
        var header = new byte[SocksDatagram.LongestSource];
        Convert.ToHexString(header.AsSpan(0, SocksDatagram.WriteSource(new(IPAddress.Parse("192.0.2.7"), 53), header))).ShouldBe("01C00002070035");
        Convert.ToHexString(header.AsSpan(0, SocksDatagram.WriteSource(new(IPAddress.IPv6Loopback, 53), header))).ShouldBe("04000000000000000000000000000000010035");
    }

    private static byte[] Address(IPEndPoint target) => [1, .. target.Address.GetAddressBytes(), (byte)(target.Port >> 8), (byte)target.Port];

    /// <summary>A client with an association.</summary>
    private sealed class Association : IDisposable
    {
        private readonly Socket control;
        private readonly UdpClient udp = new(new IPEndPoint(IPAddress.Loopback, 0));

        private Association(Socket control, IPEndPoint relay) => (this.control, Relay) = (control, relay);

        public IPEndPoint Relay { get; }

        public static async Task<Association> OpenAsync(TunnelFixture tunnel)
        {
            var control = await tunnel.ConnectAsync();
            var reply = await AskAsync(control);
            reply[..4].ShouldBe([5, 0, 0, 1]);
            return new(control, new(new IPAddress(reply.AsSpan(4, 4)), reply[8] << 8 | reply[9]));
        }

        public static async Task<byte[]> AskAsync(Socket control)
        {
            await control.SendAsync(new byte[] { 5, 1, 0 });
            await TunnelFixture.ReadAsync(control, 2);
            await control.SendAsync(new byte[] { 5, 3, 0, 1, 0, 0, 0, 0, 0, 0 });
            return await TunnelFixture.ReadAsync(control, 10);
        }

        public Task SendAsync(IPEndPoint target, byte[] data) => SendRawAsync([0, 0, 0, .. Address(target), .. data]);

        public async Task SendRawAsync(byte[] datagram) => await udp.SendAsync(datagram, Relay);

        public async Task<byte[]> AskAsync(IPEndPoint target, byte[] data)
        {
            await SendAsync(target, data);
            return await ReceiveAsync(target);
        }

        public async Task<byte[]> AskAsync(string host, int port, byte[] data)
        {
            await SendRawAsync([0, 0, 0, 3, (byte)host.Length, .. Encoding.ASCII.GetBytes(host), (byte)(port >> 8), (byte)port, .. data]);
            return await ReceiveAsync(new(IPAddress.Loopback, port));
        }

        public async Task<int> EndAsync() => await control.ReceiveAsync(new byte[1].AsMemory());

        public void Dispose()
        {
            control.Dispose();
            udp.Dispose();
        }

        private async Task<byte[]> ReceiveAsync(IPEndPoint from)
        {
            var got = (await udp.ReceiveAsync().WaitAsync(Patience)).Buffer;
            got[..10].ShouldBe([0, 0, 0, .. Address(from)]);
            return got[10..];
        }
    }

    /// <summary>A name server that knows one answer.</summary>
    private sealed class DnsResponder : IDisposable
    {
        private readonly UdpClient udp = new(new IPEndPoint(IPAddress.Loopback, 0));
        private int queries;

        public DnsResponder() => _ = AnswerAsync();

        public IPEndPoint EndPoint => (IPEndPoint)udp.Client.LocalEndPoint!;

        public int Queries => Volatile.Read(ref queries);

        public IPEndPoint? LastClient { get; private set; }

        public void Dispose() => udp.Dispose();

        private async Task AnswerAsync()
        {
            try
            {
                while (true)
                {
                    var query = await udp.ReceiveAsync();
                    Interlocked.Increment(ref queries);
                    LastClient = query.RemoteEndPoint;
                    byte[] answer = [.. query.Buffer, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7];
                    (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
                    await udp.SendAsync(answer, query.RemoteEndPoint);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                udp.Dispose();
            }
        }
    }
}
