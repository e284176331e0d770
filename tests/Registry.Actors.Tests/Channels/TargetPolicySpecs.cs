using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels;

namespace Registry.Actors.Tests.Channels;

public sealed class TargetPolicySpecs
{
    [Theory]
    [InlineData("", "example.com", "93.184.216.34", 80, false)] // no rule, no target
    [InlineData("*", "example.com", "93.184.216.34", 80, true)]
    [InlineData("*", "example.com", "127.0.0.1", 80, false)] // loopback must be named
    [InlineData("*:*", "localhost", "127.0.0.1", 80, false)]
    [InlineData("0.0.0.0/0:*", "127.0.0.1", "127.0.0.1", 80, false)]
    [InlineData("127.0.0.0/8:*", "127.0.0.1", "127.0.0.1", 80, true)]
    [InlineData("127.0.0.0/8:*", "x.example", "127.0.0.9", 80, true)]
    [InlineData("127.0.0.0/8:*", "::ffff:127.0.0.1", "::ffff:127.0.0.1", 80, true)]
    [InlineData("localhost:22", "localhost", "127.0.0.1", 22, true)]
    [InlineData("localhost:22", "localhost", "::1", 22, true)]
    [InlineData("localhost:22", "127.0.0.1", "127.0.0.1", 22, false)]
    [InlineData("[::1]:*", "localhost", "::1", 22, true)]
    [InlineData("db.internal:5432", "db.internal", "127.0.0.1", 5432, false)] // rebinding to loopback
    [InlineData("db.internal:5432", "DB.internal.", "10.0.0.5", 5432, true)]
    [InlineData("db.internal:5432", "db.internal", "10.0.0.5", 5433, false)]
    [InlineData("*.example.com:22,443", "a.example.com", "192.0.2.1", 443, true)]
    [InlineData("*.example.com:22,443", "example.com", "192.0.2.1", 443, false)]
    [InlineData("*.example.com:22,443", "aexample.com", "192.0.2.1", 443, false)]
    [InlineData("10.1.0.0/16:22", "h", "10.1.255.255", 22, true)]
    [InlineData("10.1.0.0/16:22", "h", "10.2.0.0", 22, false)]
    [InlineData("10.1.2.3:22", "h", "::ffff:10.1.2.3", 22, true)]
    [InlineData("::ffff:10.0.0.0/104:22", "h", "10.1.2.3", 22, true)]
    [InlineData("[fd00::/8]:443", "h", "fd12::1", 443, true)]
    [InlineData("*", "h", "169.254.169.254", 80, false)]
    [InlineData("169.254.0.0/16:*", "h", "169.254.169.254", 80, false)]
    [InlineData("*", "h", "::ffff:169.254.169.254", 80, false)]
    [InlineData("*", "h", "64:ff9b::a9fe:a9fe", 80, false)] // NAT64 of 169.254.169.254
    [InlineData("*", "h", "2002:7f00:1::", 80, false)] // 6to4 of 127.0.0.1
    [InlineData("*", "h", "::127.0.0.1", 80, false)]
    [InlineData("*", "h", "64:ff9b::c000:201", 80, true)]
    [InlineData("*", "h", "224.0.0.1", 80, false)]
    [InlineData("*", "h", "255.255.255.255", 80, false)]
    [InlineData("*", "h", "0.0.0.0", 80, false)]
    [InlineData("*", "h", "::", 80, false)]
    [InlineData("*", "h", "fe80::1", 80, false)]
    [InlineData("*", "h", "ff02::1", 80, false)]
    [InlineData("*", "h", "fd00:ec2::254", 80, false)]
    [InlineData("*", "h", "fd20:ce::254", 80, false)]
    [InlineData("*", "h", "fd00:ec2::254%1", 80, false)] // a zone makes no other address of it
    [InlineData("*", "h", "fe80::1%1", 80, false)]
    [InlineData("*", "h", "::%1", 80, false)]
    [InlineData("*", "h", "::1%1", 80, false)]
    [InlineData("*", "h", "::ffff:169.254.169.254%1", 80, false)]
    [InlineData("*", "h", "64:ff9b::a9fe:a9fe%1", 80, false)]
    [InlineData("*", "h", "2002:7f00:1::%1", 80, false)]
    [InlineData("[fd00::/8]:443", "h", "fd12::1%7", 443, true)]
    [InlineData("*", "0251.0376.0251.0376", "0251.0376.0251.0376", 80, false)] // octal
    [InlineData("*", "0xa9fea9fe", "0xa9fea9fe", 80, false)]
    [InlineData("*", "2852039166", "2852039166", 80, false)]
    [InlineData("*", "127.1", "127.1", 80, false)]
    public void Rules_allow_only_what_they_name(string rules, string host, string address, int port, bool allowed)
    {
        var policy = TargetPolicy.Parse(rules.Length == 0 ? [] : [rules]);

        policy.Allows(host, IPAddress.Parse(address), port).ShouldBe(allowed);
    }

