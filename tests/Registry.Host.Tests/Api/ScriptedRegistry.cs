using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

/// <summary>A registry that answers what a test tells it to and remembers what it was asked.</summary>
internal sealed class ScriptedRegistry : ITubeRegistry, ITubeDirectory
{
    private readonly Channel<TubeSignal> signals = Channel.CreateUnbounded<TubeSignal>();
    private readonly Channel<RegistryEvent> changes = Channel.CreateUnbounded<RegistryEvent>();

    public Func<IRegistryCommand, Task<RegistryReply>> Answer { get; set; } = _ => Task.FromResult<RegistryReply>(Done.Instance);
    public List<IRegistryCommand> Commands { get; } = [];
    public Dictionary<TubeId, TubeSnapshot> Tubes { get; } = [];
    public Dictionary<TubeId, TubeSnapshot> ClosedTubes { get; } = [];
    public List<TubeQuery> Queries { get; } = [];
    public long? AskedAfter { get; private set; }
    public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RegistryReply Reply
    {
        set => Answer = _ => Task.FromResult(value);
    }

    public ITubeDirectory Directory => this;
    public RegistryCapacity Capacity { get; set; } = new() { CanAcceptMore = true, MaxConcurrentCreates = 100, MaxTubes = 10 };
    public string Node => "test-node";
    public int Count => Tubes.Count;
    public TubeTraffic Traffic { get; } = new(10, 20, 1, 2, TimeSpan.FromMilliseconds(1.5));

    public void Emit(TubeSignal signal) => signals.Writer.TryWrite(signal).ShouldBeTrue();

    public void Emit(RegistryEvent change) => changes.Writer.TryWrite(change).ShouldBeTrue();

    public void EndSignals() => signals.Writer.Complete();

    public void EndChanges(Exception? failure = null) => changes.Writer.Complete(failure);

    public Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> RestartIceAsync(RestartIce command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> ChangeLimitsAsync(ChangeLimits command, CancellationToken cancellationToken = default) => Ask(command);

    public Task<RegistryReply> DrainAsync(DrainNode command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> ResumeAsync(CancellationToken cancellationToken = default) => Ask(ResumeNode.Instance);

    public List<string> NamedNodes { get; } = [];

    public Task<RegistryReply> DrainAsync(string name, DrainNode command, CancellationToken cancellationToken = default)
    {
        NamedNodes.Add(name);
        return Ask(command);
    }

    public Task<RegistryReply> ResumeAsync(string name, CancellationToken cancellationToken = default)
    {
        NamedNodes.Add(name);
        return Ask(ResumeNode.Instance);
    }

    public ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken = default) =>
        new(Tubes.ContainsKey(tubeId) ? new StatisticsRead(new(tubeId, default)) : new Refused(RefusalCode.TubeNotFound, $"There is no tube {tubeId}.") { TubeId = tubeId });

    public IReadOnlyList<NodeSnapshot> Nodes { get; set; } = [];

    /// <summary>What is said to whoever looks for a tube or conversation, as when its node does not answer; null to look.</summary>
    public Refused? Unreachable { get; set; }

    public ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken = default) =>
        new(Unreachable is not null ? Unreachable : TryGet(tubeId, out var tube) || ClosedTubes.TryGetValue(tubeId, out tube)
            ? new TubeFound(tube with { Traffic = Traffic })
            : new Refused(RefusalCode.TubeNotFound, $"There is no tube {tubeId}.") { TubeId = tubeId });

    public ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken = default) =>
        new(Unreachable is not null ? Unreachable : TryGet(conversationId, out var tube) ? new TubeFound(tube) : new Refused(RefusalCode.ConversationNotFound, "No tube carries it."));

    public ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken = default)
    {
        var page = List(query);
        return new(new TubesRead(page with { Items = [.. page.Items.Select(tube => tube with { Traffic = Traffic })], IncompleteNodes = IncompleteNodes }));
    }

    public System.Collections.Immutable.ImmutableArray<string> IncompleteNodes { get; set; } = [];

    public string? AskedFrom { get; private set; }

    public IAsyncEnumerable<RegistryEvent> WatchAsync(string? after = null, CancellationToken cancellationToken = default)
    {
        AskedFrom = after;
        return ReadAsync(changes.Reader, cancellationToken);
    }

    public IAsyncEnumerable<TubeSignal> Signals(TubeId tubeId, long afterSequence = 0, CancellationToken cancellationToken = default)
    {
        AskedAfter = afterSequence;
        return ReadAsync(signals.Reader, cancellationToken);
    }

    public bool TryGet(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube) => Tubes.TryGetValue(tubeId, out tube);

    public bool TryGet(ConversationId conversationId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = Tubes.Values.FirstOrDefault(candidate => candidate.Conversations.Any(conversation => conversation.ConversationId == conversationId));
        return tube is not null;
    }

    public bool TryGetTraffic(TubeId tubeId, out TubeTraffic traffic)
    {
        traffic = Traffic;
        return Tubes.ContainsKey(tubeId);
    }

    public IReadOnlyList<ConversationId> ConversationsOf(TubeId tubeId) => [.. Tubes[tubeId].Conversations.Select(conversation => conversation.ConversationId)];

    public IEnumerable<TubeSnapshot> List() => Tubes.Values;

    public TubePage List(TubeQuery query)
    {
        Queries.Add(query);
        TubeSnapshot[] rest = [.. Tubes.Values.Where(query.Matches).OrderBy(Id, StringComparer.Ordinal).Where(tube => query.Cursor is null || string.CompareOrdinal(Id(tube), query.Cursor.ToString()) > 0)];
        return new([.. rest.Take(query.Limit)], rest.Length > query.Limit ? rest[query.Limit - 1].TubeId : null);
    }

    public bool TryGetClosed(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube) => ClosedTubes.TryGetValue(tubeId, out tube);

    private Task<RegistryReply> Ask(IRegistryCommand command)
    {
        Commands.Add(command);
        return Answer(command);
    }

    private static string Id(TubeSnapshot tube) => tube.TubeId.ToString();

    private async IAsyncEnumerable<T> ReadAsync<T>(ChannelReader<T> source, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var item in source.ReadAllAsync(cancellationToken))
                yield return item;
        }
        finally
        {
            Released.TrySetResult();
        }
    }
}
