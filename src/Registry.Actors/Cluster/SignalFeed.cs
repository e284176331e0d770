using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Cluster;

/// <summary>Tells one subscriber the signals of one tube, wherever it lives, as far as the subscriber's window allows.</summary>
[SuppressMessage("Design", "CA1001", Justification = "PostStop is an actor's Dispose.")]
internal sealed class SignalFeed(ITubeRegistry cluster, TubeId tubeId, IActorRef subscriber) : UntypedActor
{
    private readonly IActorRef self = Context.Self;
    private CancellationTokenSource? reading;
    private long last;
    private long allowed;

    public static Props Props(ITubeRegistry cluster, TubeId tubeId, IActorRef subscriber) => Akka.Actor.Props.Create(() => new SignalFeed(cluster, tubeId, subscriber));

    protected override void PreStart() => Context.Watch(subscriber);

    protected override void PostStop()
    {
        reading?.Cancel();
        reading?.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SubscribeSignals subscribe:
                Restart(subscribe);
                break;
            case Opened { Reading: var of } when of == reading:
                subscriber.Tell(Done.Instance);
                break;
            case Read { Signal: var signal, Reading: var of } when of == reading:
                subscriber.Tell(signal);
                last = signal.Sequence;
                if (signal is TubeClosed)
                    Context.Stop(Self);
                break;
            case Refusal { Reply: var refused, Reading: var of } when of == reading:
                subscriber.Tell(refused);
                Context.Stop(Self);
                break;
            case Ended { Reading: var of } when of == reading && last < allowed:
                Context.Stop(Self);
                break;
            case Terminated:
                Context.Stop(Self);
                break;
            case Status.Failure { Cause: var cause }:
                subscriber.Tell(new Refused(RefusalCode.InternalError, $"The signals of tube {tubeId} could not be read: {cause.Message}") { TubeId = tubeId });
                Context.Stop(Self);
                break;
        }
    }

    private void Restart(SubscribeSignals subscribe)
    {
        reading?.Cancel();
        reading = new();
        last = Math.Max(0, subscribe.AfterSequence);
        allowed = subscribe.Window is { } window ? last + window : long.MaxValue;
        ReadAsync(reading, last, allowed).PipeTo(self, failure: e => new Status.Failure(e));
    }

    private async Task<object> ReadAsync(CancellationTokenSource of, long after, long most)
    {
        try
        {
            var found = await cluster.FindTubeAsync(tubeId, of.Token);
            if (found is not TubeFound)
                return new Refusal(found, of);
            self.Tell(new Opened(of));
            await foreach (var signal in cluster.Signals(tubeId, after, of.Token))
            {
                self.Tell(new Read(signal, of));
                if (signal.Sequence >= most)
                    break;
            }
        }
        catch (OperationCanceledException) when (of.IsCancellationRequested)
        {
            // Another window has begun, or the subscriber is gone.
        }

        return new Ended(of);
    }

    private sealed record Opened(CancellationTokenSource Reading) : INoSerializationVerificationNeeded;

    private sealed record Read(TubeSignal Signal, CancellationTokenSource Reading) : INoSerializationVerificationNeeded;

    private sealed record Refusal(RegistryReply Reply, CancellationTokenSource Reading) : INoSerializationVerificationNeeded;

    private sealed record Ended(CancellationTokenSource Reading) : INoSerializationVerificationNeeded;
}
