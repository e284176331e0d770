using System.Diagnostics;
using Akka.Actor;
using Akka.Hosting;
using Registry.Actors.Admission;
using Registry.Actors.Tracing;
using Registry.Messages;

namespace Registry.Actors.Hosting;

/// <summary>The typed calls over Ask; reads go past the mailbox.</summary>
internal sealed class TubeRegistryClient(ActorSystem system) : ITubeRegistry
{
    // The registry answers in microseconds; what takes time has its own deadline in the tube, and this much more is for the answer to arrive.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly TubeRegistryNode node = TubeRegistryNode.Get(system);

    public ITubeDirectory Directory => node.Directory;

    public RegistryCapacity Capacity => node.Admission.Read();

    public string Node => node.Name;

    public Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken = default) => Spans.AreWanted
        ? Spans.CreateAsync("registry.create", ActivityKind.Internal, command, traced => AskForCreateAsync(traced, cancellationToken))
        : AskForCreateAsync(Spans.WithCurrentTrace(command), cancellationToken);

    private async Task<RegistryReply> AskForCreateAsync(CreateTube command, CancellationToken cancellationToken)
    {
        var call = new CreateCall();
        try
        {
            return await AskAsync(new AskedCreate(command, call), command.Timeout is { } timeout ? Bounded(timeout) : node.Settings.InitializingTimeout + Bounded(command.MaxWait ?? TimeSpan.Zero), cancellationToken);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            (await RegistryAsync(CancellationToken.None)).Tell(new AbandonCreate(call));
            throw;
        }
    }

    public Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> RestartIceAsync(RestartIce command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken = default) => AskAsync(command, node.Settings.ClosingTimeout, cancellationToken);

    public Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken = default) => AskAsync(command, node.Settings.ClosingTimeout, cancellationToken);

    public Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> ChangeLimitsAsync(ChangeLimits command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> DrainAsync(DrainNode command, CancellationToken cancellationToken = default) => AskAsync(command, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> ResumeAsync(CancellationToken cancellationToken = default) => AskAsync(ResumeNode.Instance, TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> DrainAsync(string name, DrainNode command, CancellationToken cancellationToken = default) =>
        name == node.Name ? DrainAsync(command, cancellationToken) : Task.FromResult<RegistryReply>(NoSuchNode(name));

    public Task<RegistryReply> ResumeAsync(string name, CancellationToken cancellationToken = default) =>
        name == node.Name ? ResumeAsync(cancellationToken) : Task.FromResult<RegistryReply>(NoSuchNode(name));

    internal static Refused NoSuchNode(string name) => new(RefusalCode.NodeNotFound, $"There is no node '{name}'.") { Key = "node" };

    public ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken = default) => new(node.Reads.Statistics(tubeId));

    public ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken = default) => new(node.Reads.Find(tubeId));

    public ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken = default) => new(node.Reads.Find(conversationId));

    public ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken = default) => new(node.Reads.List(query));

    public IReadOnlyList<NodeSnapshot> Nodes => [node.Reads.Node()];

    public IAsyncEnumerable<RegistryEvent> WatchAsync(string? after = null, CancellationToken cancellationToken = default) => node.Events.WatchAsync(after, cancellationToken);

    public IAsyncEnumerable<TubeSignal> Signals(TubeId tubeId, long afterSequence = 0, CancellationToken cancellationToken = default) =>
        node.Directory.SignalsOf(tubeId)?.ReadAsync(afterSequence, cancellationToken) ?? AsyncEnumerable.Empty<TubeSignal>();

    // What is out of range the registry refuses at once, by name.
    private static TimeSpan Bounded(TimeSpan time) => time < TimeSpan.Zero ? TimeSpan.Zero : time > CreateTube.LongestWait ? CreateTube.LongestWait : time;

    private async Task<RegistryReply> AskAsync(object command, TimeSpan work, CancellationToken cancellationToken)
    {
        var registry = await RegistryAsync(cancellationToken);
        try
        {
            return await registry.Ask<RegistryReply>(command, work + Grace, cancellationToken);
        }
        catch (AskTimeoutException e)
        {
            throw new TimeoutException($"The registry did not answer {command.GetType().Name} in time.", e);
        }
    }

    private ValueTask<IActorRef> RegistryAsync(CancellationToken cancellationToken) =>
        ActorRegistry.For(system).TryGet<RegistryActor>(out var actor)
            ? new(actor)
            : new(ActorRegistry.For(system).GetAsync<RegistryActor>(cancellationToken));
}
