using System.Net;
using System.Text.Json;
using Registry.Actors;
using Registry.Host.Serving;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>Whatever can be asked of a gateway can be asked of each, wherever the tube lives.</summary>
[Collection(nameof(SharedCluster))]
public sealed class AnyNodeTests(SharedCluster shared, ITestOutputHelper log) : IAsyncLifetime
{
    private const string Owner = "any-node";
    private readonly List<MadeTube> tubes = [];

    private IReadOnlyList<ClusterProcess> Nodes => shared.Cluster.Running;

    /// <summary>Each node with a tube that is another's.</summary>
    private IEnumerable<(ClusterProcess Asked, MadeTube Tube)> Elsewhere =>
        Nodes.Select((node, index) => (node, tubes.First(t => t.Node == Nodes[(index + 1) % Nodes.Count].Name)));

    public async Task InitializeAsync()
    {
        // Until each node has one: where a tube goes is the cluster's choice.
        while (!Nodes.All(node => tubes.Any(t => t.Node == node.Name)))
        {
            tubes.Count.ShouldBeLessThan(200, "some node gets no tube");
            tubes.Add(await Nodes[tubes.Count % Nodes.Count].CreateAsync($"any-{Guid.NewGuid():N}", Owner));
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var tube in tubes)
            await Nodes[0].SendAsync(HttpMethod.Delete, $"/v1/tubes/{tube.TubeId}");
    }

    [Fact]
    public async Task A_tube_is_found_by_its_id_and_by_its_conversation()
    {
        foreach (var (asked, tube) in Elsewhere)
        {
            var found = await asked.GetAsync($"/v1/tubes/{tube.TubeId}");
            (found["tubeId"], found["node"], found["owner"], found["state"]).ShouldBe((tube.TubeId, tube.Node, Owner, "connecting"), found.ToString());
            var where = await asked.GetAsync($"/v1/conversations/{tube.ConversationId}");
            (where["conversationId"], where["tubeId"], where["node"]).ShouldBe((tube.ConversationId, tube.TubeId, tube.Node), where.ToString());

            (await asked.GetAsync("/v1/tubes/none-such")).Code.ShouldBe("tube_not_found");
            (await asked.GetAsync("/v1/conversations/none-such")).Code.ShouldBe("conversation_not_found");
        }
    }

    [Fact]
    public async Task A_conversation_that_lives_elsewhere_is_not_created_again_and_its_tube_is_named()
    {
        foreach (var (asked, tube) in Elsewhere)
        {
            var answer = await asked.TryCreateAsync(tube.ConversationId);
            (answer.Status, answer.Code, answer["tubeId"]).ShouldBe((HttpStatusCode.Conflict, "conversation_exists", tube.TubeId), answer.ToString());
        }
    }

    [Fact]
    public async Task A_peer_connects_through_a_node_that_does_not_have_the_tube()
    {
        await using var peer = await InProcessRegistry.StartAsync(new() { PeerConnections = new() { SocketPerConnection = true } });
        foreach (var asked in Nodes)
        {
            var created = await asked.TryCreateAsync($"peer-{Guid.NewGuid():N}", Owner);
            created.Status.ShouldBe(HttpStatusCode.Created, created.ToString());
            var tube = new MadeTube(created["tubeId"]!, created["conversationId"]!, created["node"]!);
            tubes.Add(tube);
            var through = Nodes.First(node => node.Name != tube.Node);
            await ConnectAsync(peer.Registry, through, tube, created["offer"]!);
            foreach (var node in Nodes)
                (await node.ListAsync($"state=ready&owner={Owner}&filter={tube.ConversationId}&")).ShouldHaveSingleItem().TubeId.ShouldBe(tube.TubeId);
        }
    }

