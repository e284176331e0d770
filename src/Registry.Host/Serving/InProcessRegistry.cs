using Akka.Actor;
using Akka.Hosting;
using Registry.Actors;
using Registry.WebRtc;

namespace Registry.Host.Serving;

/// <summary>A registry inside a command, without HTTP. Disposing closes its tubes.</summary>
internal sealed class InProcessRegistry : IAsyncDisposable
{
    private readonly IHost host;

    private InProcessRegistry(IHost host) => this.host = host;

    public ITubeRegistry Registry => host.Services.GetRequiredService<ITubeRegistry>();

    public IActorRef Actor => host.Services.GetRequiredService<IRequiredActor<RegistryActor>>().ActorRef;

    public IPeerConnectionFactory PeerConnections => host.Services.GetRequiredService<IPeerConnectionFactory>();

    /// <exception cref="Akka.Configuration.ConfigurationException">A setting is wrong, which may be one of the environment's.</exception>
    public static async Task<InProcessRegistry> StartAsync(RegistrySetup setup, CancellationToken cancellationToken = default)
    {
        // The actor system would log it with a stack trace, as a fault of the program.
        _ = RegistrySettings.From(setup.Configuration);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        // Nobody but the command itself follows these tubes.
        (setup with { StopDeadline = TimeSpan.Zero }).AddTo(builder.Services, new() { Level = LogLevel.Warning });
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        return new(host);
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        if (host is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
    }
}
