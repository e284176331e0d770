using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>Rules that change while connections are up.</summary>
public sealed class LivePolicySpecs
{
    [Theory]
    [InlineData("")]
    [InlineData("tube.v2")]
    public async Task Changed_rules_end_what_they_deny_and_leave_the_rest(string protocol)
    {
        await using var stays = LoopbackServer.Echo();
        await using var goes = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(stays.EndPoint, socks: SocksSettings.Dial(), protocol: protocol);
        using var staying = await OpenAsync(tunnel, stays.EndPoint);
        using var going = await OpenAsync(tunnel, goes.EndPoint);

        tunnel.Services.Targets.Change([$"127.0.0.1:{stays.EndPoint.Port}"]).ShouldBe(1);

        (await Should.ThrowAsync<SocketException>(() => TunnelFixture.ReadToEndAsync(going))).SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await EchoAsync(staying);
        tunnel.Denied.ShouldBe([new DeniedDial(TunnelFixture.Origin, "127.0.0.1", goes.EndPoint.Port, TargetDenial.NoRule, WasOpen: true)]);

        tunnel.Services.Targets.Change(["127.0.0.0/8:*"]).ShouldBe(0);
        using var again = await OpenAsync(tunnel, goes.EndPoint);
    }

    [Fact]
    public async Task Each_denied_dial_is_told_with_whose_it_was_and_what_forbids_it()
    {
        await using var server = LoopbackServer.Echo();
        await using var own = LoopbackServer.Echo();
        AllowedTargets.TryParse("127.0.0.0/8", null, out var narrowing).ShouldBeTrue();
        await using var tunnel = new TunnelFixture(server.EndPoint, allow: "*", socks: SocksSettings.Dial(narrowing));
        tunnel.Services.Targets.Change(["*", "127.0.0.1:*"]);
        tunnel.Services.Targets.NeverDial(ProtocolType.Tcp, own.EndPoint);

        foreach (var (target, denial) in new[]
        {
            (own.EndPoint, TargetDenial.OwnPort),
            (new(IPAddress.Parse("10.1.2.3"), 22), TargetDenial.NarrowedAway),
            (new(IPAddress.Parse("169.254.169.254"), 80), TargetDenial.NeverDialled),
            (new(IPAddress.Parse("127.0.0.2"), 80), TargetDenial.NoRule),
        })
        {
            using var client = await tunnel.ConnectAsync();
            (await AskAsync(client, target)).ShouldBe(2); // not allowed by the rules
            tunnel.Denied.TryDequeue(out var denied).ShouldBeTrue();
            denied.ShouldBe(new(TunnelFixture.Origin, target.Address.ToString(), target.Port, denial, WasOpen: false));
        }

        using var allowed = await OpenAsync(tunnel, server.EndPoint);
        tunnel.Denied.ShouldBeEmpty();
    }

    private static async Task<Socket> OpenAsync(TunnelFixture tunnel, IPEndPoint target)
    {
        var client = await tunnel.ConnectAsync();
        (await AskAsync(client, target)).ShouldBe(0);
        await EchoAsync(client);
        return client;
    }

    private static async Task<int> AskAsync(Socket client, IPEndPoint target)
    {
        await client.SendAsync(new byte[] { 5, 1, 0 });
        await TunnelFixture.ReadAsync(client, 2);
        await client.SendAsync((byte[])[5, 1, 0, 1, .. target.Address.GetAddressBytes(), (byte)(target.Port >> 8), (byte)target.Port]);
        return (await TunnelFixture.ReadAsync(client, 10))[1];
    }

    private static async Task EchoAsync(Socket client)
    {
        await client.SendAsync("x"u8.ToArray());
        (await TunnelFixture.ReadAsync(client, 1)).ShouldBe("x"u8.ToArray());
    }
}
