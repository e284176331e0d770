using Akka.Configuration;

namespace Registry.Actors.Tests;

public sealed class RegistrySettingsSpecs
{
    [Fact]
    public void The_file_s_defaults_are_those_of_the_design()
    {
        var settings = RegistrySettings.From(Config.Empty);

        settings.MaxConcurrentCreates.ShouldBe(100);
        settings.InitializingTimeout.ShouldBe(TimeSpan.FromSeconds(15));
        settings.ConnectingTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.ActiveTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.DisconnectedTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        settings.ClosingTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        settings.DialTimeout.ShouldBe(TimeSpan.FromSeconds(10));
        settings.MaxConnections.ShouldBe(1000);
        settings.ReceiveLimit.ShouldBe(1024 * 1024);
        settings.MaxFramePayload.ShouldBe(1024 * 1024);
        settings.ListenBeyondLoopback.ShouldBeFalse();
        settings.AllowTargets.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_set_replaces_the_default()
    {
        var settings = RegistrySettings.From(ConfigurationFactory.ParseString("""
            registry.admission.max-tubes = 7
            registry.tube.closing-timeout = 250ms
            registry.targets.allow = ["10.0.0.0/8:22", "*"]
            """));

        settings.MaxTubes.ShouldBe(7);
        settings.ClosingTimeout.ShouldBe(TimeSpan.FromMilliseconds(250));
        settings.AllowTargets.ShouldBe(["10.0.0.0/8:22", "*"]);
        settings.MaxConcurrentCreates.ShouldBe(100);
    }

    [Theory]
    [InlineData("registry.admission.max-concurrent-creates = 0")]
    [InlineData("registry.admission.max-tubes = many")]
    [InlineData("registry.tube.connecting-timeout = soon")]
    [InlineData("registry.tube.connecting-timeout = 0s")]
    [InlineData("registry.tube.max-channels = 65536")]
    [InlineData("registry.tube.signal-buffer = 3")]
    [InlineData("registry.channels.receive-limit = 1 KiB")]
    [InlineData("registry.channels.max-frame-payload = large")]
    [InlineData("registry.channels.listen-beyond-loopback = perhaps")]
    public void A_wrong_value_is_refused_and_its_key_named(string line) =>
        Should.Throw<ConfigurationException>(() => RegistrySettings.From(ConfigurationFactory.ParseString(line))).Message.ShouldContain(line.Split(' ')[0]);
}
