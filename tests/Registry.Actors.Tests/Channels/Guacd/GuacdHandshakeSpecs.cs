using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>Every branch of the handshake with a guacd, whose side is played. The texts are those of the published protocol.</summary>
public sealed class GuacdHandshakeSpecs
{
    private const string Password = "pässwörd 🔑";

    [Fact]
    public async Task A_new_connection_is_asked_for_in_the_published_order()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, GuacdSettings.Create("rdp",
        [
            new("hostname", "10.0.0.7"), new("port", "3390"), new("username", "CORP\\ann"), new("password", Password), new("ignore_cert", "true"),
            new("width", "1920"), new("height", "1080"), new("dpi", "120"), new("audio", "audio/ogg"), new("image", "image/png,image/jpeg"),
            new("timezone", "America/New_York"), new("name", "Ann"),
        ]));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.rdp;");
        await guacd.SendAsync("4.args,13.VERSION_1_5_0,8.hostname,4.port,6.domain,8.username,8.password,11.ignore-cert,9.read-only,8.timezone;");
        await guacd.ShouldGetAsync("4.size,4.1920,4.1080,3.120;");
        await guacd.ShouldGetAsync("5.audio,9.audio/ogg;");
        await guacd.ShouldGetAsync("5.video;");
        await guacd.ShouldGetAsync("5.image,9.image/png,10.image/jpeg;");
        await guacd.ShouldGetAsync("8.timezone,16.America/New_York;");
        await guacd.ShouldGetAsync("4.name,3.Ann;");
        await guacd.ShouldGetAsync("7.connect,13.VERSION_1_5_0,8.10.0.0.7,4.3390,4.CORP,3.ann,10.pässwörd 🔑,4.true,0.,16.America/New_York;");
        await guacd.SendAsync("5.ready,37.$260d01da-779b-4ee9-afc1-c16bae885cc7;");

        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
        peer.Notices.Single().Take().ShouldBe(["5.ready,37.$260d01da-779b-4ee9-afc1-c16bae885cc7;"]);
    }

    [Theory]
    [InlineData("13.VERSION_1_0_0,", "13.VERSION_1_0_0,", false, false)]
    [InlineData("13.VERSION_1_1_0,", "13.VERSION_1_1_0,", true, false)]
    [InlineData("13.VERSION_1_3_0,", "13.VERSION_1_3_0,", true, true)]
    [InlineData("14.VERSION_1_10_0,", "13.VERSION_1_5_0,", true, true)] // the newest that this end knows
    [InlineData("13.VERSION_2_0_0,", "13.VERSION_1_5_0,", true, true)]
    [InlineData("", "", false, false)] // a guacd before 1.1.0 names none
    public async Task The_older_version_of_both_is_spoken(string theirs, string ours, bool hasTimeZone, bool hasName)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, GuacdSettings.Create("vnc", [new("hostname", "10.0.0.7"), new("timezone", "UTC"), new("name", "Ann")]));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await guacd.SendAsync($"4.args,{theirs}8.hostname,4.port;");
        await guacd.ShouldGetAsync("4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;"
            + (hasTimeZone ? "8.timezone,3.UTC;" : "") + (hasName ? "4.name,3.Ann;" : "") + $"7.connect,{ours}8.10.0.0.7,4.5900;");
        await guacd.SendAsync("5.ready,1.$;");

        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
    }

    [Theory]
    [InlineData("true", "4.true")]
    [InlineData("", "4.true")]
    [InlineData("false", "0.")]
    [InlineData(null, "0.")]
    public async Task A_connection_is_joined_by_its_id_and_nothing_else_is_told(string? readOnly, string told)
    {
        await using var guacd = new PlayedGuacd();
        List<KeyValuePair<string, string>> parameters = [new("connectionid", "$260d01da-779b"), new("hostname", "10.0.0.7"), new("password", Password)];
        if (readOnly is not null)
            parameters.Add(new("readonly", readOnly));
        await using var peer = Peer(guacd, GuacdSettings.Create("vnc", parameters));

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,14.$260d01da-779b;");
        await guacd.SendAsync("4.args,13.VERSION_1_5_0,8.hostname,4.port,8.password,9.read-only;");
        await guacd.ShouldGetAsync($"4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,13.VERSION_1_5_0,0.,0.,0.,{told};");
        await guacd.SendAsync("5.ready,14.$260d01da-779b;");

        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));
    }

    [Theory]
    [InlineData("5.ready,1.$;", CloseReason.GuacdError, "guacd sent ready where args was awaited.")]
    [InlineData("3.foo;", CloseReason.GuacdError, "guacd sent foo where args was awaited.")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", CloseReason.GuacdError, "guacd sent no instruction where args was awaited: An element's length holds 0x48.")]
    [InlineData("1000001.", CloseReason.GuacdError, "guacd sent no instruction where args was awaited: An element is longer than 1000000 characters.")]
    [InlineData("5.error,9.No server,3.519;", CloseReason.GuacdError, "guacd reported an error: No server (UPSTREAM_NOT_FOUND, 0x0207).")]
    [InlineData("5.error;", CloseReason.GuacdError, "guacd reported an error: no reason was given.")]
    public async Task A_wrong_answer_instead_of_args_refuses_the_connection(string answer, CloseReason reason, string text)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await guacd.SendAsync(answer);

        (await peer.NextCloseAsync(1)).ShouldBe((reason, text));
        await EndedAsync(peer, guacd);
    }

    [Theory]
    [InlineData("4.args,13.VERSION_1_5_0;", "guacd sent args where ready was awaited.")]
    [InlineData("4.sync,1.0;", "guacd sent sync where ready was awaited.")]
    [InlineData("5.error,8.Aborted.,3.769;", "guacd reported an error: Aborted (CLIENT_UNAUTHORIZED, 0x0301).")]
    [InlineData("5.error,3.a.b,2.-1;", "guacd reported an error: a.b.")]
    public async Task A_wrong_answer_instead_of_ready_refuses_the_connection(string answer, string text)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await guacd.SendAsync("4.args,13.VERSION_1_5_0,8.password;");
        await guacd.SendAsync(answer);

        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.GuacdError, text));
        peer.Notices.ShouldBeEmpty();
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Theory]
    [InlineData("", "args")]
    [InlineData("4.args,13.VERSION_1_5_0;", "ready")]
    public async Task A_guacd_that_goes_away_refuses_the_connection(string before, string awaited)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        if (before.Length > 0)
        {
            await guacd.SendAsync(before);
            await guacd.ShouldGetAsync("4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,13.VERSION_1_5_0;");
        }

        guacd.Close();

        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.GuacdRefuse);
        text.ShouldStartWith($"guacd closed the connection where {awaited} was awaited.");
    }

    [Theory]
    [InlineData("", "args", "10s", 10)]
    [InlineData("4.ar", "args", "10s", 10)]
    [InlineData("4.args,13.VERSION_1_5_0;", "ready", "3s", 3)]
    public async Task A_guacd_that_does_not_answer_in_time_refuses_the_connection(string before, string awaited, string limit, int seconds)
    {
        var time = new FakeTimeProvider();
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, hocon: $"registry.guacd.handshake-timeout = {limit}", time: time);
        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        if (before.Length > 0)
            await guacd.SendAsync(before);
        if (awaited == "ready")
            await guacd.ShouldGetAsync("4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,13.VERSION_1_5_0;");

        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        await peer.ControlAsync(ControlCode.Ping, 0);
        (await peer.NextControlAsync()).ShouldBe((ControlCode.Pong, 0u)); // and no close before it
        time.Advance(TimeSpan.FromTicks(1));

        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.Timeout, $"guacd sent no {awaited} within {seconds} s."));
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }

    [Fact]
    public async Task A_handshake_that_hangs_holds_up_nobody_else()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await peer.ControlAsync(ControlCode.OpenConnection, 2);
        await guacd.WelcomeAsync();

        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 2u));
    }

    [Fact]
    public async Task A_guacd_where_nobody_listens_is_told()
    {
        var nobody = LoopbackServer.Refusing();
        await using var peer = new PlayedPeer(Session(), hocon: $"registry.guacd.address = \"{nobody}\"", allow: "10.0.0.0/8:*");

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        var (reason, text) = await peer.NextCloseAsync(1);
        reason.ShouldBe(CloseReason.ConnectionFailed);
        text.ShouldStartWith($"guacd: {nobody} cannot be reached");
    }

    [Fact]
    public async Task What_an_open_brings_along_is_refused()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd);

        await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.OpenConnection, 1, "credentials"u8)));

        (await peer.NextCloseAsync(1)).ShouldBe((CloseReason.ConfigurationError, "This end opens the session of its settings; an open cannot bring a target or credentials."));
    }

    private static GuacdSettings Session() => GuacdSettings.Create("vnc", [new("hostname", "10.0.0.7"), new("password", Password)]);

    private static PlayedPeer Peer(PlayedGuacd guacd, GuacdSettings? settings = null, string hocon = "", TimeProvider? time = null) =>
        new(settings ?? Session(), allow: "10.0.0.0/8:*", hocon: $"{guacd.Hocon}\n{hocon}", time: time);

    private static async Task EndedAsync(PlayedPeer peer, PlayedGuacd guacd)
    {
        (await guacd.GetToEndAsync()).ShouldBe(""); // nothing was sent to one that is no guacd
        await TunnelFixture.UntilAsync(() => peer.Gauges is { Sockets: 0, Connections: 0 });
    }
}
