using System.Reflection;
using Registry.Actors.Admission;
using Registry.Actors.Signals;
using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors.ReadModel;

/// <summary>Answers what can be read of a node without its registry's mailbox.</summary>
internal sealed class RegistryReads(string node, TubeDirectory directory, RegistryEventLog events, CreateAdmission admission, TimeProvider time)
{
    /// <summary>The program's version, as nodes tell it.</summary>
    public static string Version { get; } =
        (Assembly.GetEntryAssembly() ?? typeof(RegistryReads).Assembly).GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    /// <summary>When the node started.</summary>
    public DateTimeOffset Since { get; } = time.GetUtcNow();

    /// <summary>Whether <see cref="ReadAsync"/> answers the command.</summary>
    public static bool CanRead(IRegistryCommand command) => command is GetTube or ReadStatistics or FindConversation or ListTubes or ReadSignals or ReadEvents or GetCapacity or GetNodes;

    /// <summary>The answer.</summary>
    /// <exception cref="ArgumentException">The command is none that reads.</exception>
    public async Task<RegistryReply> ReadAsync(IRegistryCommand command, CancellationToken cancellationToken) => command switch
    {
        GetTube get => Find(get.TubeId),
        ReadStatistics read => Statistics(read.TubeId),
        FindConversation find => Find(find.ConversationId),
        ListTubes list => List(list.Query),
        ReadSignals read when directory.SignalsOf(read.TubeId) is { } signals => await signals.ReadAsync(read, time, cancellationToken),
        ReadSignals read => RegistryActor.NotFound(read.TubeId),
        ReadEvents read => await events.ReadAsync(read, time, cancellationToken),
        GetCapacity => new CapacityRead(admission.Read()),
        GetNodes => new NodesRead([Node()]),
        _ => throw new ArgumentException($"{command.GetType().Name} is not a command that reads.", nameof(command)),
    };

    /// <summary>A live tube, or one that ended not long ago.</summary>
    public RegistryReply Find(TubeId tubeId) =>
        directory.TryGet(tubeId, out var tube) || directory.TryGetClosed(tubeId, out tube) ? new TubeFound(Fresh(tube)) : RegistryActor.NotFound(tubeId);

    /// <summary>The statistics of a live tube.</summary>
    public RegistryReply Statistics(TubeId tubeId) => directory.TryReadStatistics(tubeId, out var statistics) ? new StatisticsRead(statistics) : RegistryActor.NotFound(tubeId);

    /// <summary>The tube that carries a conversation.</summary>
    public RegistryReply Find(ConversationId conversationId) =>
        directory.TryGet(conversationId, out var tube) ? new TubeFound(Fresh(tube)) : TubeActor.NotFound(conversationId);

    /// <summary>A page of live tubes.</summary>
    public RegistryReply List(TubeQuery query)
    {
        if (query.Limit is < 1 or > TubeQuery.MaxLimit)
            return new Refused(RefusalCode.InvalidRequest, $"limit is {query.Limit}; it must be from 1 to {TubeQuery.MaxLimit}.") { Key = "limit" };
        var page = directory.List(query);
        return new TubesRead(page with { Items = [.. page.Items.Select(Fresh)] });
    }

    /// <summary>The node as the only one.</summary>
    public NodeSnapshot Node()
    {
        var capacity = admission.Read();
        return new(node, "", capacity.IsDraining ? NodeState.Draining : NodeState.Up) { Capacity = capacity, Version = Version, Since = Since };
    }

    // The counters of a snapshot are of its last change.
    private TubeSnapshot Fresh(TubeSnapshot tube) => tube with
    {
        Traffic = directory.TryGetTraffic(tube.TubeId, out var traffic) ? traffic : tube.Traffic,
        LastSignal = directory.SignalsOf(tube.TubeId)?.Last ?? 0,
    };
}
