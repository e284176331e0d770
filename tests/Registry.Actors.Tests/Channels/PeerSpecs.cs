using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Channels;

/// <summary>One end of a tunnel against a peer played frame by frame: the original system, or a hostile one.</summary>
public sealed class PeerSpecs
{
    [Fact]
    public async Task A_dialling_end_follows_the_original_s_conversation()
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
        await peer.SendAsync(Frame.Encode(1, 0, "hello"u8));
        (await peer.NextDataAsync()).ShouldBe((1u, "hello"));
        await peer.ControlAsync(ControlCode.SendEof, 1);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.SendEof, 1u));
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_listening_end_follows_the_original_s_conversation_and_keeps_what_came_before_its_close()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Listen(new(IPAddress.Loopback, 0)));
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(peer.Conversation.ListenEndPoint!);

        (await peer.NextControlAsync()).ShouldBe((ControlCode.OpenConnection, 1u));
        // All at once in one message: opened, data, and the close with which the original ends a target's end of file.
        await peer.SendAsync([
            .. Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.ConnectionOpened, 1)),
            .. Frame.Encode(1, 0, "banner"u8),
            .. Frame.Encode(0, 0, ControlMessage.EncodeClose(1, CloseReason.ConnectionLost, "closed"))]);

        (await TunnelFixture.ReadToEndAsync(client)).ShouldBe("banner"u8.ToArray());
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_refused_target_is_answered_with_a_reason_and_a_text()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", LoopbackServer.Refusing().Port));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.ConnectionFailed);
        text.ShouldContain("refused", Case.Insensitive);
    }

    [Fact]
    public async Task A_denied_target_is_answered_with_the_remedy()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("10.1.2.3", 22));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.ServerRefuse);
        text.ShouldContain("registry.targets.allow");
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_is_answered_as_such()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("nowhere.invalid", 22), allow: "nowhere.invalid:22");

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.AddressResolutionFailed);
    }

    [Fact]
    public async Task A_ping_becomes_a_pong_with_the_same_bytes()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0, "abc"u8)));

        var pong = await peer.NextAsync();
        pong.Connection.ShouldBe(0u);
        pong.Payload.ShouldBe(ControlMessage.Encode(ControlCode.Pong, 0, "abc"u8));
    }

    [Theory]
    [InlineData(ControlMessage.MaxPing)]
    [InlineData(ControlMessage.MaxPing + 1)]
    [InlineData(60_000)] // its pong is larger than what the peer takes
    public async Task A_ping_with_more_bytes_than_a_time_needs_ends_its_channel_alone(int bytes)
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9), maxMessageSize: 2048);

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0, new byte[bytes])));

        if (bytes <= ControlMessage.MaxPing)
        {
            (await peer.NextAsync()).Payload.Length.ShouldBe(6 + bytes);
            return;
        }

        var end = await peer.EndAsync();
        end.Reason.ShouldBe(CloseReason.ProtocolError);
        end.Text.ShouldContain($"{bytes} bytes");
        (await peer.NextCloseAsync(0)).Reason.ShouldBe(CloseReason.ProtocolError);
    }

    [Fact]
    public async Task A_peer_that_takes_less_than_it_said_ends_its_channel_alone()
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port));
        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));

        peer.Far.MaxMessageSize = 20; // by a later description
        await peer.SendAsync(Frame.Encode(1, 0, "hello"u8));

        var end = await peer.EndAsync();
        end.Reason.ShouldBe(CloseReason.ProtocolError);
        end.Text.ShouldContain("takes 20");
    }

    [Theory]
    [InlineData("00")] // everything
    [InlineData("0100000007")] // one connection
    [InlineData("02")] // the system
    [InlineData("")]
    public async Task A_metrics_request_is_answered_with_what_the_channel_measures(string asked)
    {
        var time = new FakeTimeProvider();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9), protocol: ControlMessage.Protocol, time: time);
        await peer.ShouldSayAsync("0064" + "00000000" + "747562652E7632");
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));

        time.Advance(TimeSpan.FromMilliseconds(40));
        await peer.ControlAsync(ControlCode.Pong, 0);
        await peer.SendAsync(Frame.Encode(0, 0, [0x01, 0x2D, .. Convert.FromHexString(asked)]));

        var (_, payload) = await peer.NextAsync();
        Convert.ToHexString(payload.AsSpan(0, 2)).ShouldBe("012E");
        System.Text.Encoding.UTF8.GetString(payload.AsSpan(2)).ShouldBe("""{"connections":0,"roundTripMs":40}""");
    }

    [Fact]
    public async Task An_open_with_a_target_of_its_own_is_refused()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.OpenConnection, 1, [0, 0, 0, 1, (byte)'x', 0, 22])));

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ConfigurationError);
    }

    [Fact]
    public async Task A_listening_end_does_not_dial()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Listen(new(IPAddress.Loopback, 0)));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ServerRefuse);
    }

    [Theory]
    [InlineData("000000010000000000000000FFFFFFFF")] // a length of 4 GiB
    [InlineData("0000000100000000000000000000000161FF")] // a wrong terminator
    [InlineData("00000000000000000000000000000002FFFF3B")] // an unknown control code
    [InlineData("0000000900000000000000000000000161" + "3B")] // data for a connection that never was
    [InlineData("000000000000000000000000000000060068000000093B")] // an end of file for one
    [InlineData("000000000000000000000000000000060065000000003B")] // opening connection 0
    public async Task What_is_malformed_closes_the_channel_with_a_protocol_error(string hex)
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        await peer.SendAsync(Convert.FromHexString(hex));

        var (reason, text) = await peer.NextCloseAsync(0);
        reason.ShouldBe(CloseReason.ProtocolError);
        text.ShouldNotBeEmpty();
        (await peer.EndAsync()).Reason.ShouldBe(CloseReason.ProtocolError);
        peer.Channel.State.ShouldBe(DataChannelState.Closed);
    }

    [Fact]
    public async Task Text_where_frames_are_expected_is_a_protocol_error()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        await peer.Channel.SendAsync("hello"u8.ToArray(), DataChannelMessageType.Text);

        (await peer.EndAsync()).Reason.ShouldBe(CloseReason.ProtocolError);
    }

    [Fact]
    public async Task Data_behind_an_end_of_file_is_a_protocol_error()
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await peer.ControlAsync(ControlCode.SendEof, 1);
        await peer.SendAsync(Frame.Encode(1, 0, "late"u8));

        (await peer.EndAsync()).Reason.ShouldBe(CloseReason.ProtocolError);
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_peer_that_pings_and_never_reads_is_cut_off()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9), window: 1024, hocon: "registry.channels.drain-timeout = 50ms");
        var ping = Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0));

        await Should.ThrowAsync<DataChannelClosedException>(async () =>
        {
            for (var i = 0; i < 10_000; i++)
                await peer.SendAsync(ping);
        });

        (await peer.EndAsync()).Reason.ShouldBe(CloseReason.ProtocolError);
    }

    [Fact]
    public async Task The_peer_s_close_of_the_channel_is_the_end_s_reason()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeClose(0, CloseReason.AIClosed, "")));

        var end = await peer.EndAsync();
        end.Reason.ShouldBe(CloseReason.AIClosed);
        end.Text.ShouldBe(CloseReason.AIClosed.Message);
    }

    [Fact]
    public async Task A_data_channel_that_just_closes_gives_no_reason()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9));

        peer.Channel.Close();

        (await peer.EndAsync()).Reason.ShouldBeNull();
    }

    [Fact]
    public async Task A_dialling_end_takes_tube_v2_from_a_peer_that_names_it_and_gives_credit()
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), protocol: ControlMessage.Protocol);

        await peer.ShouldSayAsync("0064" + "00000000" + "747562652E7632"); // tube.v2 accepted
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));
        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await peer.ShouldSayAsync("0069" + "00000001" + "00040000"); // 256 KiB
        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
        await peer.SendAsync(Frame.Encode(1, 0, "hello"u8));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 2)));
        (await peer.NextDataAsync()).ShouldBe((1u, "he"));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 100)));
        (await peer.NextDataAsync()).ShouldBe((1u, "llo"));
        await peer.ControlAsync(ControlCode.SendEof, 1);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.SendEof, 1u));
        // It crossed the connection's end.
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 100)));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0)));
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Pong, 0u));
    }

    [Fact]
    public async Task Data_for_a_connection_that_broke_and_whose_peer_was_not_told_yet_is_dropped_and_the_channel_goes_on()
    {
        var reset = new TaskCompletionSource();
        await using var server = new LoopbackServer(async target =>
        {
            await reset.Task;
            TunnelListener.Reset(target);
        });
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), window: 1, protocol: ControlMessage.Protocol);
        await peer.ShouldSayAsync("0064" + "00000000" + "747562652E7632");
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));
        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await peer.ShouldSayAsync("0069" + "00000001" + "00040000");
        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 100))); // without credit it would not look at its target
        // The first answer fills the channel, and what is said after it waits.
        await peer.ControlAsync(ControlCode.Ping, 0);
        await peer.ControlAsync(ControlCode.Ping, 0);

        reset.SetResult();
        await TunnelFixture.UntilAsync(() => peer.Gauges.Sockets == 0);
        await peer.SendAsync(Frame.Encode(1, 0, "on its way"u8));
        await peer.ControlAsync(ControlCode.Ping, 0);

        (ControlCode, uint)[] said = [await peer.NextControlAsync(), await peer.NextControlAsync(), await peer.NextControlAsync(), await peer.NextControlAsync()];
        // In which order is not told: the reset and the pings come on two ways.
        said.ShouldBe([(ControlCode.Pong, 0u), (ControlCode.Pong, 0u), (ControlCode.Pong, 0u), (ControlCode.CloseConnection, 1u)], ignoreOrder: true);
        peer.EndAsync().IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_listening_end_offers_tube_v2_and_gives_credit_once_it_is_accepted()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Listen(new(IPAddress.Loopback, 0)), protocol: ControlMessage.Protocol, peerOpens: false);
        peer.Conversation.Protocol.ShouldBe("tube.v2");
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(peer.Conversation.ListenEndPoint!);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.OpenConnection, 1u));

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeAccept()));

        await peer.ShouldSayAsync("0069" + "00000001" + "00040000");
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));
        await peer.ControlAsync(ControlCode.ConnectionOpened, 1);
        await client.SendAsync("hello"u8.ToArray());
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 100)));
        (await peer.NextDataAsync()).ShouldBe((1u, "hello"));
    }

    [Fact]
    public async Task An_offer_of_tube_v2_that_the_original_does_not_know_leaves_the_original_s_conversation()
    {
        await using var peer = new PlayedPeer(TunnelSettings.Listen(new(IPAddress.Loopback, 0)), protocol: ControlMessage.Protocol, peerOpens: false);
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(peer.Conversation.ListenEndPoint!);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.OpenConnection, 1u));

        await peer.ControlAsync(ControlCode.ConnectionOpened, 1);
        await client.SendAsync("hello"u8.ToArray());

        (await peer.NextDataAsync()).ShouldBe((1u, "hello"));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeAccept()));
        (await peer.NextCloseAsync(0)).Reason.ShouldBe(CloseReason.ProtocolError); // too late
    }

    [Theory]
    [InlineData("", "00690000000100000001")] // a WindowUpdate that was not agreed on
    [InlineData("", "006400000000747562652E7632")] // an AcceptProtocol for nothing
    [InlineData("tube.v2", "006400000000747562652E7632")]
    [InlineData("tube.v2", "00690000000100000001")] // a WindowUpdate for a connection that never was
    [InlineData("tube.v2", "006900000001000001")] // and one cut short
    public async Task What_does_not_belong_to_the_agreed_protocol_is_a_protocol_error(string protocol, string payload)
    {
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9), protocol: protocol);

        await peer.SendAsync(Frame.Encode(0, 0, Convert.FromHexString(payload)));

        (await peer.EndAsync()).Reason.ShouldBe(CloseReason.ProtocolError);
    }

    [Fact]
    public async Task Data_beyond_the_credit_is_a_protocol_error()
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), protocol: ControlMessage.Protocol);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await peer.SendInPiecesAsync(Frame.Encode(1, 0, new byte[256 * 1024 + 1]));

        var end = await peer.EndAsync();
        end.Reason.ShouldBe(CloseReason.ProtocolError);
        end.Text.ShouldContain("credit");
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_peer_that_falls_silent_is_given_up_after_a_ping()
    {
        var time = new FakeTimeProvider();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", 9), protocol: ControlMessage.Protocol, time: time);
        await peer.ShouldSayAsync("0064" + "00000000" + "747562652E7632");
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));
        await peer.ControlAsync(ControlCode.Pong, 0);
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.MetricsRequest, 0)));
        (await peer.NextControlAsync()).Item1.ShouldBe(ControlCode.MetricsResponse); // what was sent before has been read

        // The beat's next wait begins when it likes: let time pass until it pings, which is seen some seconds late.
        var answered = time.GetUtcNow();
        var ping = peer.NextControlAsync();
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return ping.IsCompleted;
        });
        (await ping).ShouldBe((ControlCode.Ping, 0u));
        var end = peer.EndAsync();
        await TunnelFixture.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return end.IsCompleted;
        });

        (await end).Reason.ShouldBe(CloseReason.ConnectionLost);
        (time.GetUtcNow() - answered).ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(15 + 30));
    }

    [Fact]
    public async Task An_echo_sends_back_what_comes_as_it_came()
    {
        await using var peer = new PlayedPeer(new EchoSettings());

        await peer.Channel.SendAsync("text"u8.ToArray(), DataChannelMessageType.Text);
        await peer.Channel.SendAsync(new byte[] { 1, 2, 3 });
        await peer.Channel.SendAsync(ReadOnlyMemory<byte>.Empty);

        (await peer.ReceiveAsync()).ShouldBe((DataChannelMessageType.Text, "74657874"));
        (await peer.ReceiveAsync()).ShouldBe((DataChannelMessageType.Binary, "010203"));
        (await peer.ReceiveAsync()).ShouldBe((DataChannelMessageType.Binary, ""));
    }
}
