using System.Net;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Socks;
using Registry.Actors.Tests.Channels;
using Registry.Actors.Tests.Channels.Guacd;
using Registry.Messages;

namespace Registry.Actors.Tests.Audit;

/// <summary>One start and one end of each connection, whatever ends it, with what was asked, what was dialled, what it carried and why it ended.</summary>
public sealed class ConnectionAuditSpecs
{
    private readonly RecordingAudit audit = new();

    [Fact]
    public async Task A_connection_that_both_sides_end_is_recorded_at_both_ends_with_its_bytes()
    {
        await using var server = LoopbackServer.Echo();
        int client;
        await using (var tunnel = new TunnelFixture(server.EndPoint, audit: audit))
        {
            using var socket = await tunnel.ConnectAsync();
            client = ((IPEndPoint)socket.LocalEndPoint!).Port;
            await socket.SendAsync("hello"u8.ToArray());
            socket.Shutdown(SocketShutdown.Send);
            (await TunnelFixture.ReadToEndAsync(socket)).Length.ShouldBe(5);
            await tunnel.NoConnectionLeftAsync();
        }

        audit.ShouldBeWhole();
        var ends = audit.Of(AuditKind.ConnectionEnd);
        var listening = ends.Single(end => end.Client is not null);
        (listening.Client, listening.Listen!.StartsWith("127.0.0.1:", StringComparison.Ordinal), listening.Target, listening.Dialled).ShouldBe(($"127.0.0.1:{client}", true, null, null));
        var dialling = ends.Single(end => end.Client is null);
        (dialling.Target, dialling.Dialled).ShouldBe((server.EndPoint.ToString(), server.EndPoint.ToString()));
        foreach (var end in ends)
        {
            (end.Owner, end.Caller, end.TubeId, end.ConversationId, end.Type, end.Connection, end.Node).ShouldBe(("alice", "laptop", "tube", "conversation", "tunnel", 1u, "here"));
            (end.BytesSent, end.BytesReceived, end.Reason, end.Text).ShouldBe((5, 5, CloseReason.Normal, "Both sides ended the connection."));
        }
    }

    [Theory]
    [InlineData("refused", CloseReason.ConnectionFailed, "cannot be reached")]
    [InlineData("denied", CloseReason.ServerRefuse, "No rule allows")]
    [InlineData("no such name", CloseReason.AddressResolutionFailed, "did not resolve")]
    [InlineData("peer", CloseReason.Client, "enough")]
    [InlineData("target resets", CloseReason.UpstreamClosed, "broke")]
    [InlineData("rules change", CloseReason.ServerRefuse, "The rules changed")]
    [InlineData("channel closed", CloseReason.AdminClosed, "no more")]
    [InlineData("peer closes the channel", CloseReason.IdleTimeout, "idle")]
    [InlineData("tube gone", CloseReason.TunnelClosed, "Its channel ended.")]
    public async Task Every_end_of_a_dialled_connection_has_one_true_reason(string cause, CloseReason reason, string text)
    {
        var client = new TaskCompletionSource<Socket>();
        await using var server = new LoopbackServer(socket =>
        {
            client.SetResult(socket);
            return Task.CompletedTask;
        });
        var target = cause == "refused" ? LoopbackServer.Refusing() : server.EndPoint;
        var settings = TunnelSettings.Dial(cause == "no such name" ? "nowhere.example" : target.Address.ToString(), target.Port);
        await using (var peer = new PlayedPeer(settings, allow: cause switch { "denied" => "10.0.0.0/8:*", "no such name" => "*", _ => "127.0.0.0/8:*" }, audit: audit))
        {
            await peer.ControlAsync(ControlCode.OpenConnection, 7);
            if (cause is "refused" or "denied" or "no such name")
            {
                (await peer.NextCloseAsync(7)).Reason.ShouldBe(reason);
            }
            else
            {
                (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 7u));
                await EndAsync(cause, peer, await client.Task.WaitAsync(TimeSpan.FromSeconds(30)));
            }

            await TunnelFixture.UntilAsync(() => peer.Gauges.Connections == 0);
        }

