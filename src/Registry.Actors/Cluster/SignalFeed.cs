using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Cluster;

/// <summary>A feed has said its last to all that it was asked so far.</summary>
/// <param name="Asked">How often it was asked.</param>
internal sealed record FeedEnded(int Asked) : INoSerializationVerificationNeeded;

/// <summary>
/// Tells one subscriber the signals of one tube, wherever it lives, as far as the subscriber's window allows. The reading waits at the window rather than ending there,
/// so that what happens meanwhile, the loss of the tube's node too, is told when the window moves. Its parent ends it.
/// </summary>
internal sealed class SignalFeed(ITubeRegistry cluster, TubeId tubeId, IActorRef subscriber) : UntypedActor
{
    private readonly IActorRef self = Context.Self;
    private Reading? reading;
    private int asked;

    public static Props Props(ITubeRegistry cluster, TubeId tubeId, IActorRef subscriber) => Akka.Actor.Props.Create(() => new SignalFeed(cluster, tubeId, subscriber));

    protected override void PostStop() => reading?.Stop();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SubscribeSignals subscribe:
                asked++;
                Subscribe(subscribe);
                break;
            case Opened { Reading: var of } when of == reading:
                subscriber.Tell(Done.Instance);
                break;
            case Read { Signal: var signal, Reading: var of } when of == reading:
                subscriber.Tell(signal);
                reading.Last = signal.Sequence;
                break;
            case Ended { Reading: var of, Refusal: var refusal } when of == reading:
                if (refusal is not null)
                    subscriber.Tell(refusal);
                reading.Stop();
                reading = null;
                Context.Parent.Tell(new FeedEnded(asked));
                break;
        }
    }

    private void Subscribe(SubscribeSignals subscribe)
    {
        var after = Math.Max(0, subscribe.AfterSequence);
        var allowed = subscribe.Window is { } window ? after + window : long.MaxValue;
        if (reading is not null && reading.Last == after)
        {
            subscriber.Tell(Done.Instance);
            reading.Allow(allowed);
            return;
        }

        reading?.Stop();
        reading = new(after, allowed);
        ReadAsync(reading, after).PipeTo(self);
    }

    private async Task<Ended> ReadAsync(Reading of, long after)
    {
        try
        {
            if (await cluster.FindTubeAsync(tubeId, of.Token) is Refused refused)
                return new(of, refused);
            self.Tell(new Opened(of));
            await foreach (var signal in cluster.Signals(tubeId, after, of.Token))
            {
                await of.MayTellAsync(signal.Sequence);
                self.Tell(new Read(signal, of));
            }

            return new(of, null);
        }
        catch (OperationCanceledException) when (of.Token.IsCancellationRequested)
        {
            return new(of, null); // of interest to nobody
        }
        catch (Exception e)
        {
            return new(of, new(RefusalCode.InternalError, $"The signals of tube {tubeId} could not be read: {e.Message}") { TubeId = tubeId });
        }
    }

    /// <summary>One enumeration of the signals. The actor moves its window; its task waits there.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "Its task may still ask for the token when it is stopped; a source that is only cancelled holds nothing.")]
    private sealed class Reading(long after, long allowed)
    {
        private readonly CancellationTokenSource stop = new();
        private volatile TaskCompletionSource moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long allowed = allowed;

        public CancellationToken Token => stop.Token;

        /// <summary>The last signal that was told. Touched by the actor only.</summary>
        public long Last { get; set; } = after;

        public void Allow(long upTo)
        {
            Interlocked.Exchange(ref allowed, upTo);
            Interlocked.Exchange(ref moved, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }

        public async Task MayTellAsync(long sequence)
        {
            while (true)
            {
                var next = moved.Task; // before the look, or a move between the two would be missed
                if (sequence <= Interlocked.Read(ref allowed))
                    return;
                await next.WaitAsync(Token);
            }
        }

        public void Stop() => stop.Cancel();
    }

    private sealed record Opened(Reading Reading) : INoSerializationVerificationNeeded;

    private sealed record Read(TubeSignal Signal, Reading Reading) : INoSerializationVerificationNeeded;

    private sealed record Ended(Reading Reading, Refused? Refusal) : INoSerializationVerificationNeeded;
}
