using System.Text.Json;
using Registry.Host.Tests.RealPrograms;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

public sealed class PortsTests
{
    [Fact]
    public async Task A_plain_gateway_needs_its_UDP_port_and_says_how_to_have_one()
    {
        var needs = await ReadAsync();
        needs.ShouldContain("tcp 8080 in this machine only");
        needs.ShouldContain("udp any both peers");
        (await RunAsync("ports")).Output.ShouldContain("--udp-port");
        needs.ShouldNotContain(need => need.Contains("cluster"));
    }

    [Fact]
    public async Task Everything_that_the_configuration_reaches_or_is_reached_at_is_there()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("gateway.conf"), "registry.ice { servers = [\"stun:stun.example\", \"turns:turn.example\", \"turn:[2001:db8::1]:3479\"], shared-secret = s3cret }");
        var needs = await ReadAsync(
            "--http", "http://192.0.2.1:8443", "--insecure", "--udp-port", "20000", "--cluster", "127.0.0.1:4053", "--seed", "127.0.0.1:4053", "--seed", "10.0.0.2:4054", "--allow", "10.0.0.0/8:22,80",
            "--set", "registry.webrtc.tcp-port = 20001", "--set", "registry.channels.listen = any", "--set", "registry.guacd.address = \"guacd.internal:4822\"", "--set", "registry.targets.allow = [\"*\", \"[fd00::/8]:*\"]",
            "--config", folder.File("gateway.conf"), "--set", "registry.ice.credentials-url = \"https://relay.example:444/x\"",
            "--set", "registry.auth.jwt { issuer = i, audience = a, metadata-url = \"https://login.example/openid\" }");

        needs.ShouldBe(
        [
            "tcp 8443 in clients, operators, probes",
            "udp 20000 both peers",
            "tcp 20001 in peers whose network stops UDP",
            "udp 5353 both 224.0.0.251 on this machine's links",
            "tcp any in whoever is to reach what tubes serve",
            "tcp 4053 in every other node",
            "tcp 4053 out every other node",
            "tcp 4054 out every other node",
            "udp 3478 out stun.example",
            "tcp 5349 out turn.example",
            "udp 3479 out 2001:db8::1",
            "tcp 444 out relay.example",
            "tcp 443 out login.example",
            "tcp 4822 out guacd.internal",
            "udp 53 out this machine's name servers",
            "tcp any out anywhere but this machine",
            "tcp any out [fd00::/8]",
            "tcp 22,80 out 10.0.0.0/8",
        ]);
    }

    private static async Task<string[]> ReadAsync(params string[] options)
    {
        var (code, output, error) = await RunAsync(["ports", "--json", .. options]);
        code.ShouldBe(0, error);
        return [.. JsonDocument.Parse(output).RootElement.EnumerateArray().Select(need => string.Join(' ', new[] { "protocol", "port", "direction", "peer" }.Select(name => need.GetProperty(name).GetString())))];
    }
}
