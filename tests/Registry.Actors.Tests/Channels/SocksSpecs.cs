using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Registry.Actors.Channels.Socks;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>SOCKS5 from the client's side: bytes as RFC 1928 writes them.</summary>
public sealed class SocksSpecs
{
    private const string Greeting = "050100";
    private const string FiftyOne = "616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161";
    private const string LongHost = FiftyOne + FiftyOne + FiftyOne + FiftyOne + FiftyOne;

    [Theory]
    [InlineData("0501000" + "1" + "7F000001" + "1538", "127.0.0.1", 5432)]
    [InlineData("0501000" + "3" + "0B" + "6578616D706C652E636F6D" + "0050", "example.com", 80)]
    [InlineData("0501000" + "4" + "00000000000000000000000000000001" + "FFFF", "::1", 65535)]
    public void A_connect_names_its_target(string request, string host, int port)
    {
        var handshake = new SocksHandshake();

        Feed(handshake, "05020200" + request).ShouldBe("0500");

        handshake.Target.ShouldBe(new SocksTarget(host, port));
    }

    [Theory]
    [InlineData("0401", "")] // SOCKS4 understands no answer of SOCKS5
    [InlineData("0500", "")]
    [InlineData("050102", "05FF")] // user name and password only
    [InlineData(Greeting + "04010001", "0500" + "05010001000000000000")]
    [InlineData(Greeting + "05020001", "0500" + "05070001000000000000")] // BIND
    [InlineData(Greeting + "05010002", "0500" + "05080001000000000000")] // no such address type
    [InlineData(Greeting + "0501000300", "0500" + "05010001000000000000")] // an empty name
    [InlineData(Greeting + "05010001" + "7F000001" + "0000", "0500" + "05010001000000000000")] // port 0
    [InlineData(Greeting + "05010003" + "03" + "612062" + "0050", "0500" + "05010001000000000000")] // "a b"
    [InlineData(Greeting + "05010003" + "01" + "FC" + "0050", "0500" + "05010001000000000000")] // not ASCII
    public void What_is_refused_is_answered_with_its_code(string sent, string answers)
    {
        var handshake = new SocksHandshake();
        Feed(handshake, sent).ShouldBe(answers);
        handshake.IsOver.ShouldBeTrue();
        handshake.Target.ShouldBeNull();
    }

    [Fact]
    public void Random_bytes_end_the_handshake_or_are_awaited_and_never_throw() =>
        Gen.Byte.Array[0, 600].Sample(bytes =>
        {
            var handshake = new SocksHandshake();
            for (var at = 0; !handshake.IsOver && at + handshake.Needed <= bytes.Length;)
            {
                var needed = handshake.Needed;
                needed.ShouldBeInRange(1, 257);
                handshake.Take(bytes.AsSpan(at, needed));
                at += needed;
            }
        });

    [Fact]
    public void A_target_has_the_original_s_layout()
    {
        var target = new SocksTarget("h.example", 443);
        Convert.ToHexString(target.Encode()).ShouldBe("00000009" + "682E6578616D706C65" + "01BB");
        SocksTarget.Read(target.Encode(), out var read).ShouldBeNull();
        read.ShouldBe(target);
        var longest = new SocksTarget(string.Join('.', Enumerable.Repeat(new string('a', 49), 5)), 65535);
        SocksTarget.Read(longest.Encode(), out read).ShouldBeNull();
        read.ShouldBe(longest);
    }

    [Theory]
    [InlineData("example.com", 80, "example.com:80")]
    [InlineData("192.0.2.7", 443, "192.0.2.7:443")]
    [InlineData("2001:db8::7", 443, "[2001:db8::7]:443")]
    public void A_target_is_told_as_people_write_it(string host, int port, string text) => new SocksTarget(host, port).ToString().ShouldBe(text);

    [Theory]
    [InlineData((byte)SocksReply.Succeeded, "05000001000000000000")]
    [InlineData((byte)SocksReply.NotAllowed, "05020001000000000000")]
    [InlineData((byte)SocksReply.HostUnreachable, "05040001000000000000")]
    [InlineData((byte)SocksReply.ConnectionRefused, "05050001000000000000")]
    [InlineData((byte)SocksReply.CommandNotSupported, "05070001000000000000")]
    [InlineData((byte)SocksReply.AddressTypeNotSupported, "05080001000000000000")]
    public void A_reply_has_ten_bytes(byte reply, string hex) => Convert.ToHexString(SocksReplies.Encode((SocksReply)reply)).ShouldBe(hex);

    [Theory]
    [InlineData("")]
    [InlineData("000000")]
    [InlineData("00000000" + "0050")] // an empty host
    [InlineData("00000001" + "61")] // no port
    [InlineData("00000001" + "61" + "0000")] // port 0
    [InlineData("00000002" + "61" + "0050")]
    [InlineData("00000001" + "6161" + "0050")]
    [InlineData("FFFFFFFF" + "61" + "0050")]
    [InlineData("00000003" + "612F62" + "0050")] // "a/b"
    [InlineData("000000FF" + LongHost + "0050")] // 255 bytes, two more than a name may have
    public void A_malformed_target_is_told(string hex) => SocksTarget.Read(Convert.FromHexString(hex), out _).ShouldNotBeNull();