    [Fact]
    public async Task Signalling_that_is_wrong_is_refused_as_it_is_by_the_tubes_own_node()
    {
        foreach (var (asked, tube) in Elsewhere)
        {
            (await asked.SendAsync(HttpMethod.Post, $"/v1/tubes/{tube.TubeId}/candidates", new { candidates = new[] { "no candidate" } })).Code.ShouldBe("invalid_candidate");
            (await asked.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube.TubeId}/remote-description", new { type = "answer", sdp = "bm8gc2Rw" })).Code.ShouldBe("invalid_sdp");
            (await asked.SendAsync(HttpMethod.Post, "/v1/tubes/none-such/candidates", new { candidates = new[] { "" } })).Code.ShouldBe("tube_not_found");
        }
    }

    [Fact]
    public async Task A_further_conversation_is_put_under_a_tube_found_from_everywhere_and_closed_alone()
    {
        foreach (var (asked, tube) in Elsewhere)
        {
            var further = $"further-{Guid.NewGuid():N}";
            var put = await asked.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube.TubeId}/conversations/{further}");
            put.Status.ShouldBe(HttpStatusCode.NoContent, put.ToString());
            foreach (var node in Nodes)
                (await node.GetAsync($"/v1/conversations/{further}"))["tubeId"].ShouldBe(tube.TubeId);
            var other = tubes.First(t => t.Node != tube.Node);
            var taken = await asked.SendAsync(HttpMethod.Put, $"/v1/tubes/{other.TubeId}/conversations/{further}");
            (taken.Code, taken["tubeId"]).ShouldBe(("conversation_exists", tube.TubeId), taken.ToString());

            (await asked.SendAsync(HttpMethod.Delete, $"/v1/conversations/{further}?reason=Client")).Status.ShouldBe(HttpStatusCode.NoContent);
            foreach (var node in Nodes)
                await Eventually.HoldsAsync(async () => (await node.GetAsync($"/v1/conversations/{further}")).Code == "conversation_not_found", $"{node.Name} no longer finds {further}");
            (await asked.GetAsync($"/v1/conversations/{tube.ConversationId}"))["tubeId"].ShouldBe(tube.TubeId);
        }
    }

    [Fact]
    public async Task The_list_is_the_same_at_every_node_whatever_it_is_asked_for()
    {
        var all = tubes.Select(t => t.TubeId).Order(StringComparer.Ordinal).ToArray();
        foreach (var node in Nodes)
        {
            (await node.ListAsync($"owner={Owner}&")).Select(t => t.TubeId).ShouldBe(all);
            (await node.ListAsync($"owner={Owner}&", limit: 1)).Select(t => t.TubeId).ShouldBe(all);
            (await node.ListAsync($"owner={Owner}&state=connecting&", limit: 2)).Select(t => t.TubeId).ShouldBe(all);
            (await node.ListAsync($"owner={Owner}&state=ready&")).ShouldBeEmpty();
            (await node.ListAsync("owner=none-such&")).ShouldBeEmpty();
            foreach (var tube in tubes)
            {
                (await node.ListAsync($"filter={tube.ConversationId}&")).ShouldHaveSingleItem().TubeId.ShouldBe(tube.TubeId);
                (await node.ListAsync($"filter={tube.TubeId}&")).ShouldHaveSingleItem().Node.ShouldBe(tube.Node);
            }
        }
    }

    [Fact]
    public async Task A_closed_tube_is_gone_from_every_list_and_its_signals_go_on_after_the_last_one_seen()
    {
        foreach (var (asked, tube) in Elsewhere)
        {
            List<ReceivedEvent> all;
            await using (var open = await EventReader.OfTubeAsync(asked, tube.TubeId))
            {
                all = await open.UntilAsync(e => e.Text("state") == "connecting");
                await asked.CloseAsync(tube.TubeId);
                all.AddRange(await open.RestAsync());
            }

            all.Select(e => e.Id).ShouldBe(Enumerable.Range(1, all.Count).Select(i => $"{i}"));
            all.Count(e => e.Kind == "channel_closed").ShouldBe(1);
            (all[^1].Kind, all[^1].Reason).ShouldBe(("tube_closed", "Client"));
            foreach (var node in Nodes)
            {
                foreach (var seen in new[] { 1, all.Count / 2, all.Count - 1 })
                {
                    await using var again = await EventReader.OfTubeAsync(node, tube.TubeId, lastEventId: $"{seen}");
                    (await again.RestAsync()).Select(e => (e.Id, e.Kind)).ShouldBe(all.Skip(seen).Select(e => (e.Id, e.Kind)));
                }

                await node.CloseAsync(tube.TubeId);
                (await node.GetAsync($"/v1/tubes/{tube.TubeId}"))["state"].ShouldBe("closed");
                (await node.ListAsync($"filter={tube.TubeId}&")).ShouldBeEmpty();
                (await node.GetAsync($"/v1/conversations/{tube.ConversationId}")).Code.ShouldBe("conversation_not_found");
            }
        }
    }

    [Fact]
    public async Task A_watcher_of_all_tubes_goes_on_at_another_node_with_just_what_it_missed()
    {
        foreach (var (first, index) in Nodes.Select((node, index) => (node, index)))
        {
            var second = Nodes[(index + 1) % Nodes.Count];
            string? position;
            await using (var watcher = await EventReader.FromNowAsync(first, Nodes.Count))
            {
                var marked = await first.CreateAsync($"marked-{Guid.NewGuid():N}", Owner);
                await first.CloseAsync(marked.TubeId);
                position = (await watcher.UntilAsync(e => e.Kind == "tube_closed" && e.TubeId == marked.TubeId))[^1].Id;
            }

            // One on each node, at least.
            var missed = new List<MadeTube>();
            while (!Nodes.All(node => missed.Any(t => t.Node == node.Name)))
            {
                missed.Count.ShouldBeLessThan(200, "some node gets no tube");
                missed.Add(await first.CreateAsync($"missed-{Guid.NewGuid():N}", Owner));
            }

            foreach (var tube in missed)
                await first.CloseAsync(tube.TubeId);

            await using var again = await EventReader.OfAllTubesAsync(second, position);
            var open = missed.Select(t => t.TubeId).ToHashSet();
            var told = await again.UntilAsync(e => e.Kind == "tube_closed" && open.Remove(e.TubeId!) && open.Count == 0);
            told.ShouldAllBe(e => e.Kind != "tube" && e.Kind != "tubes_listed" && missed.Any(t => t.TubeId == e.TubeId));
            foreach (var tube in missed)
                told.Where(e => e.TubeId == tube.TubeId).Select(e => e.Text("state") ?? e.Kind).ShouldBe(["initializing", "connecting", "closing", "channel_closed", "tube_closed"], tube.Node);
            log.WriteLine($"{told.Count} events read at {first.Name} were continued at {second.Name}");
        }
    }

    /// <summary>Connects a peer of this process, all signalling going through one node.</summary>
    private static async Task ConnectAsync(ITubeRegistry peer, ClusterProcess through, MadeTube tube, string offer)
    {
        var local = (await peer.CreateAsync(new(new ConversationId(tube.ConversationId), new EchoSettings()) { Offer = offer })).ShouldBeOfType<TubeCreated>();
        var described = await through.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube.TubeId}/remote-description", new { type = "answer", sdp = local.Answer });
        described.Status.ShouldBe(HttpStatusCode.NoContent, described.ToString());
        using var stop = new CancellationTokenSource(ClusterProcess.Patience);
        var outwards = Task.Run(async () =>
        {
            await foreach (var found in peer.Signals(local.TubeId, 0, stop.Token).OfType<IceCandidateFound>())
                (await through.SendAsync(HttpMethod.Post, $"/v1/tubes/{tube.TubeId}/candidates", new { candidates = new[] { found.Candidate } })).Status.ShouldBe(HttpStatusCode.NoContent);
        });
        await using (var signals = await EventReader.OfTubeAsync(through, tube.TubeId))
        {
            await signals.UntilAsync(e =>
            {
                if (e.Text("candidate") is { } candidate)
                    _ = peer.AddCandidatesAsync(new(local.TubeId, [candidate]));
                return e.Text("state") == "ready";
            });
        }

        await stop.CancelAsync();
        await outwards.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
