using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>
/// The node's registry, at <c>/user/tube-registry</c>. It admits and records; whatever takes time runs in the tubes. It takes every
/// <see cref="IRegistryCommand"/> and answers each with one <see cref="RegistryReply"/>.
/// </summary>
public sealed class RegistryActor : UntypedActor
{
    /// <summary>The actor's name.</summary>
    public const string ActorName = "tube-registry";

    private const int MaxTextLength = 128;

    private sealed record Child(IActorRef Actor, PendingCreate First);

    private sealed record TubeStopped(TubeId TubeId) : INoSerializationVerificationNeeded;

    private readonly TubeContext node;
    private readonly Dictionary<TubeId, Child> tubes = [];
    private readonly Dictionary<string, TubeId> requestKeys = [];

    internal RegistryActor(TubeContext node) => this.node = node;

    internal static Props Props(TubeContext node) => Akka.Actor.Props.CreateBy(new Producer(node));

    /// <summary>A failed tube is stopped, never restarted: its peer connection cannot come back.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    /// <inheritdoc/>
    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));

    /// <inheritdoc/>
    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case CreateTube create:
                Create(create);
                break;
            case GetTube get:
                Sender.Tell(node.Directory.TryGet(get.TubeId, out var tube) ? new TubeFound(tube) : NotFound(get.TubeId));
                break;
            case ITubeCommand command:
                Forward(command);
                break;
            case CloseConversation close:
                if (node.Directory.TryGet(close.ConversationId, out var holder) && tubes.TryGetValue(holder.TubeId, out var child))
                    child.Actor.Forward(new CloseChannel(close));
                else
                    Sender.Tell(new Refused(RefusalCode.ConversationNotFound, $"No tube carries conversation {close.ConversationId}."));
                break;
            case TubeStopped stopped:
                Forget(stopped.TubeId);
                break;
            case DeadLetter letter:
                AnswerForStopped(letter);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Create(CreateTube command)
    {
        if (Check(command) is { } invalid)
        {
            Sender.Tell(invalid);
            return;
        }

        if (command.RequestKey is { } key && requestKeys.TryGetValue(key, out var made))
        {
            tubes[made].Actor.Forward(new RepeatCreate(command));
            return;
        }

        if (node.Directory.TryGet(command.ConversationId, out var holder))
        {
            Sender.Tell(TubeActor.Exists(command.ConversationId, holder.TubeId));
            return;
        }

        var id = command.TubeId ?? TubeId.NewId();
        var isLive = tubes.TryGetValue(id, out var live);
        if (node.Admission.TryEnter(needsTube: !isLive, tubes.Count) is { } refused)
        {
            Sender.Tell(refused);
            return;
        }

        var pending = new PendingCreate(command, Sender, node.Admission, Context.System.Scheduler.MonotonicClock);
        if (isLive)
            live!.Actor.Forward(new OpenChannel(pending));
        else
            Place(id, pending);
    }

    private void Place(TubeId id, PendingCreate pending)
    {
        var actor = Context.ActorOf(TubeActor.Props(node, id, pending), id.ToString());
        Context.WatchWith(actor, new TubeStopped(id));
        tubes.Add(id, new(actor, pending));
        if (pending.Command.RequestKey is { } key)
            requestKeys.Add(key, id);
    }

    private static Refused? Check(CreateTube command)
    {
        if (string.IsNullOrEmpty(command.ConversationId.ToString()))
            return new(RefusalCode.InvalidRequest, "conversationId is missing.") { Key = "conversationId" };
        if (command.RequestKey is { Length: 0 or > MaxTextLength })
            return new(RefusalCode.InvalidRequest, $"requestKey must have 1 to {MaxTextLength} characters.") { Key = "requestKey" };
        if (command.Owner is { Length: 0 or > MaxTextLength })
            return new(RefusalCode.InvalidRequest, $"owner must have 1 to {MaxTextLength} characters.") { Key = "owner" };
        return null;
    }

    private void Forward(ITubeCommand command)
    {
        if (tubes.TryGetValue(command.TubeId, out var child))
            child.Actor.Forward(command);
        else
            AnswerForClosed(command, Sender);
    }

    // Death is the one way out of the records, whether the tube was closed, failed, crashed or could not even be constructed.
    private void Forget(TubeId id)
    {
        if (!tubes.Remove(id, out var child))
            return;
        if (child.First.Command.RequestKey is { } key)
            requestKeys.Remove(key);
        child.First.Answer(new Refused(RefusalCode.CreateFailed, "The tube could not be made; the node's log says why.") { TubeId = id }, Context.System.Scheduler.MonotonicClock);
    }

    // What reached a tube after its last message is answered here, so that no asker waits for its timeout.
    private void AnswerForStopped(DeadLetter letter)
    {
        if (!Self.Path.Equals(letter.Recipient.Path.Parent))
            return;
        switch (letter.Message)
        {
            case ITubeCommand command:
                AnswerForClosed(command, letter.Sender);
                break;
            case CloseChannel:
                letter.Sender.Tell(Done.Instance);
                break;
            case OpenChannel open:
                open.Pending.Answer(Ending(letter), Context.System.Scheduler.MonotonicClock);
                break;
            case RepeatCreate:
                letter.Sender.Tell(Ending(letter));
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
                foreach (var signal in signals.After(subscribe.AfterSequence))
                    asker.Tell(signal);
                break;
            default:
                asker.Tell(NotFound(command.TubeId));
                break;
        }
    }

    private static Refused Ending(DeadLetter letter) => new(RefusalCode.TubeClosing, $"Tube {letter.Recipient.Path.Name} is ending.");

    private static Refused NotFound(TubeId id) => new(RefusalCode.TubeNotFound, $"There is no tube {id} on this node.") { TubeId = id };

    // Props.Create wants a public constructor; only a node's own context may make a registry.
    private sealed class Producer(TubeContext node) : IIndirectActorProducer
    {
        public Type ActorType => typeof(RegistryActor);

        public ActorBase Produce() => new RegistryActor(node);

        public void Release(ActorBase actor) { }
    }
}
