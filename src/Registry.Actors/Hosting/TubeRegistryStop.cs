using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.Hosting;
using Registry.Messages;

namespace Registry.Actors.Hosting;

/// <summary>
/// Drains the node before the host stops anything else, so that clients can move while signals still reach them, and peers and
/// subscribers learn that the node stops rather than finding out by silence. No tube is made from then on.
/// </summary>
internal sealed class TubeRegistryStop(ActorSystem system, IRequiredActor<RegistryActor> actor) : IHostedLifecycleService
{
    /// <summary>Refuses creates from now on, and returns once there is no tube.</summary>
    /// <param name="system">The registry's actor system.</param>
    /// <param name="actor">The registry.</param>
    /// <param name="hasTime">Whether clients are given time to move; a node that its cluster has given up has none.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task CloseTubesAsync(ActorSystem system, IActorRef actor, bool hasTime, CancellationToken cancellationToken)
    {
        var closed = actor.Ask<Done>(new StopNode(hasTime), Timeout.InfiniteTimeSpan, cancellationToken);
        // A host may be stopped twice, and a system that has ended by itself took its tubes with it: then there is nobody to answer.
        await await Task.WhenAny(closed, system.WhenTerminated);
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await CloseTubesAsync(system, await actor.GetAsync(cancellationToken), hasTime: true, cancellationToken);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
