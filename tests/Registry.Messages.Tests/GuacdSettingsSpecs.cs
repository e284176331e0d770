using System.Text.Json;
using Registry.Messages.Wire;

namespace Registry.Messages.Tests;

public sealed class GuacdSettingsSpecs
{
    private const string Secret = "s3cr3t";

    [Theory]
    [InlineData("rdp", "rdp", 3389)]
    [InlineData("ssh", "ssh", 22)]
    [InlineData("vnc", "vnc", 5900)]
    [InlineData("telnet", "telnet", 23)]
    [InlineData("kubernetes", "kubernetes", 8080)]
    [InlineData("mysql", "mysql", 3306)]
    [InlineData("postgresql", "postgres", 5432)]
    [InlineData("postgres", "postgres", 5432)]
    [InlineData("sql-server", "sql-server", 1433)]
    public void Every_type_has_a_protocol_and_a_standard_port(string type, string protocol, int port)
    {
        var settings = Read($$$"""{"conversationType":"{{{type}}}","guacd_params":{"hostname":"pc.example"}}""");

        settings.Protocol.ShouldBe(protocol);
        settings.Type.ShouldBe(type == "postgres" ? "postgresql" : type);
        settings.Targets.ShouldBe([new("hostname", "port", "pc.example", port)]);
        (settings.Width, settings.Height, settings.Dpi).ShouldBe((1024, 768, 96));
        (settings.GuacdHost, settings.GuacdPort, settings.ConnectionId).ShouldBe((null, 0, null));
    }

    [Fact]
    public void Parameters_become_text_as_the_original_makes_it()
    {
        var settings = Read("""
            {"conversationType":"rdp","guacd":{"guacd_host":"guacd.internal","guacd_port":"4822"},"guacd_params":{
              "hostname":"pc","port":3390,"ignore-cert":true,"Enable_Drive":false,"dpi":120,"width":"800","audio":["audio/ogg","audio/L16"],"image":"image/png",
              "list":[1,null,"a"],"object":{"a": 1},"nothing":null}}
            """);

        (settings.GuacdHost, settings.GuacdPort).ShouldBe(("guacd.internal", 4822));
        settings.Parameters["ignorecert"].ShouldBe("true");
        settings.Parameters["enable-drive"].ShouldBe("false");
        settings.Parameters["list"].ShouldBe("1,a");
        settings.Parameters["object"].ShouldBe("""{"a": 1}""");
        settings.Parameters["nothing"].ShouldBeNull();
        settings.Targets.ShouldBe([new("hostname", "port", "pc", 3390)]);
        (settings.Width, settings.Height, settings.Dpi).ShouldBe((800, 768, 120));
        settings.Audio.ShouldBe(["audio/ogg", "audio/L16"]);
        settings.Video.ShouldBeEmpty();
        settings.Image.ShouldBe(["image/png"]);
    }

