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

    public Func<IRegistryCommand, Task<RegistryReply>> Answer { get; set; } = _ => Task.FromResult<RegistryReply>(Done.Instance);
    public List<IRegistryCommand> Commands { get; } = [];
    public Dictionary<TubeId, TubeSnapshot> Tubes { get; } = [];
    public Dictionary<TubeId, TubeSnapshot> ClosedTubes { get; } = [];
    public List<RegistryEvent> Changes { get; } = [];
    public long AskedAfter { get; private set; } = -1;
    public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RegistryReply Reply
    {
        set => Answer = _ => Task.FromResult(value);
    }

    public ITubeDirectory Directory => this;
    public RegistryCapacity Capacity { get; set; } = new() { CanAcceptMore = true, MaxConcurrentCreates = 100, MaxTubes = 10 };
    public string Node => "test-node";
    public int Count => Tubes.Count;

    public void Emit(TubeSignal signal) => signals.Writer.TryWrite(signal).ShouldBeTrue();

    public void EndSignals() => signals.Writer.Complete();

    public Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken = default) => Ask(command);
    public Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken = default) => Ask(command);

    public Task<RegistryReply> ChangeLimitsAsync(ChangeLimits command, CancellationToken cancellationToken = default) => Ask(command);

    public IAsyncEnumerable<RegistryEvent> WatchAsync(long? afterSequence = null, CancellationToken cancellationToken = default)
    {
        AskedAfter = afterSequence ?? -1;
        return Changes.ToAsyncEnumerable();
    }

    public IAsyncEnumerable<TubeSignal>? Signals(TubeId tubeId, long afterSequence = 0, CancellationToken cancellationToken = default)
    {
        AskedAfter = afterSequence;
        return Tubes.ContainsKey(tubeId) ? ReadAsync(cancellationToken) : null;
    }

    public bool TryGet(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube) => Tubes.TryGetValue(tubeId, out tube);

    public bool TryGet(ConversationId conversationId, [NotNullWhen(true)] out TubeSnapshot? tube)
    {
        tube = Tubes.Values.FirstOrDefault(candidate => candidate.Conversations.Any(conversation => conversation.ConversationId == conversationId));
        return tube is not null;
    }

    public bool TryGetTraffic(TubeId tubeId, out TubeTraffic traffic)
    {
        traffic = new(10, 20, 1, 2, TimeSpan.FromMilliseconds(1.5));
        return Tubes.ContainsKey(tubeId);
    }

    public IReadOnlyList<ConversationId> ConversationsOf(TubeId tubeId) => [.. Tubes[tubeId].Conversations.Select(conversation => conversation.ConversationId)];

    public IEnumerable<TubeSnapshot> List() => Tubes.Values;

    public TubePage List(TubeQuery query) => new([.. Tubes.Values.Where(query.Matches).Where(t => query.Cursor is null || string.CompareOrdinal(t.TubeId.ToString(), query.Cursor.ToString()) > 0).OrderBy(t => t.TubeId.ToString(), StringComparer.Ordinal)], null);

    public bool TryGetClosed(TubeId tubeId, [NotNullWhen(true)] out TubeSnapshot? tube) => ClosedTubes.TryGetValue(tubeId, out tube);

    private Task<RegistryReply> Ask(IRegistryCommand command)
    {
        Commands.Add(command);
        return Answer(command);
    }

    private async IAsyncEnumerable<TubeSignal> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var signal in signals.Reader.ReadAllAsync(cancellationToken))
                yield return signal;
        }
        finally
        {
            Released.TrySetResult();
        }
    }
}
