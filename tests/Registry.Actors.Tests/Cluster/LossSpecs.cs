using Registry.Messages;

namespace Registry.Actors.Tests.Cluster;

/// <summary>Nodes that crash, leave and come.</summary>
[Collection(nameof(InProcessCluster))]
public sealed class LossSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task When_a_node_crashes_its_tubes_are_reported_lost_once_and_can_be_made_again_and_all_others_stay()
    {
        await using var cluster = await InProcessCluster.StartAsync(3);
        var tubes = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => cluster[0].CreateAsync($"c-{i}")));
        var victim = cluster[1];
        var lost = tubes.Where(t => t.Node == victim.Node.Name).ToArray();
        var kept = tubes.Except(lost).ToArray();
        lost.Length.ShouldBeInRange(1, 59);
        var readers = lost.Select(t => CollectAsync(cluster[2].Registry.Signals(t.TubeId))).ToArray();
        await using var watch = cluster[0].Registry.WatchAsync().GetAsyncEnumerator();
        for (var listed = 0; listed < 3;)
        {
            await watch.MoveNextAsync();
            listed += watch.Current is TubesListed ? 1 : 0;
        }

        using var inbox = Akka.Actor.Inbox.Create(cluster[0].System);
        cluster[0].Asked.Tell(new SubscribeSignals(lost[0].TubeId) { Window = 1 }, inbox.Receiver);
        (await inbox.ReceiveAsync(Patience)).ShouldBe(Done.Instance);
        ((TubeSignal)await inbox.ReceiveAsync(Patience)).Sequence.ShouldBe(1);
        // Its last report, which comes a moment after its last tube.
        await ClusterSpecs.EventuallyAsync(() => (cluster[0].Registry.Nodes.Single(n => n.Node == victim.Node.Name).Capacity?.Tubes).ShouldBe(lost.Length));

        await victim.CrashAsync();

        foreach (var reader in readers)
        {
            var signals = await reader.WaitAsync(Patience);
            signals.OfType<ChannelClosed>().ShouldHaveSingleItem().Reason.ShouldBe(CloseReason.ConnectionLost);
            signals[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.ConnectionLost);
            signals.Select(s => s.Sequence).ShouldBe(Enumerable.Range(1, signals.Count).Select(i => (long)i));
        }

        // One that waits at its window hears of it when it goes on.
        cluster[0].Asked.Tell(new SubscribeSignals(lost[0].TubeId, 1), inbox.Receiver);
        (await inbox.ReceiveAsync(Patience)).ShouldBe(Done.Instance);
        var told = new List<TubeSignal>();
        do
            told.Add((TubeSignal)await inbox.ReceiveAsync(Patience));
        while (told[^1] is not TubeClosed);
        told.Select(s => s.Sequence).ShouldBe(Enumerable.Range(2, told.Count).Select(i => (long)i));
        ((TubeClosed)told[^1]).Reason.ShouldBe(CloseReason.ConnectionLost);

        var reported = new List<TubeId>();
        while (reported.Count < lost.Length)
        {
            (await watch.MoveNextAsync().AsTask().WaitAsync(Patience)).ShouldBeTrue();
            if (watch.Current is TubeSignalled { Signal: TubeClosed { Reason: CloseReason.ConnectionLost } closed })
                reported.Add(closed.TubeId);
        }

        reported.ShouldBe(lost.Select(t => t.TubeId), ignoreOrder: true);
        (await watch.MoveNextAsync()).ShouldBeTrue();
        watch.Current.ShouldBeOfType<TubesListed>().Node.ShouldBe(victim.Node.Name); // nothing is left of it
        await ClusterSpecs.EventuallyAsync(async () =>
        {
            (await cluster[0].Registry.ListTubesAsync(new() { State = TubeState.Closed })).ShouldBeOfType<TubesRead>().Page.ShouldSatisfyAllConditions(
                p => p.Items.ShouldBeEmpty(), p => p.IncompleteNodes.ShouldBe([victim.Node.Name]));
            (await cluster[0].Registry.ListTubesAsync(new())).ShouldBeOfType<TubesRead>().Page.IncompleteNodes.ShouldBeEmpty();
        });
        cluster[0].Room.Nodes.LostLately.ShouldHaveSingleItem().Tubes.ShouldBe(lost.Length);
        foreach (var tube in kept)
            (await cluster[0].Registry.FindConversationAsync(tube.ConversationId)).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(tube.TubeId);
        foreach (var again in await Task.WhenAll(lost.Select(t => cluster[2].CreateAsync(t.ConversationId.ToString()))))
            again.Node.ShouldNotBe(victim.Node.Name);
        new[] { cluster[0], cluster[2] }.SelectMany(n => n.Conversations).ShouldBeUnique();
        new[] { cluster[0], cluster[2] }.Sum(n => n.Room.SupersededTubes).ShouldBe(0);
    }

    [Fact]
    public async Task A_new_node_takes_no_tube_away_and_gets_the_next_ones()
    {
        await using var cluster = await InProcessCluster.StartAsync(2);
        var tubes = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => cluster[0].CreateAsync($"c-{i}")));

        var newcomer = await cluster.AddAsync();
        var further = await Task.WhenAll(Enumerable.Range(0, 15).Select(i => cluster[1].CreateAsync($"d-{i}")));

        further.Count(t => t.Node == newcomer.Node.Name).ShouldBeGreaterThanOrEqualTo(12);
        foreach (var tube in tubes)
            (await newcomer.Registry.FindConversationAsync(tube.ConversationId)).ShouldBeOfType<TubeFound>().Snapshot.ShouldSatisfyAllConditions(
                s => s.TubeId.ShouldBe(tube.TubeId), s => s.Node.ShouldBe(tube.Node));
    }

    [Fact]
    public async Task A_node_that_leaves_hands_its_entries_over_and_no_create_meanwhile_is_refused()
    {
        await using var cluster = await InProcessCluster.StartAsync(3);
        var tubes = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => cluster[0].CreateAsync($"c-{i}")));
        var leaver = cluster[2];
        foreach (var tube in tubes.Where(t => t.Node == leaver.Node.Name))
            await leaver.Registry.CloseTubeAsync(new(tube.TubeId, CloseReason.NodeStopped));
        leaver.Node.Admission.Drain(DateTimeOffset.MaxValue);
        var creating = Task.Run(async () =>
        {
            var made = new List<TubeCreated>();
            for (var i = 0; i < 100; i++)
            {
                made.Add(await cluster[i % 2].CreateAsync($"during-{i}"));
                await Task.Delay(20);
            }

            return made;
        });

        await Akka.Actor.CoordinatedShutdown.Get(leaver.System).Run(Akka.Actor.CoordinatedShutdown.ClusterLeavingReason.Instance);

        (await creating.WaitAsync(Patience)).ShouldAllBe(t => t.Node != leaver.Node.Name);
        foreach (var tube in tubes.Where(t => t.Node != leaver.Node.Name))
            (await cluster[1].Registry.FindConversationAsync(tube.ConversationId)).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(tube.TubeId);
        cluster.Nodes.SelectMany(n => n.Room.Nodes.LostLately).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_questions_of_two_runs_are_not_numbered_alike()
    {
        await using var first = await InProcessCluster.StartAsync(1);
        await using var second = await InProcessCluster.StartAsync(1);

        string[] askers = [.. new[] { first, second }.Select(run => ((Akka.Actor.ExtendedActorSystem)run[0].System).Provider.TempPath().Name)];

        askers.ShouldBeUnique(string.Join(", ", askers));
    }

    private static async Task<List<TubeSignal>> CollectAsync(IAsyncEnumerable<TubeSignal> signals)
    {
        var list = new List<TubeSignal>();
        await foreach (var signal in signals)
            list.Add(signal);
        return list;
    }
}
