using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Cluster;

/// <summary>
/// The registry of the whole cluster, at <c>/user/tube-cluster</c> on each node, for those that use Ask: it takes every <see cref="IRegistryCommand"/> and answers each
/// with one <see cref="RegistryReply"/>, whichever node's tube is meant. Limits, capacity, drain and <see cref="ReadEvents"/> are this node's.
/// </summary>
public sealed class ClusterRegistryActor : UntypedActor
{
    /// <summary>The actor's name.</summary>
    public const string ActorName = "tube-cluster";

    private readonly ClusterRegistry cluster;
    private readonly IActorRef registry;
    private readonly Dictionary<(IActorRef Subscriber, TubeId Tube), Feed> feeds = [];

    internal ClusterRegistryActor(ClusterRegistry cluster, IActorRef registry)
    {
        this.cluster = cluster;
        this.registry = registry;
    }

    internal static Props Props(ClusterRegistry cluster, IActorRef registry) => Akka.Actor.Props.CreateBy(new Producer(cluster, registry));

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
            case RestartIce restart:
                Reply(cluster.RestartIceAsync(restart));
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
            case ReadStatistics read:
                Reply(cluster.ReadStatisticsAsync(read.TubeId).AsTask());
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
                Subscribe(subscribe);
                break;
            case UnsubscribeSignals unsubscribe:
                Remove((Sender, unsubscribe.TubeId));
                Sender.Tell(Done.Instance);
                break;
            case FeedEnded ended:
                foreach (var key in feeds.Where(f => f.Value.Actor.Equals(Sender) && f.Value.Asked == ended.Asked).Select(f => f.Key).ToArray())
                    Remove(key); // unless it was asked again meanwhile
                break;
            case Terminated subscriber:
                foreach (var key in feeds.Keys.Where(f => f.Subscriber.Equals(subscriber.ActorRef)).ToArray())
                    Remove(key);
                break;
            case ReadSignals read:
                Reply(cluster.ReadSignalsAsync(read));
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

    private void Subscribe(SubscribeSignals subscribe)
    {
        if (subscribe.Window < 1)
        {
            registry.Forward(subscribe); // says what is wrong with it
            return;
        }

        var key = (Sender, subscribe.TubeId);
        if (!feeds.TryGetValue(key, out var feed))
        {
            feeds.Add(key, feed = new(Context.ActorOf(SignalFeed.Props(cluster, subscribe.TubeId, Sender))));
            Context.Watch(Sender);
        }

        feed.Asked++;
        feed.Actor.Forward(subscribe);
    }

    private void Remove((IActorRef Subscriber, TubeId Tube) key)
    {
        if (!feeds.Remove(key, out var feed))
            return;
        Context.Stop(feed.Actor);
        if (!feeds.Keys.Any(f => f.Subscriber.Equals(key.Subscriber)))
            Context.Unwatch(key.Subscriber);
    }

    private sealed class Feed(IActorRef actor)
    {
        public IActorRef Actor => actor;

        public int Asked { get; set; }
    }

    // Props.Create wants a public constructor; only a node's own cluster room may make one.
    private sealed class Producer(ClusterRegistry cluster, IActorRef registry) : IIndirectActorProducer
    {
        public Type ActorType => typeof(ClusterRegistryActor);

        public ActorBase Produce() => new ClusterRegistryActor(cluster, registry);

        public void Release(ActorBase actor) { }
    }
}
