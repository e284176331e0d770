using System.Net;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>What guacd may be, and what it may be told to connect to.</summary>
public sealed class GuacdPolicySpecs
{
    private static readonly IPAddress Checked = IPAddress.Parse("10.0.0.7");

    [Theory]
    [InlineData("hostname", "192.168.0.1")]
    [InlineData("hostname", "169.254.169.254")]
    [InlineData("hostname", "127.1")]
    [InlineData("sftp-hostname", "192.168.0.1")]
    [InlineData("gateway-hostname", "192.168.0.1")]
    [InlineData("dest-host", "::ffff:169.254.169.254")]
    public async Task A_target_that_no_rule_allows_is_never_told_to_guacd(string parameter, string host)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, "vnc", new Dictionary<string, string> { ["hostname"] = "10.0.0.7", [parameter] = host });

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ServerRefuse);
        peer.Denied.Single().Host.ShouldBe(host);
    }

    [Fact]
    public async Task A_URL_that_no_rule_allows_is_never_told_to_guacd()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, "http", new Dictionary<string, string> { ["url"] = "https://192.168.0.1/" });

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ServerRefuse);
        (peer.Denied.Single() is { Host: "192.168.0.1", Port: 443 }).ShouldBeTrue();
    }

    [Theory]
    [InlineData("off", "8.10.0.0.7")]
    [InlineData("on", "10.pc.example")]
    public async Task A_name_is_told_as_the_address_that_was_checked_unless_names_are_passed(string passNames, string told)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, "vnc", new Dictionary<string, string> { ["hostname"] = "pc.example", ["enable-sftp"] = "true" }, $"registry.guacd.pass-names = {passNames}");

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await guacd.SendAsync("4.args,13.VERSION_1_5_0,8.hostname,4.port,13.sftp-hostname,9.sftp-port;");
        await guacd.ShouldGetAsync($"4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,13.VERSION_1_5_0,{told},4.5900,{told},2.22;");
    }

    [Fact]
    public async Task An_oddly_written_address_is_told_plainly()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, "vnc", new Dictionary<string, string> { ["hostname"] = "0x0a.7" }, "registry.guacd.pass-names = on");

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,3.vnc;");
        await guacd.SendAsync("4.args,8.hostname;");

        await guacd.ShouldGetAsync("4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,8.10.0.0.7;");
    }

    [Fact]
    public async Task A_session_ends_when_the_rules_no_longer_allow_its_target()
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = Peer(guacd, "vnc", new Dictionary<string, string> { ["hostname"] = "10.0.0.7" });
        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        await guacd.WelcomeAsync();
        (await peer.NextControlAsync()).ShouldBe((ControlCode.ConnectionOpened, 1u));

        peer.Targets.Change(["10.0.0.8:*"]).ShouldBe(1);

        (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ServerRefuse);
        await guacd.LoseAsync();
    }

    [Theory]
    [InlineData("10.0.0.0/8:*", false)]
    [InlineData("127.0.0.1:*", true)]
    public async Task A_guacd_that_settings_name_needs_a_rule(string allow, bool isAllowed)
    {
        await using var guacd = new PlayedGuacd();
        await using var peer = new PlayedPeer(GuacdSettings.Create("vnc", [new("connectionid", "$1")], new(guacd.EndPoint.Address.ToString(), guacd.EndPoint.Port)), allow: allow);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);

        if (!isAllowed)
        {
            (await peer.NextCloseAsync(1)).Reason.ShouldBe(CloseReason.ServerRefuse);
            return;
        }

        await guacd.AcceptAsync();
        await guacd.ShouldGetAsync("6.select,2.$1;");
    }

    [Fact]
    public void Without_a_guacd_a_create_is_refused_and_names_the_setting()
    {
        var settings = RegistrySettings.From(Akka.Configuration.Config.Empty);
        var services = new ChannelServices(settings, TargetPolicy.Parse([]), TimeProvider.System, new());

        new ConversationFactory(services).TryOpen(GuacdSettings.Create("vnc", [new("hostname", "pc")]), TunnelFixture.Origin, new(services.Time), new(FlowLimits.From(settings)), out _, out var refusal).ShouldBeFalse();

        (refusal.Code, refusal.Key).ShouldBe((RefusalCode.InvalidSettings, "guacd"));
        refusal.Message.ShouldContain("registry.guacd.address");
    }

    private static PlayedPeer Peer(PlayedGuacd guacd, string type, IEnumerable<KeyValuePair<string, string>> parameters, string hocon = "") =>
        new(GuacdSettings.Create(type, parameters), allow: "10.0.0.0/8:*", hocon: $"{guacd.Hocon}\n{hocon}", resolve: _ => [IPAddress.Parse("192.168.0.9"), Checked]);
}
