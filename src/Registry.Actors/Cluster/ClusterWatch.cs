using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Registry.Actors.Hosting;
using Registry.Actors.Signals;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Cluster;

/// <summary>
/// What happens to the tubes of all nodes, for one watcher: a watch of each node, merged. A position names where the watcher stands in each node's changes, such as
/// <c>1a2b3c4d-17.5e6f7a8b-3</c>; a node that it does not name is listed.
/// </summary>
internal sealed class ClusterWatch(ClusterRegistry registry, ClusterRoomContext room, TubeRegistryNode here)
{
    // A watcher that does not read holds up its own watches only.
    private readonly Channel<(NodeAddress Node, RegistryEvent Event)> merged = Channel.CreateBounded<(NodeAddress, RegistryEvent)>(64);
    private readonly Dictionary<NodeAddress, string> positions = [];

    public async IAsyncEnumerable<RegistryEvent> ReadAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = WatchNodesAsync(after?.Split('.') ?? [], stop.Token);
        try
        {
            await foreach (var (node, change) in merged.Reader.ReadAllAsync(stop.Token))
                yield return WithPosition(node, change);
            await watching; // says why the reading ended
        }
        finally
        {
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private RegistryEvent WithPosition(NodeAddress node, RegistryEvent change)
    {
        if (change.Position is not { } position)
            return change;
        positions[node] = position;
        var all = string.Join('.', positions.Where(p => room.Nodes.IsMember(p.Key)).Select(p => p.Value));
        return change switch
        {
            TubesListed listed => listed with { Position = all },
            TubeSignalled signalled => signalled with { Position = all },
            _ => change,
        };
    }

    // One watch for each node, as nodes come.
    private async Task WatchNodesAsync(IReadOnlyList<string> after, CancellationToken cancellationToken)
    {
        var watches = new Dictionary<NodeAddress, Task>();
        try
        {
            while (true)
            {
                var changed = room.Nodes.Changed;
                foreach (var node in room.Nodes.Members.Append(room.Nodes.Self).Where(n => !watches.ContainsKey(n)).Distinct().ToArray())
                    watches.Add(node, node == room.Nodes.Self ? WatchHereAsync(after, cancellationToken) : WatchThereAsync(node, after, cancellationToken));
                var ended = await Task.WhenAny([changed.WaitAsync(cancellationToken), .. watches.Values.Where(w => !w.IsCompletedSuccessfully)]);
                await ended;
            }
        }
        catch (Exception e)
        {
            merged.Writer.TryComplete(e);
            throw;
        }
        finally
        {
            foreach (var watch in watches.Values)
                await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WatchHereAsync(IReadOnlyList<string> after, CancellationToken cancellationToken)
    {
        var own = after.FirstOrDefault(p => p.StartsWith(here.Events.Run, StringComparison.Ordinal));
        await foreach (var change in here.Events.WatchAsync(own, cancellationToken))
            await merged.Writer.WriteAsync((room.Nodes.Self, change), cancellationToken);
    }

    private async Task WatchThereAsync(NodeAddress node, IReadOnlyList<string> after, CancellationToken cancellationToken)
    {
        var tubes = new Dictionary<TubeId, KnownTube>();
        var (run, last) = (default(string), 0L);
        while (!room.Nodes.LossOf(node).IsCancellationRequested)
        {
            var reply = await registry.TryAskAsync(node, new ReadEvents(run, last, room.Settings.LongPoll), room.Settings.LongPoll + room.Settings.Try, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (reply is not EventsRead read)
            {
                await Task.Delay(room.Settings.AskAgain, room.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            // The first answer says which run it is; the watcher may know where it stands in it.
            if (run is null && NumberIn(after, read.Run) is { } known && await ListAsync(node, read, tubes, isTold: false, cancellationToken))
                (run, last) = (read.Run, known);
            else if (read.Missed && await ListAsync(node, read, tubes, isTold: true, cancellationToken))
                (run, last) = (read.Run, read.LastSequence);
            else if (!read.Missed)
                last = await PassOnAsync(node, read, last, tubes, cancellationToken);
        }

        foreach (var tube in tubes.Values)
            foreach (var signal in tube.LostWith(room.Nodes.NameOf(node), room.Time.GetUtcNow()))
                await merged.Writer.WriteAsync((node, new TubeSignalled(RegistryEventLog.PositionOf(run ?? "", last), signal)), cancellationToken);
    }

    private async Task<long> PassOnAsync(NodeAddress node, EventsRead read, long last, Dictionary<TubeId, KnownTube> tubes, CancellationToken cancellationToken)
    {
        foreach (var signal in read.Changes)
        {
            if (signal is TubeClosed)
                tubes.Remove(signal.TubeId);
            else
                Of(tubes, signal.TubeId).Learn(signal);
            await merged.Writer.WriteAsync((node, new TubeSignalled(RegistryEventLog.PositionOf(read.Run, ++last), signal)), cancellationToken);
        }

        return read.LastSequence;
    }

    // What lives must be known, so that it can be said when the node is lost; the watcher is told unless it knows.
    private async Task<bool> ListAsync(NodeAddress node, EventsRead read, Dictionary<TubeId, KnownTube> tubes, bool isTold, CancellationToken cancellationToken)
    {
        tubes.Clear();
        TubeId? cursor = null;
        do
        {
            if (await registry.TryAskAsync(node, new ListTubes(new() { Limit = TubeQuery.MaxLimit, Cursor = cursor }), room.Settings.Try * 5, cancellationToken) is not TubesRead { Page: var page })
                return false;
            foreach (var tube in page.Items.Where(t => t.State != TubeState.Closed))
            {
                var one = Of(tubes, tube.TubeId);
                one.Learn(tube);
                one.GoOnAfter(tube.LastSignal);
                if (isTold)
                    await merged.Writer.WriteAsync((node, new TubeListed(tube)), cancellationToken);
            }

            cursor = page.NextCursor;
        }
        while (cursor is not null);
        if (isTold)
            await merged.Writer.WriteAsync((node, new TubesListed(RegistryEventLog.PositionOf(read.Run, read.LastSequence), room.Nodes.NameOf(node))), cancellationToken);
        return true;
    }

    private static KnownTube Of(Dictionary<TubeId, KnownTube> tubes, TubeId id)
    {
        if (!tubes.TryGetValue(id, out var tube))
            tubes.Add(id, tube = new(id, 0));
        return tube;
    }

    private static long? NumberIn(IReadOnlyList<string> positions, string run)
    {
        foreach (var position in positions)
            if (position.Split('-') is [var ofRun, var digits] && ofRun == run && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                return number;
        return null;
    }
}
