using System.Text;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>The Guacamole stream behind the handshake, towards a peer of the original's kind and one that speaks tube.v2.</summary>
public sealed class GuacdSessionSpecs
{
    [Theory]
    [InlineData("")]
    [InlineData(ControlMessage.Protocol)]
    public async Task The_stream_flows_both_ways_in_whole_instructions(string protocol)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, protocol: protocol);
        await OpenAsync(peer, guacd, protocol, behind: "4.sync,1.1;4.na");

        (await peer.NextDataAsync()).ShouldBe((1u, "4.sync,1.1;"));
        await guacd.SendAsync("me,3.東京🚇;3.nop;");
        (await peer.NextDataAsync()).ShouldBe((1u, "4.name,3.東京🚇;3.nop;"));
        await peer.SendAsync(Frame.Encode(1, 0, "4.sync,1.1;5.mo"u8));
        await peer.SendAsync(Frame.Encode(1, 0, "use,1.1,1.2;"u8));
        await guacd.ShouldGetAsync("4.sync,1.1;5.mouse,1.1,1.2;");
        await guacd.SendAsync("4.sync,1.2;10.disconnect;4.sync,1.3;");
        (await peer.NextDataAsync()).ShouldBe((1u, "4.sync,1.2;10.disconnect;"));
        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.Normal, "guacd ended the session."));
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task An_error_reaches_the_peer_and_ends_the_connection_with_its_text()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await guacd.SendAsync("5.error,14.Login refused.,3.769;10.disconnect;");

        (await peer.NextDataAsync()).ShouldBe((1u, "5.error,14.Login refused.,3.769;"));
        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.GuacdError, "guacd reported an error: Login refused (CLIENT_UNAUTHORIZED, 0x0301)."));
    }

    [Fact]
    public async Task The_sizes_of_real_screens_are_told_once_each()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);
        peer.Notices.Single().Take().ShouldBe(["5.ready,3.$id;"]);

        // A layer's size is not the display's; the same size again is no news; what is absurdly long is not told.
        await guacd.SendAsync($"4.size,1.0,300.{new string('1', 300)},1.1;");
        await guacd.SendAsync("4.size,1.0,4.1024,3.768;4.size,1.5,2.64,2.64;4.size,2.-1,2.64,2.64;4.size,1.0,4.1024,3.768;4.sync,1.1;");
        while (!(await peer.NextDataAsync()).Item2.EndsWith("4.sync,1.1;", StringComparison.Ordinal))
            continue;
        peer.Notices.Last().Take().ShouldBe(["4.size,1.0,4.1024,3.768;"]);
        foreach (var (width, height) in new[] { (1280, 720), (1920, 1080), (3840, 2160) })
        {
            await guacd.SendAsync($"4.size,1.0,4.{width},{height.ToString().Length}.{height};4.sync,1.1;");
            (await peer.NextDataAsync()).Item2.ShouldContain("sync");
        }

        // Nobody took the first two: one message is under way, and the last size is told.
        peer.Notices.Count.ShouldBe(3);
        peer.Notices.Last().Take().ShouldBe(["4.size,1.0,4.3840,4.2160;"]);
    }

    [Theory]
    [InlineData("4.sync,1.1;65.x", "4.sync,1.1;", "An opcode")]
    [InlineData("4.sync,1.1;9999999.", "4.sync,1.1;", "longer than 1000000 characters")]
    [InlineData("4.sync,1.1;garbage", "4.sync,1.1;", "0x67")]
    public async Task What_is_no_instruction_of_guacd_ends_the_connection(string sent, string forwarded, string what)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await guacd.SendAsync(sent);

        (await peer.NextDataAsync()).ShouldBe((1u, forwarded));
        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.ProtocolError);
        text.ShouldContain(what);
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task What_is_no_instruction_of_the_peer_never_reaches_guacd()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await peer.SendAsync(Frame.Encode(1, 0, "3.key,2.65,1.1;"u8));
        await guacd.ShouldGetAsync("3.key,2.65,1.1;");
        await peer.SendAsync(Frame.Encode(1, 0, "3.keys;"u8));

        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.InvalidInstruction);
        text.ShouldContain("0x73");
        (await guacd.GetToEndAsync()).ShouldBe("");
    }

    [Theory]
    [InlineData("", "10.disconnect;")]
    [InlineData("3.key,2.65,1.1;", "3.key,2.65,1.1;10.disconnect;")]
    [InlineData("10.disconnect;", "10.disconnect;")] // it has said so itself
    [InlineData("3.key,2.6", "3.key,2.6")] // nothing can follow half an instruction
    public async Task A_peer_that_closes_the_connection_disconnects(string last, string heard)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        if (last.Length > 0)
            await peer.SendAsync(Frame.Encode(1, 0, Encoding.UTF8.GetBytes(last)));
        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeClose(1, CloseReason.Client, "")));

        (await guacd.GetToEndAsync()).ShouldBe(heard);
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_peer_s_end_of_file_is_a_half_close()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await peer.ControlAsync(ControlCode.SendEof, 1);
        (await guacd.GetToEndAsync()).ShouldBe("");
        await guacd.SendAsync("4.sync,1.1;10.disconnect;");

        (await peer.NextDataAsync()).ShouldBe((1u, "4.sync,1.1;10.disconnect;"));
        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.Normal);
    }

    [Theory]
    [InlineData("", "4.sync,1.1;")]
    [InlineData("4.sy", "4.sync,1.1;4.sy")]
    public async Task A_guacd_that_goes_away_without_a_word_is_a_lost_connection(string half, string carried)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await guacd.SendAsync("4.sync,1.1;" + half);
        guacd.Close();

        var got = "";
        while (got.Length < carried.Length)
            got += (await peer.NextDataAsync()).Item2;
        got.ShouldBe(carried);
        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.ConnectionLost, "guacd closed the connection and did not say why."));
    }

    [Theory]
    [InlineData("")]
    [InlineData("", 4_000_000)]
    [InlineData(ControlMessage.Protocol)]
    public async Task Instructions_of_any_size_arrive_whole(string protocol, int? bytesPerSecond = null)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, protocol: protocol, bytesPerSecond: bytesPerSecond);
        await OpenAsync(peer, guacd, protocol);
        var stream = new StringBuilder();
        for (var i = 0; i < 60; i++)
            stream.Append(System.Globalization.CultureInfo.InvariantCulture, $"4.blob,1.1,{i * 997 % 50_000}.{new string((char)('a' + i % 26), i * 997 % 50_000)};");
        var expected = stream.ToString();

        var sending = guacd.SendAsync(expected + "10.disconnect;");
        var got = new StringBuilder();
        while (got.Length < expected.Length + 14)
        {
            var (connection, payload) = await peer.NextAsync();
            if (connection == 0)
                continue; // a ping, or credit for what was sent
            got.Append(Encoding.UTF8.GetString(payload));
            if (protocol.Length > 0)
                await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, (uint)payload.Length)));
        }

        await sending;
        got.ToString().ShouldBe(expected + "10.disconnect;");
        peer.Flow.Sending.Highest.ShouldBeLessThanOrEqualTo(peer.Flow.Limits.TubeLimit);
    }

    [Fact]
    public async Task Halves_of_instructions_leave_room_for_others()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, hocon: "registry.channels.tube-limit = 1 MiB");
        await OpenAsync(peer, guacd);
        // Others hold back more than half of what may wait: then half an instruction is sent as it is.
        await peer.Flow.Sending.EnterAsync(600 * 1024, CancellationToken.None);

        await guacd.SendAsync("4.sync,1");

        (await peer.NextDataAsync()).ShouldBe((1u, "4.sync,1"));
        peer.Flow.Sending.Leave(600 * 1024);
    }

    [Fact]
    public async Task Ending_the_channel_ends_the_session()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);
        await OpenAsync(peer, guacd);

        await guacd.SendAsync("4.sy");
        peer.Conversation.Close(CloseReason.AdminClosed, "enough");

        (await peer.NextCloseAsync(0)).ShouldBe((CloseReason.AdminClosed, "enough"));
        await guacd.LoseAsync();
        await peer.EndAsync();
        peer.Flow.Sending.Queued.ShouldBe(0);
    }

    private static PlayedPeer Peer(PlayedGuacd guacd, string protocol = "", string hocon = "", int? bytesPerSecond = null) =>
        new(GuacdSettings.Create("vnc", [new("hostname", "10.0.0.7")]), allow: "10.0.0.0/8:*", hocon: $"{guacd.Hocon}\n{hocon}", protocol: protocol, bytesPerSecond: bytesPerSecond);

    private static async Task OpenAsync(PlayedPeer peer, PlayedGuacd guacd, string protocol = "", string behind = "")
    {
        if (protocol.Length > 0)
        {
            await peer.ShouldSayAsync("0064" + "00000000" + "747562652E7632");
            (await peer.NextControlAsync()).ShouldBe((ControlCode.Ping, 0u));
        }

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.WelcomeAsync(behind);
        if (protocol.Length > 0)
            await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 256 * 1024)));
        (ControlCode Code, uint) said;
        do
            said = await peer.NextControlAsync();
        while (said.Code == ControlCode.WindowUpdate);
        said.ShouldBe((ControlCode.ConnectionOpened, 1u));
    }
}
