using Microsoft.Extensions.Hosting;
using Registry.Messages;

namespace Registry.Actors.Hosting;

/// <summary>
/// Closes the tubes before the host stops anything else, so that peers and subscribers, those over HTTP too, learn that the node
/// stops rather than finding out by silence.
/// </summary>
internal sealed class TubeRegistryStop(ITubeRegistry registry) : IHostedLifecycleService
{
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.WhenAll(
        registry.Directory.List().Select(tube => registry.CloseTubeAsync(new(tube.TubeId, CloseReason.NodeStopped), cancellationToken)));

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