        audit.ShouldBeWhole();
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Connection, end.Reason, end.Dialled is null).ShouldBe((7u, reason, cause is "refused" or "denied" or "no such name"));
        end.ClosedBy.ShouldBe(cause == "channel closed" ? "root" : null);
        end.Text!.ShouldContain(text);
    }

    private static async Task EndAsync(string cause, PlayedPeer peer, Socket target)
    {
        switch (cause)
        {
            case "peer":
                await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeClose(7, CloseReason.Client, "enough")));
                break;
            case "target resets":
                target.LingerState = new(true, 0);
                break;
            case "rules change":
                peer.Targets.Change([]);
                break;
            case "channel closed":
                peer.Conversation.Close(CloseReason.AdminClosed, "no more", "root");
                break;
            case "peer closes the channel":
                await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeClose(0, CloseReason.IdleTimeout, "idle")));
                break;
            case "tube gone":
                peer.Conversation.Dispose();
                break;
        }

        if (cause is "target resets")
            target.Dispose();
        else
            await TunnelFixture.UntilAsync(() => peer.Gauges.Connections == 0);
        target.Dispose();
    }

    [Fact]
    public async Task The_record_of_a_name_that_is_denied_for_its_addresses_says_so()
    {
        await using var server = LoopbackServer.Echo();
        await using (var tunnel = new TunnelFixture(server.EndPoint, allow: "*", socks: SocksSettings.Dial(), audit: audit))
        {
            using var denied = await AskAsync(tunnel, new("localhost", server.EndPoint.Port));
            await TunnelFixture.UntilAsync(() => audit.Of(AuditKind.DialDenied).Length == 1);
        }

        var denial = audit.Of(AuditKind.DialDenied).ShouldHaveSingleItem();
        denial.Denial.ShouldBe("no_rule");
        denial.Text.ShouldBe($"No rule allows localhost:{server.EndPoint.Port} at the addresses that the name has here. Loopback needs a rule that names it, such as \"127.0.0.1:{server.EndPoint.Port}\".");
    }

    [Fact]
    public async Task A_denied_dial_is_a_record_with_the_rule_and_a_name_s_address_is_recorded_at_once()
    {
        await using var server = LoopbackServer.Echo();
        await using (var tunnel = new TunnelFixture(server.EndPoint, allow: $"localhost:{server.EndPoint.Port}", socks: SocksSettings.Dial(), audit: audit))
        {
            using var denied = await AskAsync(tunnel, new("192.0.2.7", 80));
            using var opened = await AskAsync(tunnel, new("localhost", server.EndPoint.Port));
            await TunnelFixture.UntilAsync(() => audit.Of(AuditKind.ConnectionDialled).Length == 1);
        }

        audit.ShouldBeWhole();
        var denial = audit.Of(AuditKind.DialDenied).ShouldHaveSingleItem();
        (denial.Target, denial.Denial, denial.Reason, denial.Owner).ShouldBe(("192.0.2.7:80", "no_rule", CloseReason.ServerRefuse, "alice"));
        denial.Text!.ShouldContain("registry.targets.allow");
        var dialled = audit.Of(AuditKind.ConnectionDialled).ShouldHaveSingleItem();
        (dialled.Target, dialled.Dialled).ShouldBe(($"localhost:{server.EndPoint.Port}", server.EndPoint.ToString()));
        audit.Of(AuditKind.ConnectionEnd).Where(end => end.Client is not null).Select(end => end.Target).ShouldBe(["192.0.2.7:80", $"localhost:{server.EndPoint.Port}"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("tunnel", "10.1.2.3")]
    [InlineData("tunnel", "denied.example")] // which has to be looked up first
    [InlineData("ssh", "10.1.2.3")]
    public async Task A_target_that_is_denied_again_is_refused_and_counted_and_not_recorded(string type, string host)
    {
        var settings = type == "ssh" ? (ConversationSettings)GuacdSettings.Create("ssh", [new("hostname", host)], new("127.0.0.1", 9)) : TunnelSettings.Dial(host, 22);
        await using (var peer = new PlayedPeer(settings, allow: "*", audit: audit, resolve: _ => [IPAddress.Parse("10.1.2.3")]))
        {
            peer.Targets.Change(["denied.example:22", "127.0.0.0/8:*"]);
            peer.Targets.NeverDial(ProtocolType.Tcp, new(IPAddress.Parse("10.1.2.3"), 22));
            for (var number = 1u; number <= 20; number++)
            {
                await peer.ControlAsync(ControlCode.OpenConnection, number);
                (await peer.NextCloseAsync(number)).Reason.ShouldBe(CloseReason.ServerRefuse);
            }

            peer.Denied.ShouldHaveSingleItem().Host.ShouldBe(host);
            peer.Gauges.DeniedDials.ShouldBe(20);
        }

        audit.ShouldBeWhole();
        audit.Of(AuditKind.ConnectionStart).ShouldHaveSingleItem().Connection.ShouldBe(1u);
    }

    [Fact]
    public async Task A_target_that_was_denied_and_is_allowed_now_is_dialled_and_recorded()
    {
        await using var server = LoopbackServer.Echo();
        await using (var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), allow: "10.0.0.0/8:*", audit: audit))
        {
            await peer.ControlAsync(ControlCode.OpenConnection, 1);
            await peer.NextCloseAsync(1);

            peer.Targets.Change(["127.0.0.0/8:*"]);
            await peer.ControlAsync(ControlCode.OpenConnection, 2);
            (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 2u));
        }

        audit.ShouldBeWhole();
        audit.Of(AuditKind.ConnectionStart).Select(start => start.Connection).ShouldBe([1u, 2u]);
    }

    [Fact]
    public async Task A_peer_that_scans_is_told_of_to_a_bound_and_again_after_an_hour()
    {
        var time = new FakeTimeProvider();
        await using (var peer = new PlayedPeer(SocksSettings.Dial(), audit: audit, time: time))
        {
            for (var number = 1u; number <= DeniedTargets.MaxKnown + 50; number++)
                await AskAsync(number);
            peer.Denied.Count.ShouldBe(DeniedTargets.MaxKnown);
            peer.Gauges.DeniedDials.ShouldBe(DeniedTargets.MaxKnown + 50);

            time.Advance(DeniedTargets.Lifetime);
            await AskAsync(DeniedTargets.MaxKnown + 51);
            peer.Denied.Count.ShouldBe(DeniedTargets.MaxKnown + 1);

            async Task AskAsync(uint number)
            {
                await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.OpenConnection, number, new SocksTarget("10.1.2.3", (int)number).Encode())));
                (await peer.NextCloseAsync(number)).Reason.ShouldBe(CloseReason.ServerRefuse);
            }
        }

        audit.ShouldBeWhole();
        audit.Of(AuditKind.ConnectionStart).Length.ShouldBe(DeniedTargets.MaxKnown + 1);
    }

    [Fact]
    public async Task A_client_that_asks_for_nothing_is_recorded_as_such()
    {
        await using (var tunnel = new TunnelFixture(LoopbackServer.Refusing(), socks: SocksSettings.Dial(), audit: audit))
        {
            (await tunnel.ConnectAsync()).Dispose();
            await TunnelFixture.UntilAsync(() => audit.Of(AuditKind.ConnectionEnd).Length == 1);
        }

        audit.ShouldBeWhole();
        audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem().Reason.ShouldBe(CloseReason.Client);
    }

    [Fact]
    public async Task Where_datagrams_go_is_recorded_once_for_each_target_and_nothing_goes_unrecorded()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var target = (IPEndPoint)server.LocalEndPoint!;
        var got = new byte[16];
        await using (var peer = new PlayedPeer(SocksSettings.Dial(), protocol: ControlMessage.Protocol, audit: audit))
        {
            await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.OpenConnection, 1, SocksTarget.Association.Encode())));
            while ((await peer.NextControlAsync()).Item1 is var code && code != ControlCode.ConnectionOpened)
                code.ShouldBeOneOf(ControlCode.AcceptProtocol, ControlCode.Ping);
            for (var i = 0; i < 2; i++)
            {
                await SendDatagramAsync(peer, target, "recorded");
                (await server.ReceiveAsync(got.AsMemory()).AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe(8);
            }

            audit.IsAvailable = false;
            for (var i = 0; i < 2; i++)
                await SendDatagramAsync(peer, new(IPAddress.Parse("127.0.0.2"), target.Port), "not");
            await SendDatagramAsync(peer, target, "known");
            (await server.ReceiveAsync(got.AsMemory()).AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe(5);
        }

        audit.ShouldBeWhole();
        audit.Refused.ShouldBe(1);
        var reached = audit.Of(AuditKind.DatagramTarget).ShouldHaveSingleItem();
        (reached.Target, reached.Dialled, reached.Connection).ShouldBe((target.ToString(), target.ToString(), 1u));
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Target, end.BytesSent, end.BytesReceived).ShouldBe((null, 0, 7 * 5 + 8 + 8 + 3 + 3 + 5));
    }

    [Fact]
    public async Task A_session_s_record_names_what_guacd_connects_to_and_where_guacd_was_reached_but_no_secret()
    {
        await using var guacd = new PlayedGuacd();
        await using (var peer = new PlayedPeer(GuacdSettings.Create("vnc", [new("hostname", "10.0.0.7"), new("password", "hunter2")]), allow: "10.0.0.7:*", hocon: guacd.Hocon, audit: audit))
        {
            await peer.ControlAsync(ControlCode.OpenConnection, 1);
            await guacd.WelcomeAsync();
            (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
        }

        audit.ShouldBeWhole();
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Target, end.Dialled).ShouldBe(("10.0.0.7:5900", guacd.EndPoint.ToString()));
        string.Join('\n', audit.Records).ShouldNotContain("hunter2");
    }

    [Theory]
    [InlineData("refused", CloseReason.ConnectionFailed)]
    [InlineData("target ends", CloseReason.Normal)]
    [InlineData("closed", CloseReason.AdminClosed)]
    [InlineData("channel", CloseReason.TunnelClosed)]
    public async Task A_raw_connection_is_recorded_without_a_number(string cause, CloseReason reason)
    {
        await using var server = new LoopbackServer(async socket =>
        {
            if (cause == "target ends")
                await socket.SendAsync("bye"u8.ToArray());
            else
                await TunnelFixture.ReadToEndAsync(socket);
            socket.Dispose();
        });
        var target = cause == "refused" ? LoopbackServer.Refusing() : server.EndPoint;
        await using (var peer = new PlayedPeer(RawSettings.Dial(target.Address.ToString(), target.Port), audit: audit))
        {
            if (cause == "closed")
                peer.Conversation.Close(CloseReason.AdminClosed, "no more", "root");
            if (cause == "channel")
                peer.Channel.Close();
            if (cause == "target ends")
                (await peer.ReceiveAsync()).Item2.ShouldBe("627965");
            await peer.EndAsync();
        }

        audit.ShouldBeWhole();
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Connection, end.Target, end.Reason, end.BytesSent).ShouldBe((null, target.ToString(), reason, cause == "target ends" ? 3 : 0));
        end.ClosedBy.ShouldBe(cause == "closed" ? "root" : null);
    }

    [Theory]
    [InlineData("closed", CloseReason.AdminClosed, "root")]
    [InlineData("peer", CloseReason.TunnelClosed, null)]
    [InlineData("tube gone", CloseReason.TunnelClosed, null)]
    public async Task An_echo_is_recorded_as_one_connection_without_a_number(string cause, CloseReason reason, string? closedBy)
    {
        await using (var peer = new PlayedPeer(new EchoSettings(), audit: audit))
        {
            await peer.SendAsync("hello"u8.ToArray());
            (await peer.ReceiveAsync()).Item2.ShouldBe("68656C6C6F");
            if (cause == "closed")
                peer.Conversation.Close(CloseReason.AdminClosed, "no more", "root");
            if (cause == "peer")
                peer.Channel.Close();
            if (cause == "tube gone")
                peer.Conversation.Dispose();
            await peer.EndAsync();
        }

        audit.ShouldBeWhole();
        var end = audit.Of(AuditKind.ConnectionEnd).ShouldHaveSingleItem();
        (end.Connection, end.Dialled, end.BytesSent, end.BytesReceived, end.Reason, end.ClosedBy).ShouldBe((null, null, 5, 5, reason, closedBy));
    }

    [Fact]
    public async Task No_connection_begins_that_cannot_be_recorded()
    {
        audit.Answer = _ => Task.FromResult(false);
        var accepted = 0;
        await using var server = new LoopbackServer(socket =>
        {
            accepted++;
            return Task.CompletedTask;
        });
        await using (var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), audit: audit))
        {
            await peer.ControlAsync(ControlCode.OpenConnection, 1);
            (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ErrorRecording);
        }

        await using (var raw = new PlayedPeer(RawSettings.Dial("127.0.0.1", server.EndPoint.Port), audit: audit))
            (await raw.EndAsync()).Reason.ShouldBe(CloseReason.ErrorRecording);
        await using (var echo = new PlayedPeer(new EchoSettings(), audit: audit))
            (await echo.EndAsync()).Reason.ShouldBe(CloseReason.ErrorRecording);
        await using (var tunnel = new TunnelFixture(server.EndPoint, audit: audit))
        {
            await Should.ThrowAsync<SocketException>(async () =>
            {
                using var client = await tunnel.ConnectAsync();
                await TunnelFixture.ReadToEndAsync(client);
            });
            audit.Answer = null; // The tunnel itself goes on, and its peer was told nothing.
            using var next = await tunnel.ConnectAsync();
            await TunnelFixture.UntilAsync(() => Volatile.Read(ref accepted) == 1);
        }

        audit.ShouldBeWhole();
        audit.Of(AuditKind.ConnectionEnd).Length.ShouldBe(2);
    }

    /// <summary>Connections that come and end in any way and order, over one channel that then ends too.</summary>
    [Fact]
    public async Task In_any_life_each_connection_has_one_start_and_one_end() => await Gen.Int[0, 5].Array[1, 12].SampleAsync(async ways =>
    {
        var own = new RecordingAudit();
        await using var server = LoopbackServer.Echo();
        await using (var tunnel = new TunnelFixture(server.EndPoint, audit: own))
        {
            var sockets = new List<Socket>();
            foreach (var way in ways)
            {
                var client = await tunnel.ConnectAsync();
                sockets.Add(client);
                if (way > 0)
                    await client.SendAsync(new byte[way * 100]);
                if (way > 2)
                    await TunnelFixture.ReadAsync(client, way * 100);
                if (way == 4)
                    client.LingerState = new(true, 0);
                if (way is 1 or 4)
                    client.Dispose();
                if (way == 5)
                    client.Shutdown(SocketShutdown.Send);
            }

            if (ways.Length % 3 == 0)
                tunnel.Near.Close(CloseReason.AdminClosed, "enough");
            if (ways.Length % 3 == 1)
                tunnel.Far.Dispose();
            sockets.ForEach(socket => socket.Dispose());
            await TunnelFixture.UntilAsync(() => tunnel.Gauges.Connections == 0);
        }

        own.ShouldBeWhole();
        own.Of(AuditKind.ConnectionEnd).ShouldAllBe(end => end.BytesSent <= 500 && end.BytesReceived <= 500);
    }, iter: 40, threads: 1);

    private static async Task<Socket> AskAsync(TunnelFixture tunnel, SocksTarget target)
    {
        var client = await tunnel.ConnectAsync();
        await client.SendAsync((byte[])[5, 1, 0, 5, 1, 0, 3, (byte)target.Host.Length, .. Encoding.ASCII.GetBytes(target.Host), (byte)(target.Port >> 8), (byte)target.Port]);
        await TunnelFixture.ReadAsync(client, 12);
        return client;
    }

    private static ValueTask SendDatagramAsync(PlayedPeer peer, IPEndPoint target, string text) => peer.SendAsync(Frame.Encode(1, 0,
        (byte[])[1, .. target.Address.GetAddressBytes(), (byte)(target.Port >> 8), (byte)target.Port, .. Encoding.ASCII.GetBytes(text)]));
}
