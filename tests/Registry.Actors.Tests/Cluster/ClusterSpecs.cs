using Akka.Actor;
using Registry.Actors.Cluster.Conversations;
using Registry.Actors.Tests.Audit;
using Registry.Actors.Tests.Tracing;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Tests.Cluster;

/// <summary>One cluster of three for the tests that break nothing.</summary>
public sealed class ThreeNodes : IAsyncLifetime
{
    internal InProcessCluster Cluster { get; private set; } = null!;

    internal RecordingAudit Audit { get; } = new();

    public async Task InitializeAsync() => Cluster = await InProcessCluster.StartAsync(3, configure: options => options.Audit = Audit);

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>Any node can be asked about any tube.</summary>
[Collection(nameof(InProcessCluster))]
public sealed class ClusterSpecs(ThreeNodes fixture) : IClassFixture<ThreeNodes>, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly InProcessCluster cluster = fixture.Cluster;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var node in cluster.Nodes)
            foreach (var tube in node.Registry.Directory.List().ToArray())
                await node.Registry.CloseTubeAsync(new(tube.TubeId));
        await EventuallyAsync(() => cluster.Nodes.Sum(n => n.Node.Directory.ConversationCount).ShouldBe(0));
    }

    [Fact]
    public async Task A_tube_is_found_and_listed_the_same_from_every_node()
    {
        var created = await cluster[0].CreateAsync("found");
        foreach (var node in cluster.Nodes)
        {
            (await node.Registry.FindTubeAsync(created.TubeId)).ShouldBeOfType<TubeFound>().Snapshot.Node.ShouldBe(created.Node);
            (await node.Registry.FindConversationAsync(new("found"))).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(created.TubeId);
            var page = (await node.Registry.ListTubesAsync(new())).ShouldBeOfType<TubesRead>().Page;
            page.Items.ShouldHaveSingleItem().TubeId.ShouldBe(created.TubeId);
            page.IncompleteNodes.ShouldBeEmpty();
            (await node.Registry.FindTubeAsync(new("nobody"))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
            (await node.Registry.FindConversationAsync(new("nobody"))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.ConversationNotFound);
        }
    }

    [Fact]
    public async Task A_tube_is_another_owner_s_from_every_node()
    {
        var created = await cluster[0].CreateAsync("hers", c => c with { Owner = "alice", TubeId = new TubeId("hers") });
        foreach (var node in cluster.Nodes)
        {
            (await node.Registry.CreateAsync(new(new("theirs"), new EchoSettings()) { Owner = "bob", TubeId = created.TubeId })).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
            (await node.Registry.FindTubeAsync(created.TubeId)).ShouldBeOfType<TubeFound>().Snapshot.Conversations.ShouldHaveSingleItem().ConversationId.ShouldBe(new ConversationId("hers"));
        }
    }

    [Fact]
    public async Task A_trace_goes_along_with_a_create_to_the_node_that_makes_the_tube()
    {
        for (var i = 0; ; i++)
        {
            i.ShouldBeLessThan(50, "Every tube came to the node that was asked.");
            using var spans = new SpanListener();
            var created = await cluster[0].CreateAsync($"traced-{i}", c => c with { TraceParent = spans.TraceParent, TraceState = "vendor=1" });
            if (created.Node == cluster[0].Node.Name)
                continue;

            var place = await spans.EndedAsync("registry.place");
            place.ParentSpanId.ShouldBe(spans.Caller);
            var create = await spans.EndedAsync("registry.create");
            (create.ParentSpanId, create.HasRemoteParent, create.TraceStateString).ShouldBe((place.SpanId, true, "vendor=1"));
            create.GetTagItem("registry.node").ShouldBe(created.Node);
            (await spans.EndedAsync("registry.admit")).ParentSpanId.ShouldBe(create.SpanId);
            (await spans.EndedAsync("tube.make")).ParentSpanId.ShouldBe(create.SpanId);
            return;
        }
    }

    [Fact]
    public async Task Tubes_spread_over_the_nodes_by_load()
    {
        // A placement counts as a tube until its node's next report: those of the tests before this one must be over.
        await EventuallyAsync(() =>
        {
            var actual = cluster.Nodes.Select(n => n.Node.Admission.Read()).ToArray();
            cluster.Nodes.SelectMany(n => n.Registry.Nodes).ShouldAllBe(n => n.State == NodeState.Up && n.Capacity!.Tubes == 0 && actual.Contains(n.Capacity));
        });

        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => cluster[0].CreateAsync($"spread-{i}")));

        var counts = cluster.Nodes.Select(n => n.Registry.Directory.Count).ToArray();
        counts.ShouldAllBe(c => c >= 1, string.Join(", ", counts)); // evenly but for reports that are under way
    }

    [Fact]
    public async Task Every_command_works_from_every_node()
    {
        var near = await cluster[0].CreateAsync("near");
        foreach (var asked in cluster.Nodes)
        {
            var far = await asked.CreateAsync($"far-{asked.Address.Port}", c => c with { Offer = near.Offer });
            (await asked.Registry.AddCandidatesAsync(new(far.TubeId, ["nonsense"]))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.InvalidCandidate);
            (await asked.Registry.AddCandidatesAsync(new(far.TubeId, [""]))).ShouldBeOfType<Done>();
            (await asked.Registry.SetRemoteDescriptionAsync(new(far.TubeId, DescriptionType.Answer, "###"))).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.InvalidSdp);
            (await asked.Registry.ReadStatisticsAsync(far.TubeId)).ShouldBeOfType<StatisticsRead>().Statistics.Channels.ShouldHaveSingleItem().Type.ShouldBe("echo");
            (await asked.Asked.Ask<RegistryReply>(new ReadStatistics(far.TubeId))).ShouldBeOfType<StatisticsRead>();
            (await asked.Registry.AssociateAsync(new(far.TubeId, new("further")))).ShouldBeOfType<Done>();
            (await cluster[0].Registry.FindConversationAsync(new("further"))).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(far.TubeId);
            (await asked.Registry.AssociateAsync(new(near.TubeId, new("further")))).ShouldBeOfType<Refused>().ShouldSatisfyAllConditions(
                r => r.Code.ShouldBe(RefusalCode.ConversationExists), r => r.TubeId.ShouldBe(far.TubeId));
            (await asked.Registry.CloseConversationAsync(new(new("further")))).ShouldBeOfType<Done>();
            (await cluster[1].Registry.CloseConversationAsync(new(new("further")))).ShouldBeOfType<Done>();
            (await asked.Registry.CloseTubeAsync(new(far.TubeId, CloseReason.AIClosed) { Caller = "laptop" })).ShouldBeOfType<Done>();
            fixture.Audit.OfTube(far.TubeId).End.ClosedBy.ShouldBe("laptop");
            (await cluster[2].Registry.CloseTubeAsync(new(far.TubeId))).ShouldBeOfType<Done>();
            (await asked.Registry.ReadStatisticsAsync(far.TubeId)).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
            foreach (var reader in cluster.Nodes)
                (await reader.Registry.FindTubeAsync(far.TubeId)).ShouldBeOfType<TubeFound>().Snapshot.ShouldSatisfyAllConditions(s => s.CloseReason.ShouldBe(CloseReason.AIClosed), s => s.ClosedBy.ShouldBe("laptop"));
        }
    }

    [Fact]
    public async Task Any_node_takes_another_out_of_service_and_puts_it_back()
    {
        var (asked, drained) = (cluster[0], cluster[2]);

        (await asked.Registry.DrainAsync(drained.Node.Name, new())).ShouldBeOfType<CapacityRead>().Capacity.IsDraining.ShouldBeTrue();
        (cluster.Nodes.Select(n => n.Registry.Capacity.IsDraining)).ShouldBe([false, false, true]);
        (await asked.Registry.ResumeAsync(drained.Node.Name)).ShouldBeOfType<CapacityRead>().Capacity.IsDraining.ShouldBeFalse();
        (await asked.Registry.DrainAsync(asked.Node.Name, new())).ShouldBeOfType<CapacityRead>();
        asked.Registry.Capacity.IsDraining.ShouldBeTrue();
        (await asked.Registry.ResumeAsync(asked.Node.Name)).ShouldBeOfType<CapacityRead>();
        (await asked.Registry.DrainAsync("nobody", new())).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.NodeNotFound);
        await EventuallyAsync(() => cluster.Nodes.SelectMany(n => n.Registry.Nodes).ShouldAllBe(n => n.State == NodeState.Up));
    }

    [Fact]
    public async Task A_live_conversation_is_refused_on_every_node_and_the_tube_is_named()
    {
        var created = await cluster[0].CreateAsync("live");
        foreach (var node in cluster.Nodes)
            (await node.Registry.CreateAsync(new(new("live"), new EchoSettings()))).ShouldBeOfType<Refused>().ShouldSatisfyAllConditions(
                r => r.Code.ShouldBe(RefusalCode.ConversationExists), r => r.TubeId.ShouldBe(created.TubeId));
    }

    [Fact]
    public async Task A_request_key_is_answered_the_same_on_every_node()
    {
        var created = await cluster[0].CreateAsync("keyed", c => c with { RequestKey = "k" });
        foreach (var node in cluster.Nodes)
            (await node.CreateAsync("keyed", c => c with { RequestKey = "k" })).ShouldBe(created);
    }

    [Fact]
    public async Task Of_two_creates_of_one_conversation_at_two_nodes_exactly_one_makes_a_tube()
    {
        var superseded = cluster.Nodes.Sum(n => n.Room.SupersededTubes);
        for (var i = 0; i < 100; i++)
        {
            var id = new ConversationId($"race-{i}");
            var replies = await Task.WhenAll(cluster.Nodes.Select(n => n.Registry.CreateAsync(new(id, new EchoSettings()))));
            var made = replies.OfType<TubeCreated>().ShouldHaveSingleItem();
            replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.ConversationExists && r.TubeId == made.TubeId);
            (await cluster[i % 3].Registry.CloseTubeAsync(new(made.TubeId))).ShouldBeOfType<Done>();
        }

        cluster.Nodes.Sum(n => n.Room.SupersededTubes).ShouldBe(superseded);
    }

    [Fact]
    public async Task A_create_that_names_a_live_tube_opens_its_channel_on_the_tubes_node()
    {
        var created = await cluster[0].CreateAsync("first");
        var holder = cluster.Nodes.Single(n => n.Node.Name == created.Node);
        cluster.Peers.Connections[^1].Connect((Scripted.ScriptedPeerConnection)cluster.Peers.CreatePeerConnection());
        await EventuallyAsync(() => holder.Registry.Directory.List().ShouldContain(t => t.TubeId == created.TubeId && t.State == TubeState.Ready));
        var asked = cluster.Nodes.First(n => n != holder);

        var second = await asked.CreateAsync("second", c => c with { TubeId = created.TubeId });

        second.ShouldSatisfyAllConditions(s => s.TubeId.ShouldBe(created.TubeId), s => s.Node.ShouldBe(created.Node));
        (await asked.Registry.FindConversationAsync(new("second"))).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(created.TubeId);
    }

    [Fact]
    public async Task Signals_of_another_nodes_tube_come_in_order_with_their_numbers_and_can_be_resumed()
    {
        var created = await cluster[0].CreateAsync("signals");
        var far = cluster.Nodes.First(n => n.Node.Name != created.Node);
        var reading = CollectAsync(far.Registry.Signals(created.TubeId));

        await cluster[0].Registry.CloseTubeAsync(new(created.TubeId, CloseReason.Client));

        var signals = await reading.WaitAsync(Patience);
        signals.Select(s => s.Sequence).ShouldBe(Enumerable.Range(1, signals.Count).Select(i => (long)i));
        signals[^1].ShouldBeOfType<TubeClosed>().Reason.ShouldBe(CloseReason.Client);
        (await CollectAsync(far.Registry.Signals(created.TubeId, 2)).WaitAsync(Patience)).ShouldBe(signals.Skip(2));
    }

    [Fact]
    public async Task A_subscriber_by_ask_is_told_the_signals_of_another_nodes_tube_as_far_as_its_window()
    {
        var created = await cluster[0].CreateAsync("asked");
        var far = cluster.Nodes.First(n => n.Node.Name != created.Node);
        using var inbox = Inbox.Create(far.System);

        far.Asked.Tell(new SubscribeSignals(created.TubeId) { Window = 2 }, inbox.Receiver);

        (await inbox.ReceiveAsync(Patience)).ShouldBe(Done.Instance);
        ((TubeSignal)await inbox.ReceiveAsync(Patience)).Sequence.ShouldBe(1);
        ((TubeSignal)await inbox.ReceiveAsync(Patience)).Sequence.ShouldBe(2);
        await far.Registry.CloseTubeAsync(new(created.TubeId));
        far.Asked.Tell(new SubscribeSignals(created.TubeId, 2), inbox.Receiver);
        (await inbox.ReceiveAsync(Patience)).ShouldBe(Done.Instance);
        TubeSignal signal;
        do
            signal = (TubeSignal)await inbox.ReceiveAsync(Patience);
        while (signal is not TubeClosed);
        far.Asked.Tell(new SubscribeSignals(new("nobody")), inbox.Receiver);
        (await inbox.ReceiveAsync(Patience)).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.TubeNotFound);
    }

    [Fact]
    public async Task An_id_that_is_used_again_on_another_node_means_the_live_tube_wherever_it_is_asked_for()
    {
        var id = new TubeId("again");
        var first = await cluster[0].CreateAsync("again-1", c => c with { TubeId = id });
        await cluster[0].Registry.CloseTubeAsync(new(id, CloseReason.AIClosed));
        cluster.Nodes.Single(node => node.Node.Name == first.Node).Node.Admission.Drain(DateTimeOffset.MaxValue); // so that it is placed elsewhere
        await EventuallyAsync(() => cluster.Nodes.ShouldAllBe(n => n.Registry.Nodes.Single(o => o.Node == first.Node).State == NodeState.Draining));

        var second = await cluster[1].CreateAsync("again-2", c => c with { TubeId = id });

        second.Node.ShouldNotBe(first.Node);
        foreach (var node in cluster.Nodes)
        {
            node.Node.Admission.Resume();
            (await node.Registry.FindTubeAsync(id)).ShouldBeOfType<TubeFound>().Snapshot.ShouldSatisfyAllConditions(s => s.Node.ShouldBe(second.Node), s => s.State.ShouldBe(TubeState.Connecting));
            (await node.Registry.AddCandidatesAsync(new(id, [""]))).ShouldBeOfType<Done>();
            await using var signals = node.Registry.Signals(id).GetAsyncEnumerator();
            (await signals.MoveNextAsync()).ShouldBeTrue();
            signals.Current.ShouldNotBeOfType<TubeClosed>();
        }

        (await cluster[0].Registry.CreateAsync(new(new("again-3"), new EchoSettings()) { TubeId = id, Timeout = TimeSpan.FromSeconds(1) })).ShouldBeOfType<Refused>().TubeId.ShouldBe(id); // a channel on it, whose peer is not there
        cluster.Nodes.Sum(n => n.Registry.Directory.List().Count(t => t.TubeId == id)).ShouldBe(1);
    }

    [Fact]
    public async Task A_watcher_that_comes_to_another_node_hears_that_the_tubes_of_one_that_is_gone_are_too()
    {
        await using var watch = cluster[0].Registry.WatchAsync("10.0.0.9:4053=deadbeef-3").GetAsyncEnumerator();

        (await NextAsync(watch)).ShouldBe(new TubesListed(null, "10.0.0.9:4053"));
    }

    [Fact]
    public async Task A_watcher_sees_the_tubes_of_all_nodes_and_goes_on_where_it_stood()
    {
        await using var watch = cluster[0].Registry.WatchAsync().GetAsyncEnumerator();
        var listed = new HashSet<string>();
        while (listed.Count < 3)
            if (await NextAsync(watch) is TubesListed one)
                listed.Add(one.Node);
        await Task.WhenAll(Enumerable.Range(0, 9).Select(i => cluster[1].CreateAsync($"watched-{i}")));
        var seen = new HashSet<TubeId>();
        RegistryEvent last;
        do
        {
            last = await NextAsync(watch);
            if (last is TubeSignalled { Signal: var signal })
                seen.Add(signal.TubeId);
        }
        while (seen.Count < 9);

        var (tube, _) = (seen.First(), await Task.WhenAll(seen.Select(t => cluster[2].Registry.CloseTubeAsync(new(t)))));
        await using var again = cluster[2].Registry.WatchAsync(last.Position).GetAsyncEnumerator();
        var closed = new HashSet<TubeId>();
        while (closed.Count < 9)
        {
            var change = await NextAsync(again);
            change.ShouldNotBeOfType<TubeListed>();
            if (change is TubeSignalled { Signal: TubeClosed end })
                closed.Add(end.TubeId);
        }

        closed.ShouldBe(seen, ignoreOrder: true);
    }

    [Fact]
    public async Task A_list_is_paged_in_a_stable_order_over_all_nodes()
    {
        await Task.WhenAll(Enumerable.Range(0, 25).Select(i => cluster[0].CreateAsync($"paged-{i}")));
        var ids = new List<string>();
        TubeId? cursor = null;
        do
        {
            var page = (await cluster[1].Registry.ListTubesAsync(new() { Limit = 4, Cursor = cursor })).ShouldBeOfType<TubesRead>().Page;
            page.Items.Length.ShouldBeLessThanOrEqualTo(4);
            ids.AddRange(page.Items.Select(t => t.TubeId.ToString()));
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        ids.Count.ShouldBe(25);
        ids.ShouldBe(ids.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_cancelled_create_leaves_nothing_on_any_node()
    {
        var hold = cluster.Peers.Hold("CreateOffer");
        using var cancel = new CancellationTokenSource();
        var create = cluster[0].Registry.CreateAsync(new(new("given-up"), new EchoSettings()), cancel.Token);
        await EventuallyAsync(() => cluster.Nodes.Sum(n => n.Registry.Directory.Count).ShouldBe(1));

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(create);
        await EventuallyAsync(() => cluster.Nodes.Sum(n => n.Registry.Directory.Count).ShouldBe(0));
        cluster.Peers.Mend("CreateOffer");
        hold.SetResult();
        (await cluster[1].CreateAsync("given-up")).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_second_tube_for_a_conversation_is_closed_and_counted()
    {
        var created = await cluster[0].CreateAsync("twice");
        var intruder = cluster.Nodes.First(n => n.Node.Name != created.Node);
        // Past the entry, as no client can.
        var second = (await new Hosting.TubeRegistryClient(intruder.System).CreateAsync(new(new("twice"), new EchoSettings()))).ShouldBeOfType<TubeCreated>();

        intruder.Room.NodeActor.Tell(Actors.Cluster.Nodes.Reannounce.Instance);

        await EventuallyAsync(() => intruder.Registry.Directory.TryGetClosed(second.TubeId, out var gone).ShouldBeTrue());
        intruder.Registry.Directory.TryGetClosed(second.TubeId, out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(CloseReason.Superseded);
        intruder.Room.SupersededTubes.ShouldBe(1);
        (await intruder.Registry.FindConversationAsync(new("twice"))).ShouldBeOfType<TubeFound>().Snapshot.TubeId.ShouldBe(created.TubeId);
    }

    private static async Task<List<TubeSignal>> CollectAsync(IAsyncEnumerable<TubeSignal> signals)
    {
        var list = new List<TubeSignal>();
        await foreach (var signal in signals)
            list.Add(signal);
        return list;
    }

    private static async Task<RegistryEvent> NextAsync(IAsyncEnumerator<RegistryEvent> watch)
    {
        (await watch.MoveNextAsync().AsTask().WaitAsync(Patience)).ShouldBeTrue();
        return watch.Current;
    }

    internal static Task EventuallyAsync(Action assert) => EventuallyAsync(() =>
    {
        assert();
        return Task.CompletedTask;
    });

    internal static async Task EventuallyAsync(Func<Task> assert)
    {
        for (var limit = DateTime.UtcNow + Patience; ; await Task.Delay(20))
        {
            try
            {
                await assert();
                return;
            }
            catch (ShouldAssertException) when (DateTime.UtcNow < limit)
            {
                // Looked at again.
            }
        }
    }
}
