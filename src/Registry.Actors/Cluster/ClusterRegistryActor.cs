using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Cluster;

/// <summary>
/// The registry of the whole cluster, at <c>/user/tube-cluster</c> on each node, for those that use Ask: it takes every <see cref="IRegistryCommand"/> and answers each
/// with one <see cref="RegistryReply"/>, whichever node's tube is meant. Limits, capacity and drain are this node's.
/// </summary>
public sealed class ClusterRegistryActor : UntypedActor
{
    /// <summary>The actor's name.</summary>
    public const string ActorName = "tube-cluster";

    private readonly ITubeRegistry cluster;
    private readonly IActorRef registry;
    private readonly Dictionary<(IActorRef Subscriber, TubeId Tube), IActorRef> feeds = [];

    internal ClusterRegistryActor(ITubeRegistry cluster, IActorRef registry)
    {
        this.cluster = cluster;
        this.registry = registry;
    }

    internal static Props Props(ITubeRegistry cluster, IActorRef registry) => Akka.Actor.Props.CreateBy(new Producer(cluster, registry));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case CreateTube create:
                CreateAsync(create, Sender).PipeTo(Sender, Self, failure: Failed);
                break;
            case SetRemoteDescription description:
                Reply(cluster.SetRemoteDescriptionAsync(description));
                break;
            case AddCandidates candidates:
                Reply(cluster.AddCandidatesAsync(candidates));
                break;
            case CloseTube close:
                Reply(cluster.CloseTubeAsync(close));
                break;
            case CloseConversation close:
                Reply(cluster.CloseConversationAsync(close));
                break;
            case AssociateConversation associate:
                Reply(cluster.AssociateAsync(associate));
                break;
            case GetTube get:
                Reply(cluster.FindTubeAsync(get.TubeId).AsTask());
                break;
            case FindConversation find:
                Reply(cluster.FindConversationAsync(find.ConversationId).AsTask());
                break;
            case ListTubes list:
                Reply(cluster.ListTubesAsync(list.Query).AsTask());
                break;
            case GetNodes:
                Sender.Tell(new NodesRead([.. cluster.Nodes]));
                break;
            case SubscribeSignals subscribe:
                Feed(subscribe);
                break;
            case UnsubscribeSignals unsubscribe when feeds.Remove((Sender, unsubscribe.TubeId), out var feed):
                Context.Stop(feed);
                Sender.Tell(Done.Instance);
                break;
            case Terminated ended:
                foreach (var key in feeds.Where(f => f.Value.Equals(ended.ActorRef)).Select(f => f.Key).ToArray())
                    feeds.Remove(key);
                break;
            case IRegistryCommand command:
                registry.Forward(command);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Reply(Task<RegistryReply> reply) => reply.PipeTo(Sender, Self, failure: Failed);

    private static object Failed(Exception e) => e is TimeoutException
        ? new Refused(RefusalCode.NodeUnreachable, e.Message) { RetryAfter = TimeSpan.FromSeconds(1) }
        : new Refused(RefusalCode.InternalError, e.Message);

    // An asker that goes away takes its create with it.
    private async Task<RegistryReply> CreateAsync(CreateTube command, IActorRef asker)
    {
        using var gone = new CancellationTokenSource();
        var watch = asker.WatchAsync(gone.Token);
        var create = cluster.CreateAsync(command, gone.Token);
        if (await Task.WhenAny(watch, create) == watch && !create.IsCompleted)
            await gone.CancelAsync();
        try
        {
            return await create;
        }
        catch (OperationCanceledException)
        {
            return new Refused(RefusalCode.CreateCancelled, "The create was cancelled because its asker gave up.");
        }
        finally
        {
            await gone.CancelAsync();
        }
    }

    private void Feed(SubscribeSignals subscribe)
    {
        if (subscribe.Window < 1)
        {
            registry.Forward(subscribe); // says what is wrong with it
            return;
        }

        if (!feeds.TryGetValue((Sender, subscribe.TubeId), out var feed))
        {
            feeds.Add((Sender, subscribe.TubeId), feed = Context.ActorOf(SignalFeed.Props(cluster, subscribe.TubeId, Sender)));
            Context.Watch(feed);
        }

        feed.Forward(subscribe);
    }

    // Props.Create wants a public constructor; only a node's own cluster room may make one.
    private sealed class Producer(ITubeRegistry cluster, IActorRef registry) : IIndirectActorProducer
    {
        public Type ActorType => typeof(ClusterRegistryActor);

        public ActorBase Produce() => new ClusterRegistryActor(cluster, registry);

        public void Release(ActorBase actor) { }
    }
}
