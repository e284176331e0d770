using Akka.Actor;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Tests.Cluster;

/// <summary>The limits of all nodes together.</summary>
[Collection(nameof(InProcessCluster))]
public sealed class ClusterAdmissionSpecs
{
    [Fact]
    public async Task A_full_node_is_passed_over_and_only_a_full_cluster_refuses_with_a_hint()
    {
        await using var cluster = await InProcessCluster.StartAsync(3, configure: o => o.MaxTubes = 5);
        var replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => cluster[i % 3].Registry.CreateAsync(new(new($"c-{i}"), new EchoSettings()))));

        replies.OfType<TubeCreated>().Count().ShouldBe(15);
        replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.Overloaded && r.RetryAfter > TimeSpan.Zero);
        cluster.Nodes.ShouldAllBe(n => n.Registry.Directory.Count == 5);
        (await cluster[0].Registry.CreateAsync(new(new("late"), new EchoSettings()))).ShouldBeOfType<Refused>().Message.ShouldContain("3 nodes");
    }

    [Fact]
    public async Task A_create_that_may_wait_is_served_by_the_node_that_has_a_place_first()
    {
        await using var cluster = await InProcessCluster.StartAsync(2, configure: o => o.MaxTubes = 1);
        var first = await cluster[0].CreateAsync("a");
        await cluster[0].CreateAsync("b");
        var waiting = cluster[1].Registry.CreateAsync(new(new("c"), new EchoSettings()) { MaxWait = TimeSpan.FromSeconds(30) });
        await ClusterSpecs.EventuallyAsync(() => cluster.Nodes.Sum(n => n.Registry.Capacity.Waiting).ShouldBe(1));
        var host = cluster.Nodes.Single(n => n.Registry.Capacity.Waiting == 1);

        await host.Registry.CloseTubeAsync(new(host.Registry.Directory.List().Single().TubeId));

        (await waiting).ShouldBeOfType<TubeCreated>().Node.ShouldBe(host.Node.Name);
        first.ShouldNotBeNull();
    }

    [Fact]
    public async Task An_owner_has_no_more_tubes_in_the_cluster_than_its_limit_however_many_callers_ask_wherever()
    {
        await using var cluster = await InProcessCluster.StartAsync(3, configure: o => o.MaxTubesPerOwner = 7);
        for (var round = 0; round < 3; round++)
        {
            var replies = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => cluster[i % 3].Registry.CreateAsync(new(new($"c-{round}-{i}"), new EchoSettings()) { Owner = "alice" })));

            var made = replies.OfType<TubeCreated>().ToArray();
            made.Length.ShouldBe(7);
            replies.OfType<Refused>().ShouldAllBe(r => r.Code == RefusalCode.OwnerLimit && r.Limit == 7);
            // A closed one makes room at once, on any node.
            await cluster[round].Registry.CloseTubeAsync(new(made[0].TubeId));
            var next = await cluster[(round + 1) % 3].CreateAsync($"next-{round}", c => c with { Owner = "alice" });
            (await cluster[round].Registry.CreateAsync(new(new("over"), new EchoSettings()) { Owner = "alice" })).ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.OwnerLimit);
            (await cluster[round].CreateAsync($"bob-{round}", c => c with { Owner = "bob" })).ShouldNotBeNull();
            foreach (var tube in made.Skip(1).Append(next))
                await cluster[0].Registry.CloseTubeAsync(new(tube.TubeId));
        }
    }

    [Fact]
    public async Task A_closed_tube_makes_room_also_where_word_of_its_end_is_slower_than_the_question()
    {
        await using var cluster = await InProcessCluster.StartAsync(2, configure: o => o.MaxTubesPerOwner = 1);
        var first = await cluster[0].CreateAsync("first", c => c with { Owner = "alice" });
        foreach (var node in cluster.Nodes)
        {
            var owners = node.Room.Owners;
            node.Room.Owners = node.System.ActorOf(Props.Create(() => new SlowWay(owners)));
        }

        await cluster[0].Registry.CloseTubeAsync(new(first.TubeId));

        (await cluster[1].CreateAsync("next", c => c with { Owner = "alice" })).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_callers_deadline_holds_through_every_hop()
    {
        await using var cluster = await InProcessCluster.StartAsync(2);
        var hold = cluster.Peers.Hold("CreateOffer");
        var before = DateTime.UtcNow;

        var refused = (await cluster[0].Registry.CreateAsync(new(new("slow"), new EchoSettings()) { Timeout = TimeSpan.FromSeconds(1) })).ShouldBeOfType<Refused>();

        refused.Code.ShouldBe(RefusalCode.CreateTimeout);
        (DateTime.UtcNow - before).ShouldBeLessThan(TimeSpan.FromSeconds(5));
        hold.SetResult();
        await ClusterSpecs.EventuallyAsync(() => cluster.Nodes.Sum(n => n.Registry.Directory.Count).ShouldBe(0));
    }

    /// <summary>A way to the owners' entries on which all but the questions takes half a second, in its order.</summary>
    private sealed class SlowWay(IActorRef owners) : UntypedActor, IWithTimers
    {
        private readonly Queue<(object Message, IActorRef Sender)> underWay = [];

        public ITimerScheduler Timers { get; set; } = null!;

        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case ReserveTube:
                    owners.Forward(message);
                    break;
                case Arrived:
                    var (first, sender) = underWay.Dequeue();
                    owners.Tell(first, sender);
                    break;
                default:
                    underWay.Enqueue((message, Sender));
                    Timers.StartSingleTimer(message, new Arrived(), TimeSpan.FromSeconds(0.5));
                    break;
            }
        }

        private sealed record Arrived : INoSerializationVerificationNeeded;
    }
}
