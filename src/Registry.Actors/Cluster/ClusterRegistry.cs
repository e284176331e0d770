using System.Diagnostics;
using Akka.Actor;
using Registry.Actors.Admission;
using Registry.Actors.Cluster.Nodes;
using Registry.Actors.Hosting;
using Registry.Actors.Tracing;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster;

/// <summary>
/// The registry of a cluster as typed calls, on any of its nodes. What this node has it answers itself; where a tube lives it asks the nodes, where a conversation
/// lives it asks the conversation's entry.
/// </summary>
internal sealed class ClusterRegistry : ITubeRegistry
{
    // What a node does takes its own time; this much more is for the answer to arrive.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    // A node that keeps a create's time says so itself; this is for that to arrive.
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(300);

    private readonly ActorSystem system;
    private readonly TubeRegistryNode node;
    private readonly TubeRegistryClient local;

    public ClusterRegistry(ActorSystem system)
    {
        this.system = system;
        node = TubeRegistryNode.Get(system);
        local = new(system);
    }

    public ITubeDirectory Directory => node.Directory;

    // Where a tube goes the cluster says: outside of it there is room for none.
    public RegistryCapacity Capacity => node.Admission.Read() is var capacity && Room.Nodes.IsMember(Room.Nodes.Self) ? capacity : capacity with { CanAcceptMore = false };

    public string Node => node.Name;

    public IReadOnlyList<NodeSnapshot> Nodes => Room.Nodes.Describe();

    private string NotInCluster => $"{node.Name} is not in its cluster";

    private ClusterRoomContext Room => ClusterRoom.Of(system);

