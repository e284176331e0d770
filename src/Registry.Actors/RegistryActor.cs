using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>
/// The node's registry, at <c>/user/tube-registry</c>. It admits and records; whatever takes time runs in the tubes. It takes every
/// <see cref="IRegistryCommand"/> and answers each with one <see cref="RegistryReply"/>. Creates are in RegistryActor.Creates.cs, going
/// out of service is in RegistryActor.Drain.cs.
/// </summary>
public sealed partial class RegistryActor : UntypedActor, IWithTimers
{
    /// <summary>The actor's name.</summary>
    public const string ActorName = "tube-registry";

    private readonly TubeContext node;
    private readonly Reconciler reconciler;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly Dictionary<TubeId, Child> tubes = [];

    internal RegistryActor(TubeContext node)
    {
        this.node = node;
        reconciler = new(node, Context.Stop, log);
    }

    /// <summary>Set by Akka.</summary>
    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props Props(TubeContext node) => Akka.Actor.Props.CreateBy(new Producer(node));

    /// <summary>A failed tube is stopped, never restarted: its peer connection cannot come back.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        node.Admission.Restart();
        Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));
        ScheduleRound();
        var limits = node.Admission.Limits;
        log.Info(
            "Registry of node {Node} started: max concurrent creates: {MaxConcurrentCreates}, max tubes: {MaxTubes}, per owner: {MaxTubesPerOwner} (0 = no limit), max waiting: {MaxWaiting}",
            node.Node, limits.MaxConcurrentCreates, limits.MaxTubes, limits.MaxTubesPerOwner, limits.MaxWaiting);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        foreach (var create in waiting.All.Concat(tubes.Values.SelectMany(t => t.Creates)).Where(c => c.Reply is null).ToArray())
            Answer(create, new Refused(RefusalCode.CreateFailed, "The registry stopped."));
        foreach (var closer in tubes.Values.SelectMany(t => t.Closers).Concat(stoppers))
            closer.Tell(Done.Instance);
        node.Admission.Restart();
    }

    /// <summary>A fault in one handler must not cost the node's tubes: it is logged and answered, and the registry goes on.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception e)
        {
            log.Error(e, "The registry failed to handle {Message}", message.GetType().Name);
            if (message is IRegistryCommand or CreateMessage)
                Sender.Tell(new Refused(RefusalCode.InternalError, $"The registry failed to handle it: {e.Message}"));
            return true;
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case CreateTube create:
                Create(create, call: null);
                break;
            case CreateMessage create:
                HandleCreateMessage(create);
                break;
            case IRegistryCommand read when RegistryReads.CanRead(read):
                node.Reads.ReadAsync(read, CancellationToken.None).PipeTo(Sender, Self);
                break;
            case ChangeLimits change:
                Change(change);
                break;
            case DrainNode drain:
                Drain(drain);
                break;
            case ResumeNode:
                Resume();
                break;
            case StopNode stop:
                Stop(stop);
                break;
            case DrainExpired:
                CloseRest();
                break;
            case CloseTube close:
                Close(close);
                break;
            case ITubeCommand command:
                Forward(command);
                break;
            case CloseConversation close:
                Close(close);
                break;
            case TubeStopped stopped:
                Forget(stopped);
                break;
            case Terminated terminated:
                AskerEnded(terminated.ActorRef);
                break;
            case DeadLetter letter:
                AnswerForStopped(letter);
                break;
            case Reconcile:
                ScheduleRound();
                reconciler.Run(Context.GetChildren());
                node.Metrics.SampleRoundTrips();
                node.Directory.DropClosedBefore(node.Time.GetUtcNow() - node.Settings.ClosedKeptFor);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    // After this round's message, not by the clock: a registry that was held up must not do two rounds in one breath.
    private void ScheduleRound() => Timers.StartSingleTimer(nameof(Reconcile), Reconcile.Instance, node.Settings.ReconcilerInterval);

    private void Close(CloseTube command)
    {
        if (!tubes.TryGetValue(command.TubeId, out var child))
        {
            AnswerForClosed(command, Sender);
            return;
        }

        child.Closers.Add(Sender);
        child.Actor.Tell(command);
    }

    private void Close(CloseConversation command)
    {
        if (node.Directory.TryGet(command.ConversationId, out var holder) && tubes.TryGetValue(holder.TubeId, out var child))
            child.Actor.Forward(new CloseChannel(command));
        else
            Sender.Tell(node.Directory.WasClosed(command.ConversationId) ? Done.Instance : TubeActor.NotFound(command.ConversationId));
    }

    private void Forward(ITubeCommand command)
    {
        if (command is SubscribeSignals { Window: < 1 and var window })
            Sender.Tell(new Refused(RefusalCode.InvalidRequest, $"window is {window}; it must be at least 1, or left out for no bound.") { Key = "window", TubeId = command.TubeId });
        else if (tubes.TryGetValue(command.TubeId, out var child))
            child.Actor.Forward(command);
        else
            AnswerForClosed(command, Sender);
    }

    // Death is the one way out of the records, whether the tube was closed, failed, crashed or could not even be constructed.
    private void Forget(TubeStopped stopped)
    {
        var id = stopped.TubeId;
        // The id may be that of another tube by now.
        if (!tubes.TryGetValue(id, out var child) || !child.Actor.Equals(stopped.Actor))
            return;
        tubes.Remove(id);
        node.Admission.TubeEnded(child.Owner);
        foreach (var create in child.Creates.ToArray())
        {
            Settle(create, new Refused(RefusalCode.CreateFailed, $"Tube {id} could not be made or ended meanwhile; the node's log says why.") { TubeId = id });
            ForgetKey(create);
        }

        foreach (var closer in child.Closers)
            closer.Tell(Done.Instance);
        ServeWaiting();
        GoOnDraining();
    }

    // What reached a tube after its last message is answered here, so that no asker waits for its timeout.
    private void AnswerForStopped(DeadLetter letter)
    {
        if (letter.Message is TubeCreated created)
        {
            CancelUndelivered(created, letter);
            return;
        }

        if (!Self.Path.Equals(letter.Recipient.Path.Parent))
            return;
        switch (letter.Message)
        {
            case ITubeCommand command and not CloseTube:
                AnswerForClosed(command, letter.Sender);
                break;
            case CloseChannel:
                letter.Sender.Tell(Done.Instance);
                break;
        }
    }

    private void AnswerForClosed(ITubeCommand command, IActorRef asker)
    {
        switch (command)
        {
            case CloseTube when node.Directory.TryGetClosed(command.TubeId, out _):
            case UnsubscribeSignals:
                asker.Tell(Done.Instance);
                break;
            case SubscribeSignals subscribe when node.Directory.SignalsOf(command.TubeId) is { } signals:
                asker.Tell(Done.Instance);
                foreach (var signal in signals.After(subscribe.AfterSequence, subscribe.Window ?? int.MaxValue))
                    asker.Tell(signal);
                break;
            default:
                asker.Tell(NotFound(command.TubeId));
                break;
        }
    }

    internal static Refused NotFound(TubeId id) => new(RefusalCode.TubeNotFound, $"There is no tube {id}.") { TubeId = id };

    /// <summary>A tube whose actor lives.</summary>
    private sealed record Child(IActorRef Actor, string? Owner)
    {
        /// <summary>Creates that wait for this tube's word, and those whose conversations live on it.</summary>
        public HashSet<PendingCreate> Creates { get; } = [];

        /// <summary>Who waits for the tube's end.</summary>
        public List<IActorRef> Closers { get; } = [];
    }

    private sealed record TubeStopped(TubeId TubeId, IActorRef Actor) : INoSerializationVerificationNeeded;

    private sealed record Reconcile : INoSerializationVerificationNeeded
    {
        public static readonly Reconcile Instance = new();
    }

    // Props.Create wants a public constructor; only a node's own context may make a registry.
    private sealed class Producer(TubeContext node) : IIndirectActorProducer
    {
        public Type ActorType => typeof(RegistryActor);

        public ActorBase Produce() => new RegistryActor(node);

        public void Release(ActorBase actor) { }
    }
}
