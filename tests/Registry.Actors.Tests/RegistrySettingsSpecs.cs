using System.Net;
using Akka.Configuration;
using Registry.WebRtc;

namespace Registry.Actors.Tests;

public sealed class RegistrySettingsSpecs
{
    [Fact]
    public void The_file_s_defaults_are_those_of_the_design()
    {
        var settings = RegistrySettings.From(Config.Empty);

        settings.MaxConcurrentCreates.ShouldBe(100);
        settings.MaxTubes.ShouldBe(10000);
        settings.MaxTubesPerOwner.ShouldBe(0);
        settings.MaxWaiting.ShouldBe(100);
        settings.DrainDeadline.ShouldBe(TimeSpan.FromMinutes(5));
        settings.StopDeadline.ShouldBe(TimeSpan.FromSeconds(5));
        settings.IdleTimeout.ShouldBeNull();
        settings.MaxAge.ShouldBeNull();
        settings.MaxChannels.ShouldBe(64);
        settings.SignalBuffer.ShouldBe(256);
        settings.ClosedKept.ShouldBe(256);
        settings.ClosedKeptFor.ShouldBe(TimeSpan.FromMinutes(15));
        settings.EventBuffer.ShouldBe(8192);
        settings.ReconcilerInterval.ShouldBe(TimeSpan.FromSeconds(30));
        settings.CongestionControl.ShouldBe(CongestionControl.Bbr);
        settings.IceCredentialsUrl.ShouldBeNull();
        settings.IceCredentialsTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        settings.IceResolveLocalNames.ShouldBeTrue();
        settings.IceBreakerFailures.ShouldBe(5);
        settings.IceBreakerReset.ShouldBe(TimeSpan.FromSeconds(30));
        settings.TcpPort.ShouldBeNull();
        settings.CertificateLifetime.ShouldBe(TimeSpan.FromDays(1));
        settings.OpenTimeout.ShouldBe(TimeSpan.FromSeconds(15));
        settings.DrainTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        settings.InitializingTimeout.ShouldBe(TimeSpan.FromSeconds(15));
        settings.ConnectingTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.ActiveTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.DisconnectedTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.ClosingTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        settings.DialTimeout.ShouldBe(TimeSpan.FromSeconds(10));
        settings.MaxConnections.ShouldBe(1000);
        settings.ReceiveLimit.ShouldBe(1024 * 1024);
        settings.TubeLimit.ShouldBe(8 * 1024 * 1024);
        settings.SendBuffer.ShouldBe(128 * 1024);
        settings.PingInterval.ShouldBe(TimeSpan.FromSeconds(15));
        settings.PingTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.MaxFramePayload.ShouldBe(1024 * 1024);
        settings.AcceptFragments.ShouldBeFalse();
        settings.Listen.ShouldBe(ListenScope.Off);
        settings.GuacdAddress.ShouldBeNull();
        settings.GuacdHandshakeTimeout.ShouldBe(TimeSpan.FromSeconds(10));
        settings.GuacdPassNames.ShouldBeFalse();
        settings.AllowTargets.ShouldBeEmpty();
        settings.MaxBytesPerSecond.ShouldBeNull();
        settings.MaxOwnerBytesPerSecond.ShouldBeNull();
    }

    [Theory]
    [InlineData("127.0.0.1:4822", "127.0.0.1")]
    [InlineData("[::1]:4822", "::1")]
    [InlineData("guacd.internal:4822", "guacd.internal")]
    public void The_address_of_guacd_is_read(string text, string host) =>
        RegistrySettings.From(ConfigurationFactory.ParseString($"registry.guacd.address = \"{text}\"")).GuacdAddress.ShouldBe(new(host, 4822));

    [Fact]
    public void What_is_set_replaces_the_default()
    {
        var settings = RegistrySettings.From(ConfigurationFactory.ParseString("""
            registry.admission.max-tubes = 7
            registry.tube.closing-timeout = 250ms
            registry.tube.idle-timeout = 30m
            registry.tube.max-age = 8h
            registry.drain.deadline = 1h
            registry.drain.stop-deadline = off
            registry.ice.servers = ["stun:stun.example", "turn:turn.example?transport=tcp", "turns:turn.example"]
            registry.ice.shared-secret = "hush"
            registry.ice.shared-secret-lifetime = 2h
            registry.ice.transport-policy = relay
            registry.ice.gathering-timeout = 3s
            registry.ice.include-networks = ["eth*", "10.0.0.0/8"]
            registry.ice.exclude-networks = ["10.9.0.0/16"]
            registry.ice.credentials-url = "https://turn.example/credentials?key=k"
            registry.ice.resolve-local-names = off
            registry.webrtc.tcp-port = 3478
            registry.webrtc.certificate-lifetime = 12h
            registry.targets.allow = ["10.0.0.0/8:22", "*"]
            registry.webrtc.congestion-control = cubic
            """));

        settings.CongestionControl.ShouldBe(CongestionControl.Cubic);
        settings.MaxTubes.ShouldBe(7);
        settings.ClosingTimeout.ShouldBe(TimeSpan.FromMilliseconds(250));
        settings.IdleTimeout.ShouldBe(TimeSpan.FromMinutes(30));
        settings.MaxAge.ShouldBe(TimeSpan.FromHours(8));
        settings.DrainDeadline.ShouldBe(TimeSpan.FromHours(1));
        settings.StopDeadline.ShouldBeNull();
        settings.CertificateLifetime.ShouldBe(TimeSpan.FromHours(12));
        settings.IceCredentialsUrl.ShouldBe(new Uri("https://turn.example/credentials?key=k"));
        settings.IceServerUrls.ShouldBe(["stun:stun.example", "turn:turn.example?transport=tcp", "turns:turn.example"]);
        settings.IceSharedSecret.ShouldBe("hush");
        settings.ToString().ShouldNotContain("hush");
        settings.IceSharedSecretLifetime.ShouldBe(TimeSpan.FromHours(2));
        settings.IceTransportPolicy.ShouldBe(IceTransportPolicy.Relay);
        settings.IceGatheringTimeout.ShouldBe(TimeSpan.FromSeconds(3));
        settings.ApplyTo(new()).ResolveLocalNames.ShouldBeFalse();
        settings.ApplyTo(new()).TcpPort.ShouldBe(3478);
        var filter = settings.ApplyTo(new()).NetworkFilter;
        filter.Allows("eth1", IPAddress.Parse("192.0.2.1")).ShouldBeTrue();
        filter.Allows("wlan0", IPAddress.Parse("192.0.2.1")).ShouldBeFalse();
        filter.Allows("wlan0", IPAddress.Parse("10.1.0.1")).ShouldBeTrue();
        filter.Allows("eth1", IPAddress.Parse("10.9.0.1")).ShouldBeFalse();
        settings.AllowTargets.ShouldBe(["10.0.0.0/8:22", "*"]);
        settings.MaxConcurrentCreates.ShouldBe(100);
    }

