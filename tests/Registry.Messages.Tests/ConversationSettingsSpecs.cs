using System.Net;
using System.Text.Json;

namespace Registry.Messages.Tests;

public sealed class ConversationSettingsSpecs
{
    [Fact]
    public void A_listening_tunnel_is_read() =>
        Read("""{"conversationType":"tunnel","local_listen_addr":"[::1]:8080"}""").ShouldBe(TunnelSettings.Listen(new(IPAddress.IPv6Loopback, 8080)));

    [Theory]
    [InlineData("5432")]
    [InlineData("\"5432\"")]
    public void A_dialling_tunnel_is_read(string port) =>
        Read($$"""{"conversationType":"tunnel","target_host":"db.internal","target_port":{{port}}}""").ShouldBe(TunnelSettings.Dial("db.internal", 5432));

    [Fact]
    public void A_raw_connection_is_read() =>
        Read("""{"conversationType":"raw","target_host":"vnc.internal","target_port":"5900"}""").ShouldBe(RawSettings.Dial("vnc.internal", 5900));

    [Fact]
    public void A_handler_is_read() => Read("""{"conversationType":"handler","handler":"chat"}""").ShouldBe(new HandlerSettings("chat"));

    [Fact]
    public void An_echo_is_read() => Read("""{"conversationType":"echo"}""").ShouldBe(new EchoSettings());

    [Fact]
    public void A_SOCKS5_proxy_is_read_by_its_own_name_and_as_the_original_writes_it()
    {
        AllowedTargets.TryParse("*.example.com,10.0.0.0/8", "22,443", out var allowed).ShouldBeTrue();
        Read("""{"conversationType":"socks5"}""").ShouldBe(SocksSettings.Dial());
        Read("""{"conversationType":"tunnel","socks_mode":true,"local_listen_addr":"127.0.0.1:1080"}""").ShouldBe(SocksSettings.Listen(new(IPAddress.Loopback, 1080)));
        Read("""{"conversationType":"tunnel","allowed_hosts":"*.example.com, 10.0.0.0/8","allowed_ports":"22, 443"}""").ShouldBe(SocksSettings.Dial(allowed));
        Read("""{"conversationType":"tunnel","socks_mode":false,"target_host":"h","target_port":1}""").ShouldBe(TunnelSettings.Dial("h", 1));
        allowed.Rules.ShouldBe(["*.example.com:22,443", "10.0.0.0/8:22,443"]);
    }