    [Theory]
    [InlineData("127.0.0.1:8080", "127.0.0.1", 8080, true)]
    [InlineData("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, true)]
    [InlineData("127.0.0.1:8080", "127.0.0.1", 8081, false)]
    [InlineData("127.0.0.1:8080", "127.0.0.2", 8080, false)]
    [InlineData("0.0.0.0:4053", "127.0.0.2", 4053, true)]
    [InlineData("0.0.0.0:4053", "::1", 4053, true)]
    [InlineData("[::]:4053", "127.0.0.1", 4053, true)]
    [InlineData("0.0.0.0:4053", "192.0.2.1", 4053, false)] // another machine's
    [InlineData("[2001:db8::5]:8080", "2001:db8::5%1", 8080, true)]
    [InlineData("[2001:db8::5%1]:8080", "2001:db8::5", 8080, true)]
    [InlineData("192.0.2.7:8080", "::ffff:192.0.2.7", 8080, true)]
    [InlineData("192.0.2.7:8080", "64:ff9b::c000:207", 8080, true)] // by NAT64
    [InlineData("192.0.2.7:8080", "2002:c000:207::1", 8080, true)] // by 6to4
    public void Where_the_gateway_listens_is_never_dialled(string own, string address, int port, bool denied)
    {
        var policy = TargetPolicy.Parse(["*", "127.0.0.0/8:*", "[::1]:*"]);
        policy.NeverDial(ProtocolType.Tcp, IPEndPoint.Parse(own));

        policy.Judge(ProtocolType.Tcp, address, IPAddress.Parse(address), port).ShouldBe(denied ? TargetDenial.OwnPort : null);
        policy.Judge(ProtocolType.Udp, address, IPAddress.Parse(address), port).ShouldBeNull();
    }

    [Theory]
    [InlineData("10.0.0.1/24:22", "'10.0.0.1/24' has host bits that are set: write 10.0.0.0/24 for the network, or 10.0.0.1/32 for that host alone.")]
    [InlineData("[fd00::1/8]:443", "'fd00::1/8' has host bits that are set: write fd00::/8 for the network, or fd00::1/128 for that host alone.")]
    [InlineData("10.0.0.0/33:22", "'10.0.0.0/33' is not a network in CIDR form.")]
    [InlineData("http://db:80", "a rule is host:port, without 'http://'.")]
    [InlineData("https://db/", "a rule is host:port, without 'https://'.")]
    [InlineData("nonsense", "a port is missing. Write host-or-cidr:port[,port], such as 10.0.0.0/8:22, *.example.com:* or *:443, or * alone.")]
    public void Why_a_rule_is_refused_says_what_may_be_meant(string rule, string why) =>
        Should.Throw<FormatException>(() => TargetPolicy.Parse([rule])).Message.ShouldStartWith($"The target rule '{rule}' is malformed: {why}");

    [Fact]
    public void The_forms_that_a_refusal_names_are_taken() =>
        TargetPolicy.Parse(["10.0.0.0/8:22", "10.0.0.1/32:22", "fd00::1/128:*", "*.example.com:*", "*:443", "*"]).Allows("a.example.com", IPAddress.Parse("192.0.2.1"), 443).ShouldBeTrue();

    [Fact]
    public void Rules_that_are_malformed_change_nothing()
    {
        var policy = TargetPolicy.Parse(["10.0.0.0/8:22"]);

        Should.Throw<FormatException>(() => policy.Change(["10.0.0.0/8:22", "nonsense"]));

        policy.Allows("10.1.1.1", IPAddress.Parse("10.1.1.1"), 22).ShouldBeTrue();
    }

    [Fact]
    public void A_connection_that_is_denied_between_its_dial_and_its_start_ends_too()
    {
        var policy = TargetPolicy.Parse(["10.0.0.0/8:22"]);
        policy.Change([]).ShouldBe(0);
        TargetDenial? told = null;

        using var held = policy.Hold(new(ProtocolType.Tcp, "10.1.1.1", new(IPAddress.Parse("10.1.1.1"), 22), why => told = why));

        told.ShouldBe(TargetDenial.NoRule);
    }

    [Theory]
    [InlineData("")]
    [InlineData("example.com")]
    [InlineData("example.com:")]
    [InlineData(":80")]
    [InlineData("example.com:0")]
    [InlineData("example.com:65536")]
    [InlineData("example.com:80,")]
    [InlineData("example.com:http")]
    [InlineData("10.0.0.0/33:80")]
    [InlineData("exa mple:80")]
    [InlineData("[fd00::1%1]:80")]
    [InlineData("[fd00::%1/8]:80")]
    public void A_malformed_rule_is_refused_and_quoted(string rule) =>
        Should.Throw<FormatException>(() => TargetPolicy.Parse([rule])).Message.ShouldContain($"'{rule}'");
}
