using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.Hosting;
using Registry.Actors.Admission;
using Registry.Messages;

namespace Registry.Actors.Hosting;

/// <summary>
/// Closes the tubes before the host stops anything else, so that peers and subscribers, those over HTTP too, learn that the node
/// stops rather than finding out by silence. No tube is made from then on.
/// </summary>
internal sealed class TubeRegistryStop(ActorSystem system, IRequiredActor<RegistryActor> actor) : IHostedLifecycleService
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    /// <summary>Refuses creates from now on, and returns once there is no tube.</summary>
    public static async Task CloseTubesAsync(ActorSystem system, IActorRef actor, CancellationToken cancellationToken)
    {
        var registry = system.GetTubeRegistry();
        actor.Tell(StopAdmitting.Instance);
        // A tube that was admitted just before may not be listed yet. A system that has ended by itself took its tubes with it.
        while (registry.Capacity.Tubes > 0 && !system.WhenTerminated.IsCompleted)
        {
            await Task.WhenAll(registry.Directory.List().Select(tube => registry.CloseTubeAsync(new(tube.TubeId, CloseReason.NodeStopped), cancellationToken)));
            await Task.Delay(Moment, cancellationToken);
        }
    }

    public async Task StoppingAsync(CancellationToken cancellationToken) => await CloseTubesAsync(system, await actor.GetAsync(cancellationToken), cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
