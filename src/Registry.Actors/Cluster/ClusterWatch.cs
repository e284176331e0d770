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
/// <c>10.0.0.1:4053=1a2b3c4d-17,10.0.0.2:4053=5e6f7a8b-3</c>; a node that it does not name is listed, and one that is gone is listed as empty.
/// </summary>
internal sealed class ClusterWatch(ClusterRegistry registry, ClusterRoomContext room, TubeRegistryNode here)
{
    // A watcher that does not read holds up its own watches only.
    private readonly Channel<Told> merged = Channel.CreateBounded<Told>(64);
    private readonly Dictionary<string, string> positions = [];

    public async IAsyncEnumerable<RegistryEvent> ReadAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = WatchNodesAsync(ReadPositions(after), stop.Token);
        try
        {
            await foreach (var told in merged.Reader.ReadAllAsync(stop.Token))
                if (WithPosition(told) is { } change)
                    yield return change;
            await watching; // says why the reading ended
        }
        finally
        {
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static Dictionary<string, string> ReadPositions(string? text)
    {
        var positions = new Dictionary<string, string>();
        foreach (var one in text?.Split(',') ?? [])
            if (one.Split('=') is [var node, var position])
                positions[node] = position;
        return positions;
    }

    private RegistryEvent? WithPosition(Told told)
    {
        if (told.Position is { } position)
            positions[told.Node] = position;
        else if (told.IsLast)
            positions.Remove(told.Node);
        var all = positions.Count == 0 ? null : string.Join(',', positions.Select(p => $"{p.Key}={p.Value}"));
        return told.Event switch
        {
            TubesListed listed => listed with { Position = all },
            TubeSignalled signalled => signalled with { Position = all! },
            var change => change,
        };
    }

    // One watch for each node, as nodes come.
    private async Task WatchNodesAsync(Dictionary<string, string> after, CancellationToken cancellationToken)
    {
        var watches = new Dictionary<NodeAddress, Task>();
        try
        {
            var names = room.Nodes.Members.Select(room.Nodes.NameOf).Append(here.Name).ToHashSet();
            foreach (var gone in after.Keys.Where(name => !names.Contains(name)))
                await TellGoneAsync(gone, cancellationToken);
            while (true)
            {
                var changed = room.Nodes.Changed;
                foreach (var node in room.Nodes.Members.Append(room.Nodes.Self).Where(n => !watches.ContainsKey(n)).Distinct().ToArray())
                    watches.Add(node, node == room.Nodes.Self ? WatchHereAsync(after.GetValueOrDefault(here.Name), cancellationToken) : WatchThereAsync(node, after, cancellationToken));
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

    private async Task WatchHereAsync(string? after, CancellationToken cancellationToken)
    {
        if (after is not null)
            await merged.Writer.WriteAsync(new(here.Name, after, null), cancellationToken); // until a change or a list says another
        await foreach (var change in here.Events.WatchAsync(after, cancellationToken))
            await merged.Writer.WriteAsync(new(here.Name, change.Position, change), cancellationToken);
    }

    private async Task WatchThereAsync(NodeAddress node, Dictionary<string, string> after, CancellationToken cancellationToken)
    {
        Dictionary<TubeId, KnownTube> tubes = [];
        var name = room.Nodes.NameOf(node);
        var (run, last) = (default(string), 0L);
        while (!room.Nodes.LossOf(node).IsCancellationRequested)
        {
            var reply = await registry.TryAskAsync(node, new ReadEvents(run, last, room.Settings.LongPoll), room.Settings.LongPoll + room.Settings.Try, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (reply is not EventsRead read)
            {
                if (room.Nodes.LossOf(node).IsCancellationRequested)
                    break;
                await Task.Delay(room.Settings.AskAgain, room.Time, cancellationToken);
                continue;
            }

            name = room.Nodes.NameOf(node);
            // The first answer says which run it is; the watcher may know where it stands in it.
            if (run is null && NumberIn(after.GetValueOrDefault(name), read.Run) is { } known && await ListAsync(node, tell: null, cancellationToken) is { } living)
            {
                (run, last, tubes) = (read.Run, known, living);
                await merged.Writer.WriteAsync(new(name, RegistryEventLog.PositionOf(run, last), null), cancellationToken);
            }
            else if (read.Missed && await ListAsync(node, tell: name, cancellationToken) is { } listed)
            {
                (run, last, tubes) = (read.Run, read.LastSequence, listed);
                var position = RegistryEventLog.PositionOf(run, last);
                await merged.Writer.WriteAsync(new(name, position, new TubesListed(position, name)), cancellationToken);
            }
            else if (!read.Missed)
            {
                last = await PassOnAsync(name, read, last, tubes, cancellationToken);
            }
        }

        foreach (var tube in tubes.Values)
            foreach (var signal in tube.LostWith(name, room.Time.GetUtcNow()))
                await merged.Writer.WriteAsync(new(name, RegistryEventLog.PositionOf(run ?? "", last), new TubeSignalled("", signal)), cancellationToken);
        await TellGoneAsync(name, cancellationToken);
    }

    private ValueTask TellGoneAsync(string name, CancellationToken cancellationToken) =>
        merged.Writer.WriteAsync(new(name, null, new TubesListed(null, name), IsLast: true), cancellationToken);

    private async Task<long> PassOnAsync(string node, EventsRead read, long last, Dictionary<TubeId, KnownTube> tubes, CancellationToken cancellationToken)
    {
        foreach (var signal in read.Changes)
        {
            if (signal is TubeClosed)
                tubes.Remove(signal.TubeId);
            else
                Of(tubes, signal.TubeId).Learn(signal);
            var position = RegistryEventLog.PositionOf(read.Run, ++last);
            await merged.Writer.WriteAsync(new(node, position, new TubeSignalled(position, signal)), cancellationToken);
        }

        return read.LastSequence;
    }

    // What lives must be known, so that it can be said when the node is lost; the watcher is told unless it knows.
    private async Task<Dictionary<TubeId, KnownTube>?> ListAsync(NodeAddress node, string? tell, CancellationToken cancellationToken)
    {
        var tubes = new Dictionary<TubeId, KnownTube>();
        TubeId? cursor = null;
        do
        {
            if (await registry.TryAskAsync(node, new ListTubes(new() { Limit = TubeQuery.MaxLimit, Cursor = cursor }), room.Settings.Try * 5, cancellationToken) is not TubesRead { Page: var page })
                return null;
            foreach (var tube in page.Items.Where(t => t.State != TubeState.Closed))
            {
                var one = Of(tubes, tube.TubeId);
                one.Learn(tube);
                one.GoOnAfter(tube.LastSignal);
                if (tell is not null)
                    await merged.Writer.WriteAsync(new(tell, null, new TubeListed(tube)), cancellationToken);
            }

            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return tubes;
    }

    private static KnownTube Of(Dictionary<TubeId, KnownTube> tubes, TubeId id)
    {
        if (!tubes.TryGetValue(id, out var tube))
            tubes.Add(id, tube = new(id, 0));
        return tube;
    }

    private static long? NumberIn(string? position, string run) =>
        position?.Split('-') is [var ofRun, var digits] && ofRun == run && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>What a node's watch says.</summary>
    /// <param name="Node">The node's name.</param>
    /// <param name="Position">Where the watcher stands with it after this; null for where it stood.</param>
    /// <param name="Event">What the watcher is told; null for nothing.</param>
    /// <param name="IsLast">Whether the node is gone.</param>
    private readonly record struct Told(string Node, string? Position, RegistryEvent? Event, bool IsLast = false);
}