    [Theory]
    [InlineData("{}", "conversationType", "missing")]
    [InlineData("""{"conversationType":7}""", "conversationType", "number")]
    [InlineData("""{"conversationType":"carrier-pigeon"}""", "conversationType", "unknown")]
    [InlineData("""{"conversationType":"python_handler"}""", "conversationType", "not supported by this version")]
    [InlineData("""{"conversationType":"echo","target_port":1}""", "target_port", "unknown for type")]
    [InlineData("""{"conversationType":"handler"}""", "handler", "name of a handler")]
    [InlineData("""{"conversationType":"handler","handler":"a b"}""", "handler", "name of a handler")]
    [InlineData("""{"conversationType":"handler","handler":"a","target_port":1}""", "target_port", "unknown for type")]
    [InlineData("""{"conversationType":"raw"}""", "target_host", "missing")]
    [InlineData("""{"conversationType":"raw","target_host":"h"}""", "target_port", "missing")]
    [InlineData("""{"conversationType":"raw","target_host":7,"target_port":1}""", "target_host", "host name")]
    [InlineData("""{"conversationType":"raw","target_host":"h","target_port":0}""", "target_port", "65535")]
    [InlineData("""{"conversationType":"raw","target_host":"h","target_port":1,"local_listen_addr":"127.0.0.1:0"}""", "local_listen_addr", "unknown for type")]
    [InlineData("""{"conversationType":"tunnel","target_hots":"x"}""", "target_hots", "unknown")]
    [InlineData("""{"conversationType":"tunnel","socks_mode":"yes"}""", "socks_mode", "true")]
    [InlineData("""{"conversationType":"socks5","socks_mode":false}""", "socks_mode", "true")]
    [InlineData("""{"conversationType":"tunnel","socks_mode":true,"target_host":"h"}""", "target_host", "unknown for type")]
    [InlineData("""{"conversationType":"socks5","allowed_hosts":["10.0.0.1"]}""", "allowed_hosts", "string")]
    [InlineData("""{"conversationType":"socks5","allowed_hosts":""}""", "allowed_hosts", "names")]
    [InlineData("""{"conversationType":"socks5","allowed_hosts":"a,,b"}""", "allowed_hosts", "names")]
    [InlineData("""{"conversationType":"tunnel","allowed_hosts":"10.0.0.1:80"}""", "allowed_hosts", "names")]
    [InlineData("""{"conversationType":"socks5","allowed_hosts":"*"}""", "allowed_hosts", "names")]
    [InlineData("""{"conversationType":"socks5","allowed_hosts":"db, 10.0.0.1/24"}""", "allowed_hosts", ": 10.0.0.1/24 has host bits that are set: write 10.0.0.0/24 for the network, or 10.0.0.1/32 for that host alone")]
    [InlineData("""{"conversationType":"socks5","allowed_ports":443}""", "allowed_ports", "string")]
    [InlineData("""{"conversationType":"socks5","allowed_ports":"0"}""", "allowed_ports", "65535")]
    [InlineData("""{"conversationType":"socks5","allowed_ports":"22,http"}""", "allowed_ports", "65535")]
    [InlineData("""{"conversationType":"socks5","local_listen_addr":"127.0.0.1:0","allowed_ports":"22"}""", "local_listen_addr", "excludes")]
    [InlineData("""{"conversationType":"tunnel","databaseType":"mysql","target_host":"h","target_port":1}""", "databaseType", "not supported by this version")]
    [InlineData("""{"conversationType":"tunnel"}""", "target_host", "local_listen_addr")]
    [InlineData("""{"conversationType":"tunnel","target_host":"h"}""", "target_port", "missing")]
    [InlineData("""{"conversationType":"tunnel","target_host":"","target_port":1}""", "target_host", "host name")]
    [InlineData("""{"conversationType":"tunnel","target_host":"a b","target_port":1}""", "target_host", "host name")]
    [InlineData("""{"conversationType":"tunnel","target_host":"h","target_port":0}""", "target_port", "65535")]
    [InlineData("""{"conversationType":"tunnel","target_host":"h","target_port":65536}""", "target_port", "65535")]
    [InlineData("""{"conversationType":"tunnel","target_host":"h","target_port":1.5}""", "target_port", "65535")]
    [InlineData("""{"conversationType":"tunnel","target_host":"h","target_port":true}""", "target_port", "65535")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":"127.0.0.1"}""", "local_listen_addr", "ip:port")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":"localhost:80"}""", "local_listen_addr", "ip:port")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":"::1:80"}""", "local_listen_addr", "ip:port")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":"127.0.0.1:70000"}""", "local_listen_addr", "ip:port")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":80}""", "local_listen_addr", "ip:port")]
    [InlineData("""{"conversationType":"tunnel","local_listen_addr":"127.0.0.1:0","target_host":"h","target_port":1}""", "local_listen_addr", "excludes")]
    public void What_is_wrong_is_named(string json, string key, string message)
    {
        ConversationSettingsReader.TryRead(Map(json), out _, out var refusal).ShouldBeFalse();

        refusal.Code.ShouldBe(RefusalCode.InvalidSettings);
        refusal.Key.ShouldBe(key);
        refusal.Message.ShouldStartWith($"settings.{key} ");
        refusal.Message.ShouldContain(message);
    }

    private static ConversationSettings Read(string json)
    {
        ConversationSettingsReader.TryRead(Map(json), out var settings, out var refusal).ShouldBeTrue(refusal?.Message);
        return settings!;
    }

    private static Dictionary<string, JsonElement> Map(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;
}
