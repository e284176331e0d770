using System.Net;
using CsCheck;

namespace Registry.WebRtc.Tests.Ice;

public sealed class IceServerTests
{
    [Theory]
    [InlineData("stun:stun.example", "stun:stun.example:3478")]
    [InlineData("STUN:192.0.2.1:19302", "stun:192.0.2.1:19302")]
    [InlineData("turn:turn.example", "turn:turn.example:3478?transport=udp")]
    [InlineData("turn:[2001:db8::1]:443?transport=tcp", "turn:[2001:db8::1]:443?transport=tcp")]
    [InlineData("turns:turn.example", "turns:turn.example:5349?transport=tcp")]
    [InlineData("turns:turn.example:443?transport=tcp", "turns:turn.example:443?transport=tcp")]
    public void A_url_is_read_with_its_defaults(string text, string full)
    {
        IceServerUrl.Parse(text).ToString().ShouldBe(full);
        IceServerUrl.Parse(full).ShouldBe(IceServerUrl.Parse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://turn.example")]
    [InlineData("stuns:stun.example")]
    [InlineData("stun:")]
    [InlineData("stun:stun.example:0")]
    [InlineData("stun:stun.example:65536")]
    [InlineData("stun:stun.example:x")]
    [InlineData("stun:stun.example?transport=udp")]
    [InlineData("turn:turn.example?transport=sctp")]
    [InlineData("turn:turn.example?proto=udp")]
    [InlineData("turns:turn.example?transport=udp")]
    [InlineData("turn:[2001:db8::1")]
    [InlineData("turn:2001:db8::1")]
    [InlineData("turn:user@turn.example")]
    [InlineData("turn://turn.example")]
    public void What_is_no_server_s_url_is_refused_and_named(string text)
    {
        IceServerUrl.TryParse(text, out _, out var error).ShouldBeFalse();
        error.ShouldNotBeNull().ShouldContain(text);
    }

    [Fact]
    public void Any_text_is_read_or_refused() => Gen.String.Sample(text =>
    {
        if (IceServerUrl.TryParse("turn:" + text, out var url, out _))
            IceServerUrl.Parse(url.ToString()).ShouldBe(url);
    });

    [Fact]
    public async Task A_connection_with_a_wrong_server_is_refused_and_the_server_named()
    {
        await using var factory = PeerConnectionFactory.Create(new() { BindAddress = IPAddress.Loopback });
        PeerConnectionConfiguration Using(params IceServer[] servers) => new() { IceServers = servers };

        Should.Throw<ArgumentException>(() => factory.CreatePeerConnection(Using(new IceServer(["turn:turn.example"])))).Message.ShouldContain("needs a user name");
        Should.Throw<ArgumentException>(() => factory.CreatePeerConnection(Using(new IceServer(["tcp:turn.example"])))).Message.ShouldContain("tcp:turn.example");
        Should.Throw<ArgumentException>(() => factory.CreatePeerConnection(Using(new IceServer(["stun:a"], new string('u', 509))))).Message.ShouldContain("508 bytes");
        factory.OpenConnections.ShouldBe(0);
    }

    [Fact]
    public async Task A_relay_only_connection_without_a_relay_fails_at_once_and_says_so()
    {
        await using var factory = PeerConnectionFactory.Create(new() { BindAddress = IPAddress.Loopback });
        await using var connection = factory.CreatePeerConnection(new() { IceTransportPolicy = IceTransportPolicy.Relay });
        connection.CreateDataChannel("c");

        await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());

        connection.ConnectionState.ShouldBe(PeerConnectionState.Failed);
        connection.Failure!.Message.ShouldContain("no TURN server");
    }

    [Fact]
    public void Time_limited_credentials_are_those_the_servers_compute()
    {
        var time = new StoppedTime(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

        var server = new SharedSecretIceServers(["turn:turn.example"], "secret", TimeSpan.FromHours(1), time).Create("alice");

        server.Username.ShouldBe("1700003600:alice");
        server.Expires.ShouldBe(DateTimeOffset.FromUnixTimeSeconds(1_700_003_600));
        // What `echo -n 1700003600:alice | openssl dgst -binary -sha1 -hmac secret | base64` prints.
        server.Credential.ShouldBe("LLPLO4qjdVL2qZhwr3eImhn7J20=");
        server.ToString().ShouldNotContain(server.Credential!);
    }

    [Theory]
    [InlineData("lo", "127.0.0.1", false)]
    [InlineData("eth0", "192.0.2.1", true)]
    [InlineData("docker0", "172.17.0.1", false)]
    [InlineData("eth1", "10.1.2.3", false)]
    public void Without_a_list_of_what_to_include_all_but_loopback_and_the_excluded_is_taken(string name, string address, bool taken) =>
        new NetworkFilter([], ["docker*", "10.0.0.0/8"]).Allows(name, IPAddress.Parse(address)).ShouldBe(taken);

    [Theory]
    [InlineData("lo", "127.0.0.1", true)]
    [InlineData("eth0", "192.0.2.1", true)]
    [InlineData("eth0", "192.0.2.2", false)]
    [InlineData("eth1", "2001:db8::1", false)]
    public void Only_what_is_included_and_not_excluded_is_taken(string name, string address, bool taken) =>
        new NetworkFilter(["127.0.0.0/8", "eth0"], ["192.0.2.2"]).Allows(name, IPAddress.Parse(address)).ShouldBe(taken);

    [Theory]
    [InlineData("")]
    [InlineData("10.0.0.1/24")]
    [InlineData("10.0.0.0/33")]
    [InlineData("eth0/8")]
    public void A_wrong_network_is_refused_and_named(string text) =>
        Should.Throw<FormatException>(() => new NetworkFilter([text], [])).Message.ShouldContain($"'{text}'");

    [Fact]
    public async Task A_connection_offers_the_addresses_that_the_filter_leaves()
    {
        await using var factory = PeerConnectionFactory.Create(new() { NetworkFilter = new(["127.0.0.0/8"], []) });
        await using var connection = factory.CreatePeerConnection();
        connection.CreateDataChannel("c");

        await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());

        connection.LocalDescription!.Sdp.Split('\n').Count(line => line.StartsWith("a=candidate", StringComparison.Ordinal)).ShouldBe(1);
        connection.LocalDescription.Sdp.ShouldContain(" 127.0.0.1 ");
    }

    private sealed class StoppedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
