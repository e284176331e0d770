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
            command = command with { Owner = caller.Owner };
            if (command.TubeId is { } tube && await registry.FindTubeAsync(tube, cancellationToken) is TubeFound { Snapshot: var named } && !caller.ActsOn(named))
                return NotFound(tube);
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
        ActAsync(command.TubeId, () => registry.CloseTubeAsync(command, cancellationToken), cancellationToken);

    public async Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken) =>
        await HideAsync(await ActAsync(command.TubeId, () => registry.AssociateAsync(command, cancellationToken), cancellationToken), command.ConversationId, cancellationToken);

    public async Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken) =>
        caller.ActsOnAll || await registry.FindConversationAsync(command.ConversationId, cancellationToken) is TubeFound { Snapshot: var tube } && caller.ActsOn(tube)
            ? await registry.CloseConversationAsync(command, cancellationToken)
            : NotFound(command.ConversationId);

    public async ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken) =>
        await registry.FindTubeAsync(tubeId, cancellationToken) is var reply && reply is TubeFound { Snapshot: var tube } && !caller.Sees(tube) ? NotFound(tubeId) : reply;

    public async ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken) =>
        caller.SeesAll || await SeesAsync(tubeId, cancellationToken) ? await registry.ReadStatisticsAsync(tubeId, cancellationToken) : NotFound(tubeId);

    public async ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken) =>
        await registry.FindConversationAsync(conversationId, cancellationToken) is var reply && reply is TubeFound { Snapshot: var tube } && !caller.Sees(tube) ? NotFound(conversationId) : reply;

    public ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken)
    {
        if (caller.SeesAll)
            return registry.ListTubesAsync(query, cancellationToken);
        return query.Owner is null || query.Owner == caller.Owner
            ? registry.ListTubesAsync(query with { Owner = caller.Owner }, cancellationToken)
            : new(new Refused(RefusalCode.InvalidRequest, $"'owner' must be left out or be '{caller.Owner}': you see the tubes of that owner only.") { Key = "owner" });
    }

    /// <summary>The signals of a tube that <see cref="FindTubeAsync"/> found.</summary>
    public IAsyncEnumerable<TubeSignal> Signals(TubeId tubeId, long afterSequence) => registry.Signals(tubeId, afterSequence);

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
                TubeSignalled { Signal.TubeId: var id } => isOwn.TryGetValue(id, out var known) ? known : isOwn[id] = await SeesAsync(id, cancellationToken),
                _ => true,
            };
            if (change is TubeSignalled { Signal: TubeClosed ended })
                isOwn.Remove(ended.TubeId);
            if (passes)
                yield return change;
        }
    }

    private async ValueTask<bool> SeesAsync(TubeId tubeId, CancellationToken cancellationToken) =>
        await registry.FindTubeAsync(tubeId, cancellationToken) is TubeFound { Snapshot: var tube } && caller.Sees(tube);

    private async Task<RegistryReply> ActAsync(TubeId tubeId, Func<Task<RegistryReply>> act, CancellationToken cancellationToken)
    {
        if (caller.ActsOnAll)
            return await act();
        return await registry.FindTubeAsync(tubeId, cancellationToken) switch
        {
            TubeFound { Snapshot: var tube } when caller.ActsOn(tube) => await act(),
            Refused refused => refused,
            _ => NotFound(tubeId),
        };
    }

    // A conversation's name is taken whoever has it; on which tube is its owner's business.
    private async ValueTask<RegistryReply> HideAsync(RegistryReply reply, ConversationId conversation, CancellationToken cancellationToken) =>
        caller.SeesAll || reply is not Refused { Code: RefusalCode.ConversationExists, TubeId: { } holder } refused || await SeesAsync(holder, cancellationToken)
            ? reply
            : refused with { TubeId = null, Message = $"Conversation {conversation} is live. Choose another name." };

    private static Refused NotFound(TubeId tubeId) => new(RefusalCode.TubeNotFound, $"There is no tube {tubeId}.") { TubeId = tubeId };

    private static Refused NotFound(ConversationId conversationId) => new(RefusalCode.ConversationNotFound, $"No tube carries conversation {conversationId}.");
}