    [Theory]
    [InlineData("")]
    [InlineData("tube.v2")]
    public async Task A_client_reaches_what_it_asks_for_by_name_and_address(string protocol)
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "127.0.0.0/8:*", socks: SocksSettings.Dial(), protocol: protocol);
        using var client = await tunnel.ConnectAsync();
        var sent = RandomNumberGenerator.GetBytes(300_000);

        (await AskAsync(client, Connect(server.EndPoint))).ShouldBe(SocksReply.Succeeded);
        var reading = TunnelFixture.ReadToEndAsync(client);
        await new NetworkStream(client).WriteAsync(sent);
        client.Shutdown(SocketShutdown.Send);

        (await reading).ShouldBe(sent);
        using var byName = await tunnel.ConnectAsync();
        (await AskAsync(byName, Connect("localhost", server.EndPoint.Port))).ShouldBe(SocksReply.Succeeded);
        byName.Shutdown(SocketShutdown.Send);
        (await TunnelFixture.ReadToEndAsync(byName)).ShouldBeEmpty();
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task Every_failure_is_answered_with_its_code_and_an_end_of_file()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "127.0.0.0/8:*", socks: SocksSettings.Dial());

        foreach (var (request, reply) in new[]
        {
            (Connect(LoopbackServer.Refusing()), SocksReply.ConnectionRefused),
            (Connect(new(IPAddress.Parse("10.1.2.3"), 22)), SocksReply.NotAllowed),
            (Connect("nowhere.invalid", 22), SocksReply.HostUnreachable),
            ([5, 2, 0, 1, 0, 0, 0, 0, 0, 0], SocksReply.CommandNotSupported),
        })
        {
            using var client = await tunnel.ConnectAsync();
            (await AskAsync(client, request)).ShouldBe(reply);
            if (reply != SocksReply.CommandNotSupported) // which leaves bytes unread, and so resets
                (await TunnelFixture.ReadToEndAsync(client)).ShouldBeEmpty();
        }

        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_client_that_leaves_during_the_handshake_leaves_nothing_and_the_channel_goes_on()
    {
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint, socks: SocksSettings.Dial());
        using (var leaving = await tunnel.ConnectAsync())
            await leaving.SendAsync(Convert.FromHexString("0501"));
        using (var resetting = await tunnel.ConnectAsync())
        {
            await resetting.SendAsync(Convert.FromHexString(Greeting + "0501"));
            await TunnelFixture.ReadAsync(resetting, 2);
            resetting.LingerState = new(true, 0);
        }

        using var client = await tunnel.ConnectAsync();
        (await AskAsync(client, Connect(server.EndPoint))).ShouldBe(SocksReply.Succeeded);
        client.Shutdown(SocketShutdown.Both);
        await tunnel.NoConnectionLeftAsync();
    }

    [Fact]
    public async Task A_tube_s_own_rules_narrow_the_node_s_and_never_widen_them()
    {
        await using var server = LoopbackServer.Echo();
        await using var other = LoopbackServer.Echo();
        AllowedTargets.TryParse("127.0.0.1, 10.0.0.0/8", $"{server.EndPoint.Port}", out var allowed).ShouldBeTrue();
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "127.0.0.0/8:*", socks: SocksSettings.Dial(allowed));

        using var inside = await tunnel.ConnectAsync();
        (await AskAsync(inside, Connect(server.EndPoint))).ShouldBe(SocksReply.Succeeded);
        using var otherPort = await tunnel.ConnectAsync();
        (await AskAsync(otherPort, Connect(other.EndPoint))).ShouldBe(SocksReply.NotAllowed);
        using var onlyOurs = await tunnel.ConnectAsync();
        (await AskAsync(onlyOurs, Connect(new(IPAddress.Parse("10.0.0.1"), server.EndPoint.Port)))).ShouldBe(SocksReply.NotAllowed);
    }

    [Fact]
    public async Task Rules_for_ports_alone_leave_the_hosts_to_the_node()
    {
        await using var server = LoopbackServer.Echo();
        AllowedTargets.TryParse(null, $"{server.EndPoint.Port}", out var allowed).ShouldBeTrue();
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "127.0.0.0/8:*", socks: SocksSettings.Dial(allowed));

        using var client = await tunnel.ConnectAsync();
        (await AskAsync(client, Connect(server.EndPoint))).ShouldBe(SocksReply.Succeeded);
    }

    private static string Feed(SocksHandshake handshake, string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var answers = "";
        for (var at = 0; !handshake.IsOver;)
        {
            var needed = handshake.Needed;
            answers += Convert.ToHexString(handshake.Take(bytes.AsSpan(at, needed)));
            at += needed;
        }

        return answers;
    }

    private static byte[] Connect(IPEndPoint target) => [5, 1, 0, 1, .. target.Address.GetAddressBytes(), (byte)(target.Port >> 8), (byte)target.Port];

    private static byte[] Connect(string name, int port) => [5, 1, 0, 3, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)(port >> 8), (byte)port];

    private static async Task<SocksReply> AskAsync(Socket client, byte[] request)
    {
        await client.SendAsync(Convert.FromHexString(Greeting));
        Convert.ToHexString(await TunnelFixture.ReadAsync(client, 2)).ShouldBe("0500");
        await client.SendAsync(request);
        var reply = await TunnelFixture.ReadAsync(client, 10);
        reply.ShouldBe(SocksReplies.Encode((SocksReply)reply[1]));
        return (SocksReply)reply[1];
    }
}