    public Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken = default) => Spans.AreWanted
        ? Spans.CreateAsync("registry.place", ActivityKind.Client, command, traced => PlaceAsync(traced, cancellationToken))
        : PlaceAsync(Spans.WithCurrentTrace(command), cancellationToken);

    private async Task<RegistryReply> PlaceAsync(CreateTube command, CancellationToken cancellationToken)
    {
        if (CreateCheck.Find(command) is { } invalid)
            return invalid;
        NodeAddress? at = null;
        if (command.TubeId is { } named)
        {
            var place = await SearchAsync(named, cancellationToken);
            if (place is { Node: null, Missing: not null })
                return place.Unknown(named);
            // The id of one that has ended is free again.
            at = place.Found is { Snapshot.State: not TubeState.Closed } ? place.Node : null;
        }

        try
        {
            var limit = command.Timeout is { } timeout ? timeout + Moment : node.Settings.InitializingTimeout + (command.MaxWait ?? TimeSpan.Zero) + Grace;
            return await OpenAsync(command, at, limit, cancellationToken);
        }
        catch (TimeoutException) when (command.Timeout is { } timeout)
        {
            return new Refused(RefusalCode.CreateTimeout, $"The create did not finish within {timeout.TotalSeconds:0.###} s, the time its asker gave. Try again.") { TubeId = command.TubeId };
        }
    }

    public async Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken = default)
    {
        var place = await SearchAsync(command.TubeId, cancellationToken);
        return place.Node is { } at ? await OpenAsync(command, at, Grace, cancellationToken) : place.Unknown(command.TubeId);
    }

    public Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken = default) =>
        AskTubeAsync(command, () => local.SetRemoteDescriptionAsync(command, cancellationToken), TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> RestartIceAsync(RestartIce command, CancellationToken cancellationToken = default) =>
        AskTubeAsync(command, () => local.RestartIceAsync(command, cancellationToken), TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken = default) =>
        AskTubeAsync(command, () => local.AddCandidatesAsync(command, cancellationToken), TimeSpan.Zero, cancellationToken);

    public Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken = default) =>
        AskTubeAsync(command, () => local.CloseTubeAsync(command, cancellationToken), node.Settings.ClosingTimeout, cancellationToken);

    public Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken = default) =>
        AskEntryAsync(command, node.Settings.ClosingTimeout + Grace, cancellationToken);

    public Task<RegistryReply> ChangeLimitsAsync(ChangeLimits command, CancellationToken cancellationToken = default) => local.ChangeLimitsAsync(command, cancellationToken);

    public Task<RegistryReply> DrainAsync(DrainNode command, CancellationToken cancellationToken = default) => local.DrainAsync(command, cancellationToken);

    public Task<RegistryReply> ResumeAsync(CancellationToken cancellationToken = default) => local.ResumeAsync(cancellationToken);

    public Task<RegistryReply> DrainAsync(string name, DrainNode command, CancellationToken cancellationToken = default) => AskNodeAsync(name, command, cancellationToken);

    public Task<RegistryReply> ResumeAsync(string name, CancellationToken cancellationToken = default) => AskNodeAsync(name, ResumeNode.Instance, cancellationToken);

    public async ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken = default) => node.Directory.TryGet(tubeId, out _)
        ? node.Reads.Find(tubeId)
        : await AskTubeAsync(new GetTube(tubeId), () => Task.FromResult(node.Reads.Find(tubeId)), TimeSpan.Zero, cancellationToken);

    public async ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken = default) =>
        await AskTubeAsync(new ReadStatistics(tubeId), () => Task.FromResult(node.Reads.Statistics(tubeId)), TimeSpan.Zero, cancellationToken);

    public async ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken = default)
    {
        if (node.Reads.Find(conversationId) is TubeFound here)
            return here;
        return await AskEntryAsync(new FindConversation(conversationId), Grace, cancellationToken);
    }

    public async ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken = default)
    {
        var mine = node.Reads.List(query);
        if (mine is not TubesRead { Page: var page })
            return mine;
        var others = Room.Nodes.Others.Select(n => (Name: Room.Nodes.NameOf(n), Reply: TryAskAsync(n, new ListTubes(query), Room.Settings.Try, cancellationToken))).ToArray();
        List<TubePage> pages = [page];
        List<string> missing = Room.Nodes.IsMember(Room.Nodes.Self) ? [] : [node.Name]; // one that has not joined knows no other
        foreach (var (name, reply) in others)
        {
            if (await reply is TubesRead read)
                pages.Add(read.Page);
            else
                missing.Add(name);
        }

        if (query.State == TubeState.Closed)
            missing.AddRange(Room.Nodes.LostLately.Select(lost => lost.Name).Except(missing));

        return new TubesRead(Merge(pages, query.Limit) with { IncompleteNodes = [.. missing.Order(StringComparer.Ordinal)] });
    }

    public IAsyncEnumerable<TubeSignal> Signals(TubeId tubeId, long afterSequence = 0, CancellationToken cancellationToken = default) =>
        node.Directory.TryGet(tubeId, out _) ? ReadHere(tubeId, afterSequence, cancellationToken) : new RemoteSignals(this, Room, tubeId).ReadAsync(afterSequence, cancellationToken);

    /// <summary>The signals of this node's tube; none when there is no such tube.</summary>
    internal IAsyncEnumerable<TubeSignal> ReadHere(TubeId tubeId, long afterSequence, CancellationToken cancellationToken) => local.Signals(tubeId, afterSequence, cancellationToken);

    /// <summary>Reads what follows a signal of any node's tube.</summary>
    internal Task<RegistryReply> ReadSignalsAsync(ReadSignals read) =>
        AskTubeAsync(read, () => node.Reads.ReadAsync(read, CancellationToken.None), read.MaxWait, CancellationToken.None);

    public IAsyncEnumerable<RegistryEvent> WatchAsync(string? after = null, CancellationToken cancellationToken = default) => new ClusterWatch(this, Room, node).ReadAsync(after, cancellationToken);

    /// <summary>Where a tube is.</summary>
    /// <param name="Node">Its node; null when none of those that answered has it.</param>
    /// <param name="Found">The tube, when it had to be looked for.</param>
    /// <param name="Missing">Why not all nodes were asked, or answered, when none had it.</param>
    internal readonly record struct Place(NodeAddress? Node, TubeFound? Found, string? Missing)
    {
        /// <summary>Why there is none.</summary>
        public Refused Unknown(TubeId tube) => Missing is null
            ? RegistryActor.NotFound(tube)
            : new(RefusalCode.NodeUnreachable, $"No node that answers has tube {tube}, but {Missing}: try again shortly.") { TubeId = tube, RetryAfter = TimeSpan.FromSeconds(1) };
    }

    /// <summary>Finds the node that has a tube: this one, the one where it was found last, or whichever says so.</summary>
    private async ValueTask<Place> LocateAsync(TubeId tubeId, CancellationToken cancellationToken)
    {
        if (node.Directory.TryGet(tubeId, out _))
            return new(Room.Nodes.Self, null, null);
        return Room.Places.TryGet(tubeId, out var known) && Room.Nodes.IsMember(known) ? new(known, null, null) : await SearchAsync(tubeId, cancellationToken);
    }

    /// <summary>Finds it by asking, whatever was known of other nodes. One that has ended counts only when no node has a live one of its id.</summary>
    internal async Task<Place> SearchAsync(TubeId tubeId, CancellationToken cancellationToken)
    {
        Place? ended = null;
        if (node.Reads.Find(tubeId) is TubeFound here)
        {
            ended = new(Room.Nodes.Self, here, null);
            if (here.Snapshot.State != TubeState.Closed)
                return ended.Value;
        }

        using var found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asked = Room.Nodes.Others.ToDictionary(n => TryAskAsync(n, new GetTube(tubeId), Room.Settings.Try, found.Token));
        // One that has not joined, or was removed, knows no other.
        var missing = Room.Nodes.IsMember(Room.Nodes.Self) ? null : NotInCluster;
        while (asked.Count > 0)
        {
            var answered = await Task.WhenAny(asked.Keys);
            asked.Remove(answered, out var one);
            switch (await answered)
            {
                case TubeFound { Snapshot.State: TubeState.Closed } tube:
                    ended ??= new(one, tube, null);
                    break;
                case TubeFound tube:
                    await found.CancelAsync(); // the others need not answer
                    Room.Places.Learn(tubeId, one);
                    return new(one, tube, null);
                case null:
                    missing = $"{Room.Nodes.NameOf(one)} does not answer";
                    break;
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        return ended ?? new(null, null, missing);
    }

    /// <summary>Asks a node; null when it does not answer.</summary>
    internal async Task<RegistryReply?> TryAskAsync(NodeAddress one, IRegistryCommand command, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Room.Nodes.LossOf(one));
        try
        {
            return await Room.Nodes.ActorOf(one).Ask<RegistryReply>(command, limit, lost.Token);
        }
        catch (Exception e) when (e is AskTimeoutException or OperationCanceledException)
        {
            return null; // whether it was the caller's token that ended it the caller sees
        }
    }

    private async Task<RegistryReply> AskTubeAsync(ITubeCommand command, Func<Task<RegistryReply>> here, TimeSpan work, CancellationToken cancellationToken)
    {
        for (var known = true; ; known = false)
        {
            var place = await LocateAsync(command.TubeId, cancellationToken);
            if (place.Node is not { } one)
                return place.Unknown(command.TubeId);
            if (command is GetTube && place.Found is { } found)
                return found;
            if (one == Room.Nodes.Self)
                return await here();
            var reply = await TryAskAsync(one, command, work + Grace, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (reply is Refused { Code: RefusalCode.TubeNotFound } or TubeFound { Snapshot.State: TubeState.Closed } && known && place.Found is null)
            {
                Room.Places.Forget(command.TubeId); // It was there once, and its id may be used again.
                continue;
            }

            return reply ?? new Refused(RefusalCode.NodeUnreachable, $"{Room.Nodes.NameOf(one)}, which has tube {command.TubeId}, does not answer: try again shortly.") { TubeId = command.TubeId, RetryAfter = TimeSpan.FromSeconds(1) };
        }
    }

    private async Task<RegistryReply> AskNodeAsync(string name, IRegistryCommand command, CancellationToken cancellationToken)
    {
        // One that has not joined yet is asked for itself all the same.
        var one = name == node.Name ? Room.Nodes.Self : Room.Nodes.TryFind(name, out var found) ? found : null;
        if (one is null)
            return TubeRegistryClient.NoSuchNode(name);
        var reply = await TryAskAsync(one.Value, command, Grace, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return reply ?? new Refused(RefusalCode.NodeUnreachable, $"{name} does not answer: try again shortly.") { RetryAfter = TimeSpan.FromSeconds(1) };
    }

    private async Task<RegistryReply> OpenAsync(IRegistryCommand command, NodeAddress? at, TimeSpan limit, CancellationToken cancellationToken)
    {
        var asked = Room.Time.GetTimestamp();
        if (await WhyNotJoinedAsync(limit, cancellationToken) is { } alone)
            return alone;
        limit -= Room.Time.GetElapsedTime(asked);
        var open = new OpenConversation(Guid.NewGuid(), command, at);
        // An entry that has just moved knows nothing of the tries before: each says what is left of the asker's time.
        OpenConversation Remaining(TimeSpan left) => command is CreateTube { Timeout: { } timeout } create && left < timeout ? open with { Command = create with { Timeout = left } } : open;
        try
        {
            var reply = await Room.Conversations.AskUntilAnsweredAsync(Remaining, Room.Settings.Try, limit, cancellationToken);
            if (reply is TubeCreated created && Room.Nodes.TryFind(created.Node, out var one) && one != Room.Nodes.Self)
                Room.Places.Learn(created.TubeId, one.Value);
            return reply;
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            Room.Conversations.Tell(new AbandonOpen(open.ConversationId, open.OpenId));
            throw;
        }
    }

    private async Task<RegistryReply> AskEntryAsync(IRegistryCommand command, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (await WhyNotJoinedAsync(limit, cancellationToken) is { } alone)
            return alone;
        try
        {
            return await Room.Conversations.AskUntilAnsweredAsync(command, Room.Settings.Try, limit, cancellationToken);
        }
        catch (TimeoutException)
        {
            return new Refused(RefusalCode.NodeUnreachable, "The node that knows of the conversation does not answer: try again shortly.") { RetryAfter = TimeSpan.FromSeconds(1) };
        }
    }

    // Entries are the cluster's. A node that has just started is in it in a moment, another one may never be.
    private async Task<Refused?> WhyNotJoinedAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        if (Room.Nodes.IsMember(Room.Nodes.Self))
            return null;
        using var patience = new CancellationTokenSource(limit < Grace ? limit : Grace, Room.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            for (var changed = Room.Nodes.Changed; !Room.Nodes.IsMember(Room.Nodes.Self); changed = Room.Nodes.Changed)
                await changed.WaitAsync(either.Token);
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(RefusalCode.NodeUnreachable, $"{NotInCluster}: ask another node, or try again shortly.") { RetryAfter = TimeSpan.FromSeconds(1) };
        }
    }

    // Each page holds the smallest ids of its node, so the smallest of all are among them.
    private static TubePage Merge(IReadOnlyList<TubePage> pages, int limit)
    {
        var all = pages.SelectMany(p => p.Items).OrderBy(t => t.TubeId.ToString(), StringComparer.Ordinal).ToArray();
        TubeSnapshot[] items = [.. all.Take(limit)];
        var hasMore = all.Length > limit || pages.Any(p => p.NextCursor is not null);
        return new([.. items], hasMore && items.Length > 0 ? items[^1].TubeId : null);
    }
}