    [Theory]
    [InlineData("registry.admission.max-concurrent-creates = 0")]
    [InlineData("registry.admission.max-tubes = many")]
    [InlineData("registry.webrtc.congestion-control = reno")]
    [InlineData("registry.tube.connecting-timeout = soon")]
    [InlineData("registry.tube.connecting-timeout = 0s")]
    [InlineData("registry.tube.max-channels = 65536")]
    [InlineData("registry.guacd.address = guacd")]
    [InlineData("registry.guacd.address = \"guacd:0\"")]
    [InlineData("registry.guacd.address = \"::1:4822\"")]
    [InlineData("registry.guacd.pass-names = perhaps")]
    [InlineData("registry.guacd.handshake-timeout = 0s")]
    [InlineData("registry.tube.idle-timeout = 0s")]
    [InlineData("registry.tube.max-age = never")]
    [InlineData("registry.admission.max-tubes-per-owner = -1")]
    [InlineData("registry.drain.deadline = off")]
    [InlineData("registry.drain.deadline = 0s")]
    [InlineData("registry.drain.stop-deadline = soon")]
    [InlineData("registry.ice.credentials-url = \"ftp://turn.example\"")]
    [InlineData("registry.ice.servers = [\"http://turn.example\"]")]
    [InlineData("registry.ice.servers = [\"turn:turn.example\"]")]
    [InlineData("registry.ice.servers = [\"turn:turn.example:0\"], registry.ice.shared-secret = s")]
    [InlineData("registry.ice.shared-secret-lifetime = 1s")]
    [InlineData("registry.ice.transport-policy = relay")]
    [InlineData("registry.ice.transport-policy = 1")]
    [InlineData("registry.ice.gathering-timeout = never")]
    [InlineData("registry.ice.include-networks = [\"10.0.0.0/33\"]")]
    [InlineData("registry.ice.exclude-networks = [\"\"]")]
    [InlineData("registry.ice.resolve-local-names = sometimes")]
    [InlineData("registry.reconciler.interval = off")]
    [InlineData("registry.webrtc.tcp-port = 65536")]
    [InlineData("registry.webrtc.tcp-port = on")]
    [InlineData("registry.webrtc.certificate-lifetime = off")]
    [InlineData("registry.webrtc.certificate-lifetime = 367d")]
    [InlineData("registry.tube.signal-buffer = 3")]
    [InlineData("registry.channels.receive-limit = 1 KiB")]
    [InlineData("registry.channels.max-frame-payload = large")]
    [InlineData("registry.tube.max-bytes-per-second = 1000")]
    [InlineData("registry.tube.max-owner-bytes-per-second = fast")]
    [InlineData("registry.channels.listen = on")]
    public void A_wrong_value_is_refused_and_its_key_named(string line) =>
        Should.Throw<ConfigurationException>(() => RegistrySettings.From(ConfigurationFactory.ParseString(line))).Message.ShouldContain(line.Split(' ')[0]);
}

/// <summary>The environment is the whole process's, so nothing else may read it meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class RegistryEnvironmentSpecs : IDisposable
{
    private const string Variable = "WEBRTC_MAX_CONCURRENT_CREATES";

    public void Dispose() => Environment.SetEnvironmentVariable(Variable, null);

    [Fact]
    public void The_environment_wins_over_the_file()
    {
        Environment.SetEnvironmentVariable(Variable, "7");

        RegistrySettings.From(ConfigurationFactory.ParseString("registry.admission.max-concurrent-creates = 3")).MaxConcurrentCreates.ShouldBe(7);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("many")]
    public void A_wrong_value_names_the_variable(string value)
    {
        Environment.SetEnvironmentVariable(Variable, value);

        Should.Throw<ConfigurationException>(() => RegistrySettings.From(Config.Empty)).Message.ShouldContain(Variable);
    }
}
