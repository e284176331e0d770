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
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var drained = (await actor.GetAsync(cancellationToken)).Ask<Done>(StopNode.Instance, Timeout.InfiniteTimeSpan, cancellationToken);
        // A host may be stopped twice, and then there is nobody left to answer.
        await await Task.WhenAny(drained, system.WhenTerminated);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