    [Fact]
    public void Everything_that_guacd_would_connect_to_is_a_target()
    {
        Read("""
            {"conversationType":"rdp","guacd_params":{"hostname":"pc","gateway-hostname":"gate","gateway-port":8443,"enable-sftp":true,"sftp-port":2222}}
            """).Targets.ShouldBe([new("hostname", "port", "pc", 3389), new("gateway-hostname", "gateway-port", "gate", 8443), new("sftp-hostname", "sftp-port", "pc", 2222)]);
        Read("""
            {"conversationType":"vnc","guacd_params":{"hostname":"pc","enable-audio":true,"dest-host":"other","sftp-hostname":"files"}}
            """).Targets.ShouldBe(
            [new("hostname", "port", "pc", 5900), new("sftp-hostname", "sftp-port", "files", 22), new("audio-servername", null, "pc", 4713), new("dest-host", "dest-port", "other", 5900)]);
        Read("""{"conversationType":"ssh","guacd_params":{"hostname":"pc","enable-sftp":true}}""").Targets.ShouldBe([new("hostname", "port", "pc", 22)]);
        Read("""{"conversationType":"http","guacd_params":{"url":"https://[fd00::1]/a"}}""").Targets.ShouldBe([new("url", null, "fd00::1", 443)]);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("\"\"", true)]
    [InlineData("\"false\"", false)]
    [InlineData("null", false)]
    public void A_connection_is_joined(string readOnly, bool isReadOnly)
    {
        var settings = Read($$$"""{"conversationType":"rdp","guacd_params":{"connectionid":"$260d01da-779b","read-only":{{{readOnly}}}}}""");

        (settings.ConnectionId, settings.IsReadOnly).ShouldBe(("$260d01da-779b", isReadOnly));
        settings.Targets.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"hostname":"pc","host_name":"other"}""", "guacd_params.host_name", "twice")]
    [InlineData("""{"hostname":"pc","hostname":"other"}""", "guacd_params", "twice")]
    [InlineData("""[]""", "guacd_params", "object")]
    [InlineData("""{}""", "guacd_params.hostname", "host name")]
    [InlineData("""{"hostname":"a b"}""", "guacd_params.hostname", "host name")]
    [InlineData("""{"hostname":"[::1]"}""", "guacd_params.hostname", "host name")]
    [InlineData("""{"hostname":"pc","port":"ssh"}""", "guacd_params.port", "65535")]
    [InlineData("""{"hostname":"pc","port":0}""", "guacd_params.port", "65535")]
    [InlineData("""{"hostname":"pc","port":" 22"}""", "guacd_params.port", "65535")]
    [InlineData("""{"hostname":"pc","width":"wide"}""", "guacd_params.width", "65535")]
    [InlineData("""{"hostname":"pc","sftp-hostname":"a/b"}""", "guacd_params.sftp-hostname", "host name")]
    [InlineData("""{"hostname":"pc","reverse-connect":true}""", "guacd_params.reverse-connect", "listen")]
    [InlineData("""{"hostname":"pc","wol-send-packet":"true"}""", "guacd_params.wol-send-packet", "broadcast")]
    [InlineData("""{"hostname":"pc","use_guacr":"true"}""", "guacd_params.use_guacr", "built-in")]
    [InlineData("""{"hostname":"pc","protocol":"rdp"}""", "guacd_params.protocol", "contradicts")]
    [InlineData("""{"hostname":"pc","password":"s3cr3t\u0000"}""", "guacd_params.password", "NUL")]
    [InlineData("""{"hostname":"pc","":"x"}""", "guacd_params", "name")]
    [InlineData("""{"hostname":"pc","a b":"x"}""", "guacd_params.a b", "name")]
    [InlineData("""{"connectionid":"ssh"}""", "guacd_params.connectionid", "$")]
    [InlineData("""{"connectionid":"$"}""", "guacd_params.connectionid", "$")]
    [InlineData("""{"connectionid":"$1;"}""", "guacd_params.connectionid", "$")]
    [InlineData("""{"connectionid":"$1","readonly":"maybe"}""", "guacd_params.readonly", "true or false")]
    public void Wrong_parameters_are_named(string parameters, string key, string what) =>
        Refused($$"""{"conversationType":"vnc","guacd_params":{{parameters}}}""", key, what);

    [Theory]
    [InlineData("""{"conversationType":"http","guacd_params":{"url":"file:///etc/passwd"}}""", "guacd_params.url", "http or https")]
    [InlineData("""{"conversationType":"rdp","guacd_params":{"hostname":"pc"},"target_host":"pc"}""", "target_host", "unknown for type")]
    [InlineData("""{"conversationType":"rdp","guacd_params":{"hostname":"pc"},"connect_as_settings":{}}""", "connect_as_settings", "not supported")]
    [InlineData("""{"conversationType":"\ud800"}""", "conversationType", "surrogate")]
    [InlineData("""{"conversationType":"rdp","guacd_params":{"hostname":"pc","list":["\udc00"]}}""", "guacd_params", "surrogate")]
    [InlineData("""{"conversationType":"rdp","guacd_params":{"hostname":"pc","\ud800":"s3cr3t"}}""", "guacd_params", "surrogate")]
    [InlineData("""{"conversationType":"rdp","guacd":"guacd:4822"}""", "guacd", "object")]
    [InlineData("""{"conversationType":"rdp","guacd":{"guacd_host":"g","guacd_port":4822,"tls":true}}""", "guacd.tls", "unknown")]
    [InlineData("""{"conversationType":"rdp","guacd":{"guacd_port":4822}}""", "guacd.guacd_host", "host name")]
    [InlineData("""{"conversationType":"rdp","guacd":{"guacd_host":"g"}}""", "guacd.guacd_port", "65535")]
    public void Other_wrong_settings_are_named(string json, string key, string what) => Refused(json, key, what);

    [Fact]
    public void Sizes_are_bounded()
    {
        Wrong(Enumerable.Range(0, GuacdParameters.MaxCount + 1).Select(i => KeyValuePair.Create($"p{i}", "")), "guacd_params holds more than");
        Wrong([new("a", new string('x', GuacdParameters.MaxValue + 1))], "guacd_params.a is longer");
        Wrong(Enumerable.Range(0, 5).Select(i => KeyValuePair.Create($"p{i}", new string('x', GuacdParameters.MaxValue))), "guacd_params holds more than");
        Wrong([new(new string('x', GuacdParameters.MaxName + 1), "")], "is not a parameter's name");
        Wrong([new("hostname", "pc"), new("audio", string.Join(',', Enumerable.Repeat("a/b", GuacdSettings.MaxMediaTypes + 1)))], "guacd_params.audio must hold");

        static void Wrong(IEnumerable<KeyValuePair<string, string>> parameters, string message) =>
            Should.Throw<ArgumentException>(() => GuacdSettings.Create("vnc", parameters)).Message.ShouldContain(message);
    }

    [Fact]
    public void No_text_form_shows_a_value()
    {
        var settings = GuacdSettings.Create("ssh", [new("hostname", "pc"), new("password", Secret), new("private-key", Secret)]);
        var command = new CreateTube(new("c"), settings);

        foreach (var text in new[] { settings.ToString(), settings.Parameters.ToString(), command.ToString(), $"{(object)command}" })
            text.ShouldNotContain(Secret);
        command.ToString().ShouldContain("GuacdSettings { Type = ssh }");
        Should.Throw<ArgumentException>(() => GuacdSettings.Create("ssh", [new("hostname", "pc"), new("port", Secret), new("password", Secret)])).Message.ShouldNotContain(Secret);
    }

    [Fact]
    public void Another_node_takes_nothing_that_this_one_would_refuse()
    {
        var bytes = RegistryCodec.Encode(new CreateTube(new("c"), GuacdSettings.Create("ssh", [new("connectionid", "$1")])));
        var changed = Convert.FromHexString(Convert.ToHexString(bytes).Replace(Convert.ToHexString("$1"u8), Convert.ToHexString("vn"u8), StringComparison.Ordinal));

        Should.Throw<System.Runtime.Serialization.SerializationException>(() => RegistryCodec.Decode("CT", changed)).Message.ShouldContain("connectionid");
    }

    private static GuacdSettings Read(string json)
    {
        ConversationSettingsReader.TryRead(JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!, out var settings, out var refusal).ShouldBeTrue(refusal?.Message);
        return settings.ShouldBeOfType<GuacdSettings>();
    }

    private static void Refused(string json, string key, string what)
    {
        ConversationSettingsReader.TryRead(JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!, out _, out var refusal).ShouldBeFalse();
        refusal.Code.ShouldBe(RefusalCode.InvalidSettings);
        refusal.Key.ShouldBe(key);
        refusal.Message.ShouldContain(what);
        refusal.Message.ShouldNotContain(Secret);
    }
}
