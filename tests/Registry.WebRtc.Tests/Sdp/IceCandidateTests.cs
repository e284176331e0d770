using System.Net;
using CsCheck;

namespace Registry.WebRtc.Tests.Sdp;

public sealed class IceCandidateTests
{
    [Theory]
    [InlineData("candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.2 rport 46154 generation 0 ufrag 8hhY network-id 1 network-cost 10",
        "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.2 rport 46154 ufrag 8hhY")]
    [InlineData("a=candidate:0 1 UDP 2122252543 192.168.1.5 58763 typ host", "candidate:0 1 udp 2122252543 192.168.1.5 58763 typ host")]
    [InlineData("1 1 UDP 2122317823 2001:db8::9 58763 typ host\r\n", "candidate:1 1 udp 2122317823 2001:db8::9 58763 typ host")]
    [InlineData("candidate:2 1 TCP 2105524479 192.168.1.5 9 typ host tcptype active", "candidate:2 1 tcp 2105524479 192.168.1.5 9 typ host tcptype active")]
    [InlineData("candidate:3 1 udp 2113937151 3f1b9c1e-7d0a-4c39-8f5e-0a4a0e6b1c11.local 50000 typ host",
        "candidate:3 1 udp 2113937151 3f1b9c1e-7d0a-4c39-8f5e-0a4a0e6b1c11.local 50000 typ host")]
    [InlineData("candidate:4 2 udp 1 198.51.100.1 1 typ relay raddr hidden.local rport 9", "candidate:4 2 udp 1 198.51.100.1 1 typ relay")]
    [InlineData("candidate:a+/Z 1 udp 1845501695 198.51.100.1 65535 typ prflx raddr 2001:db8::1 rport 0",
        "candidate:a+/Z 1 udp 1845501695 198.51.100.1 65535 typ prflx raddr 2001:db8::1 rport 0")]
    public void A_line_is_read_and_written(string line, string written)
    {
        var candidate = IceCandidate.Parse(line);

        candidate.ToString().ShouldBe(written);
        IceCandidate.Parse(candidate.ToString()).ShouldBe(candidate);
    }

    [Fact]
    public void Every_part_is_kept()
    {
        var candidate = IceCandidate.Parse("a=candidate:7 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.2 rport 46000 ufrag abcd");

        candidate.ShouldBe(new IceCandidate("7", 1, 1677729535, "203.0.113.7", 46154, IceCandidateType.ServerReflexive)
        {
            RelatedAddress = new IPEndPoint(IPAddress.Parse("10.0.0.2"), 46000),
            UsernameFragment = "abcd",
        });
    }

    [Theory]
    [InlineData("", "expected 'candidate:")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ", "expected 'candidate:")]
    [InlineData("candidate:ä 1 udp 1 192.0.2.1 5000 typ host", "foundation 'ä'")]
    [InlineData("candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host", "foundation")]
    [InlineData("candidate:1 0 udp 1 192.0.2.1 5000 typ host", "component '0'")]
    [InlineData("candidate:1 257 udp 1 192.0.2.1 5000 typ host", "component '257'")]
    [InlineData("candidate:1 1 sctp 1 192.0.2.1 5000 typ host", "transport 'sctp'")]
    [InlineData("candidate:1 1 udp 0 192.0.2.1 5000 typ host", "priority '0'")]
    [InlineData("candidate:1 1 udp 2147483648 192.0.2.1 5000 typ host", "priority '2147483648'")]
    [InlineData("candidate:1 1 udp -1 192.0.2.1 5000 typ host", "priority '-1'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.256 5000 typ host", "address '192.0.2.256'")]
    [InlineData("candidate:1 1 udp 1 3232235777 5000 typ host", "address '3232235777'")]
    [InlineData("candidate:1 1 udp 1 fe80::1%eth0 5000 typ host", "address 'fe80::1%eth0'")]
    [InlineData("candidate:1 1 udp 1 010.0.0.1 5000 typ host", "address '010.0.0.1'")]
    [InlineData("candidate:1 1 udp 1 0x7f.0.0.1 5000 typ host", "address '0x7f.0.0.1'")]
    [InlineData("candidate:1 1 udp 1 [::1]:80 5000 typ host", "address '[::1]:80'")]
    [InlineData("candidate:1 1 udp 1 ::g 5000 typ host", "address '::g'")]
    [InlineData("candidate:1 1 udp 1 bad_host!name 5000 typ host", "address 'bad_host!name'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 65536 typ host", "port '65536'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 type host", "'type host'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ hosts", "'typ hosts'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ srflx raddr", "'raddr' has no value")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport x", "rport 'x'")]
    [InlineData("candidate:1 1 tcp 1 192.0.2.1 5000 typ host tcptype maybe", "tcptype 'maybe'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ host ufrag abc", "ufrag 'abc'")]
    [InlineData("candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=x y", "control character")]
    public void A_bad_line_is_refused_with_the_part_at_fault(string line, string part)
    {
        IceCandidate.TryParse(line, out var candidate, out var error).ShouldBeFalse();
        candidate.ShouldBeNull();
        error.ShouldNotBeNull().ShouldContain(part);
        Should.Throw<FormatException>(() => IceCandidate.Parse(line)).Message.ShouldBe(error);
    }

    [Fact]
    public void Hostile_lines_never_throw_and_what_is_read_can_be_written()
    {
        const string Valid = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.2 rport 46154 ufrag 8hhY";
        static void Exercise(string line)
        {
            if (IceCandidate.TryParse(line, out var candidate, out var error))
                IceCandidate.Parse(candidate.ToString()).ToString().ShouldBe(candidate.ToString());
            else
                error.ShouldStartWith("candidate: ");
        }

        Gen.String.Sample(Exercise, iter: 5_000);
        Gen.Select(Gen.Int[0, Valid.Length - 1], Gen.Char).Array[1, 4].Sample(changes =>
        {
            var line = Valid.ToCharArray();
            foreach (var (index, value) in changes)
                line[index] = value;
            Exercise(new string(line));
        }, iter: 10_000);
        Exercise(new string('a', 100_000));
        Exercise(Valid + string.Concat(Enumerable.Repeat(" x y", 200)));
    }
}
