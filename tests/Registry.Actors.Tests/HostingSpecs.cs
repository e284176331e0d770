using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests;

public sealed class HostingSpecs
{
    [Fact]
    public async Task An_application_embeds_the_registry_with_two_calls()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IHostApplicationLifetime, NoLifetime>();
        services.AddSingleton<IPeerConnectionFactory, ScriptedPeerConnectionFactory>();
        services.AddTubeRegistry();
        services.AddAkka("gateway", (akka, _) => akka.WithTubeRegistry(o =>
        {
            o.Node = "node-1";
            o.MaxConcurrentCreates = 3;
        }));
        await using var provider = services.BuildServiceProvider();
        var hosted = provider.GetServices<IHostedService>().ToList();
        foreach (var service in hosted)
            await service.StartAsync(CancellationToken.None);

        var registry = provider.GetRequiredService<ITubeRegistry>();
        var created = (await registry.CreateAsync(new(new("c"), new EchoSettings()))).ShouldBeOfType<TubeCreated>();

        created.Node.ShouldBe("node-1");
        registry.Capacity.MaxConcurrentCreates.ShouldBe(3);
        provider.GetRequiredService<ITubeDirectory>().TryGet(created.TubeId, out _).ShouldBeTrue();
        provider.GetRequiredService<IRequiredActor<RegistryActor>>().ActorRef.Path.ToStringWithoutAddress().ShouldBe("/user/tube-registry");
        foreach (var service in hosted)
            await service.StopAsync(CancellationToken.None);
        ((ScriptedPeerConnectionFactory)provider.GetRequiredService<IPeerConnectionFactory>()).OpenConnections.ShouldBe(0);
    }

    [Fact]
    public async Task A_wrong_option_keeps_the_host_from_starting_and_is_named()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { DisableDefaults = true });
        builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        builder.Services.AddTubeRegistry();
        builder.Services.AddAkka("gateway", (akka, _) => akka.WithTubeRegistry(o => o.MaxTubes = 0));
        using var host = builder.Build();

        (await Should.ThrowAsync<Exception>(() => host.StartAsync())).ToString().ShouldContain(nameof(TubeRegistryOptions.MaxTubes));
    }

    private sealed class NoLifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;
        public CancellationToken ApplicationStopping => CancellationToken.None;
        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() { }
    }
}
