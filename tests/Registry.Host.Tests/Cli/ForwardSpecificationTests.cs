using System.Net;
using Registry.Host.Cli;
using Registry.Messages;

namespace Registry.Host.Tests.Cli;

public sealed class ForwardSpecificationTests
{
    [Theory]
    [InlineData("15432:127.0.0.1:5432", "127.0.0.1:15432", "127.0.0.1", 5432, "127.0.0.1:5432")]
    [InlineData("0:db.example.com:1", "127.0.0.1:0", "db.example.com", 1, "db.example.com:1")]
    [InlineData("0.0.0.0:80:h:65535", "0.0.0.0:80", "h", 65535, "h:65535")]
    [InlineData("localhost:80:h:81", "127.0.0.1:80", "h", 81, "h:81")]
    [InlineData("[::1]:8080:[fd00::7]:80", "[::1]:8080", "fd00::7", 80, "[fd00::7]:80")]
    [InlineData("8080:[::1]:80", "127.0.0.1:8080", "::1", 80, "[::1]:80")]
    public void Good_texts_are_read(string text, string listen, string host, int port, string target)
    {
        var specification = ForwardSpecification.Parse(text);
        specification.Listen.ShouldBe(IPEndPoint.Parse(listen));
        specification.TargetHost.ShouldBe(host);
        specification.TargetPort.ShouldBe(port);
        specification.Target.ShouldBe(target);
    }

    [Theory]
    [InlineData("10.0.0.1:80", "10.0.0.1:80 refused the connection.", true)]
    [InlineData("10.0.0.1:80", "No rule allows 10.0.0.1:80", true)]
    [InlineData("10.0.0.1:80", "10.0.0.1:8080 refused the connection.", false)]
    [InlineData("10.0.0.1:80", "110.0.0.1:80 refused the connection.", false)]
    [InlineData("db:80", "my-db:80 refused the connection.", false)]
    [InlineData("db:80", "db:8080 and my.db:80 and 'db:80' refused the connection.", true)]
    [InlineData("[::1]:80", "[::1]:80 did not answer.", true)]
    public void A_target_is_found_in_a_text_only_as_a_whole(string target, string text, bool isNamed) => ForwardCommand.IsNamed(target, text).ShouldBe(isNamed);

    [Theory]
    [InlineData("")]
    [InlineData("8080")]
    [InlineData("8080:host")]
    [InlineData("a:b:c:d:e")]
    [InlineData("65536:host:80")]
    [InlineData("-1:host:80")]
    [InlineData("80:host:0")]
    [InlineData("80:host:http")]
    [InlineData("80::80")]
    [InlineData("80:ho st:80")]
    [InlineData("example.com:80:host:80")]
    [InlineData("[::1:80:host:80")]
    [InlineData("[::1]80:host:80")]
    public void Bad_texts_are_usage_errors_that_quote_them(string text)
    {
        var error = Should.Throw<CommandException>(() => ForwardSpecification.Parse(text));
        error.ExitCode.ShouldBe(ExitCode.Usage);
        error.Message.ShouldStartWith($"-L '{text}'");
        Should.Throw<CommandException>(() => RemoteForwardSpecification.Parse(text)).Message.ShouldStartWith($"-R '{text}'");
    }

    [Fact]
    public void The_other_way_round_the_gateway_is_told_where_to_listen_and_nothing_of_the_target()
    {
        var specification = RemoteForwardSpecification.Parse("[::1]:8080:[fd00::7]:80");
        specification.Target.ShouldBe("[fd00::7]:80");
        specification.LocalSettings(specification.Listen).ShouldBe(TunnelSettings.Dial("fd00::7", 80));
        specification.GatewaySettings(new(IPAddress.IPv6Loopback, 9)).ToDictionary(setting => setting.Key, setting => setting.Value.GetString())
            .ShouldBe(new Dictionary<string, string?> { ["conversationType"] = "tunnel", ["local_listen_addr"] = "[::1]:9" }, ignoreOrder: true);
    }
}
