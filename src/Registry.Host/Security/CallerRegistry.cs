using System.Runtime.CompilerServices;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Security;

/// <summary>
/// The registry as one caller has it: the tubes of other owners are not there. What endpoints bind instead of <see cref="ITubeRegistry"/> wherever a tube or
/// conversation is named, so that the question whose it is has one place.
/// </summary>
internal sealed class CallerRegistry(ITubeRegistry registry, Caller caller)
{
    // What a watcher of a busy cluster remembers of tubes that are not its own; asked again when forgotten.
    private const int MaxRemembered = 10_000;

    public static ValueTask<CallerRegistry> BindAsync(HttpContext context) =>
        new(new CallerRegistry(context.RequestServices.GetRequiredService<ITubeRegistry>(), new(context.User)));

    public async Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken)
    {
        command = command with { Caller = caller.Name };
        if (!caller.ActsOnAll)
        {
            if (command.Owner is not null && command.Owner != caller.Owner)
                return new Refused(RefusalCode.InvalidRequest, $"'owner' must be left out or be '{caller.Owner}': you make tubes of that owner only.") { Key = "owner" };
            // Whether a tube that it names is that owner's the registry itself looks at, when it has come to the create.
            command = command with { Owner = caller.Owner };
        }

        return await HideAsync(await registry.CreateAsync(command, cancellationToken), command.ConversationId, cancellationToken);
    }

    public Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken) =>
        ActAsync(command.TubeId, () => registry.SetRemoteDescriptionAsync(command, cancellationToken), cancellationToken);

    public Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken) =>
        ActAsync(command.TubeId, () => registry.AddCandidatesAsync(command, cancellationToken), cancellationToken);

    public Task<RegistryReply> RestartIceAsync(RestartIce command, CancellationToken cancellationToken) =>
        ActAsync(command.TubeId, () => registry.RestartIceAsync(command, cancellationToken), cancellationToken);

    public Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken) =>
        ActAsync(command.TubeId, () => registry.CloseTubeAsync(command with { Caller = caller.Name }, cancellationToken), cancellationToken);

    public async Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken) =>
        await HideAsync(await ActAsync(command.TubeId, () => registry.AssociateAsync(command, cancellationToken), cancellationToken), command.ConversationId, cancellationToken);

    public async Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken) =>
        !caller.ActsOnAll && await FindAsync(command.ConversationId, caller.ActsOn, cancellationToken) is Refused refused
            ? refused
            : await registry.CloseConversationAsync(command with { Caller = caller.Name }, cancellationToken);

    public ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken) => FindAsync(tubeId, caller.Sees, cancellationToken);

    /// <summary>Finds a tube for a caller that wants to do something with it.</summary>
    public ValueTask<RegistryReply> FindTubeToActOnAsync(TubeId tubeId, CancellationToken cancellationToken) => FindAsync(tubeId, caller.ActsOn, cancellationToken);

    public async ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken) =>
        !caller.SeesAll && await FindTubeAsync(tubeId, cancellationToken) is Refused refused ? refused : await registry.ReadStatisticsAsync(tubeId, cancellationToken);

    public ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken) => FindAsync(conversationId, caller.Sees, cancellationToken);

    public ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken)
    {
        if (caller.SeesAll)
            return registry.ListTubesAsync(query, cancellationToken);
        return query.Owner is null || query.Owner == caller.Owner
            ? registry.ListTubesAsync(query with { Owner = caller.Owner }, cancellationToken)
            : new(new Refused(RefusalCode.InvalidRequest, $"'owner' must be left out or be '{caller.Owner}': you see the tubes of that owner only.") { Key = "owner" });
    }

    /// <summary>The signals of a tube that <see cref="FindTubeAsync"/> found: for those who only see it, without what lets one join the connection.</summary>
    public IAsyncEnumerable<TubeSignal> Signals(TubeSnapshot tube, long afterSequence)
    {
        var signals = registry.Signals(tube.TubeId, afterSequence);
        return caller.ActsOn(tube) ? signals : signals.Where(signal => !signal.IsForPeer);
    }

    public IAsyncEnumerable<RegistryEvent> WatchAsync(string? after) => caller.SeesAll ? registry.WatchAsync(after) : WatchOwnAsync(after);

    private async IAsyncEnumerable<RegistryEvent> WatchOwnAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var isOwn = new Dictionary<TubeId, bool>();
        await foreach (var change in registry.WatchAsync(after, cancellationToken))
        {
            if (isOwn.Count >= MaxRemembered)
                isOwn.Clear();
            var passes = change switch
            {
                TubeListed { Tube: var tube } => isOwn[tube.TubeId] = caller.Sees(tube),
                TubeSignalled { Signal.TubeId: var id } => isOwn.TryGetValue(id, out var known) ? known : await LearnAsync(isOwn, id, cancellationToken),
                _ => true,
            };
            if (change is TubeSignalled { Signal: TubeClosed ended })
                isOwn.Remove(ended.TubeId);
            if (passes)
                yield return change;
        }
    }

    // Where a node does not answer, nothing is known: the tube's next signal asks again.
    private async ValueTask<bool> LearnAsync(Dictionary<TubeId, bool> isOwn, TubeId tubeId, CancellationToken cancellationToken)
    {
        var reply = await FindTubeAsync(tubeId, cancellationToken);
        var sees = reply is TubeFound;
        if (sees || reply is Refused { Code: RefusalCode.TubeNotFound })
            isOwn[tubeId] = sees;
        return sees;
    }

    private async Task<RegistryReply> ActAsync(TubeId tubeId, Func<Task<RegistryReply>> act, CancellationToken cancellationToken) =>
        !caller.ActsOnAll && await FindTubeToActOnAsync(tubeId, cancellationToken) is Refused refused ? refused : await act();

    private async ValueTask<RegistryReply> FindAsync(TubeId tubeId, Func<TubeSnapshot, bool> may, CancellationToken cancellationToken) =>
        Judge(await registry.FindTubeAsync(tubeId, cancellationToken), may, new(RefusalCode.TubeNotFound, $"There is no tube {tubeId}.") { TubeId = tubeId });

    private async ValueTask<RegistryReply> FindAsync(ConversationId conversationId, Func<TubeSnapshot, bool> may, CancellationToken cancellationToken) =>
        Judge(await registry.FindConversationAsync(conversationId, cancellationToken), may, new(RefusalCode.ConversationNotFound, $"No tube carries conversation {conversationId}."));

    /// <summary>What was found, or what is said where there is nothing.</summary>
    private static RegistryReply Judge(RegistryReply found, Func<TubeSnapshot, bool> may, Refused otherwise) => found is TubeFound { Snapshot: var tube } && !may(tube) ? otherwise : found;

    // A conversation's name is taken whoever has it; on which tube is its owner's business.
    private async ValueTask<RegistryReply> HideAsync(RegistryReply reply, ConversationId conversation, CancellationToken cancellationToken) =>
        caller.SeesAll || reply is not Refused { Code: RefusalCode.ConversationExists, TubeId: { } holder } refused || await FindTubeAsync(holder, cancellationToken) is TubeFound
            ? reply
            : refused with { TubeId = null, Message = $"Conversation {conversation} is live. Choose another name." };
}
