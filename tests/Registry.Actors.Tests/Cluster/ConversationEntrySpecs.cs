using CsCheck;
using Registry.Actors.Cluster.Conversations;
using Registry.Messages;
using Registry.Messages.Cluster;

namespace Registry.Actors.Tests.Cluster;

public sealed class ConversationEntrySpecs
{
    private static readonly NodeAddress A = new("a", 1);
    private static readonly NodeAddress B = new("b", 1);
    private static readonly NodeAddress C = new("c", 1);
    private static readonly NodeAddress D = new("d", 1);
    private static readonly ConversationId Conversation = new("c");
    private static readonly TubeId T1 = new("t1");
    private static readonly TubeId T2 = new("t2");

    private readonly ConversationEntry entry;
    private IReadOnlyList<NodeAddress> candidates = [A, B, C, D];
    private long now = 1000;

    public ConversationEntrySpecs() => entry = new(() => candidates, () => now);

    [Fact]
    public void Nothing_is_placed_before_every_node_has_said_what_it_carries()
    {
        entry.Open(Create());

        entry.TakeEffects().ShouldBeEmpty();
        entry.Recovered(null);
        Placed().Node.ShouldBe(A);
    }

    [Fact]
    public void The_best_node_makes_the_tube_and_the_asker_hears_of_it()
    {
        var wish = Vacant(Create());
        var place = Placed();

        entry.Settled(wish.Id, place.Epoch, A, Made(T1));

        entry.TakeEffects().ShouldBe([new EntryEffect.Answer(wish.Id, Made(T1))]);
        entry.Holder.ShouldBe(new Holder(A, T1, place.Epoch));
    }

    [Fact]
    public void A_repeated_wish_is_the_same_wish()
    {
        var wish = Vacant(Create());
        Placed();

        entry.Open(wish);

        entry.TakeEffects().ShouldBeEmpty();
    }

    [Fact]
    public void A_repeated_wish_reminds_the_node_that_works_on_it_for_its_word_may_have_been_lost()
    {
        var wish = Vacant(Create());
        var place = Placed();
        entry.Taken(wish.Id, A);

        entry.Open(wish);

        entry.TakeEffects().ShouldBe([new EntryEffect.Remind(place)]);
    }

    [Fact]
    public void A_node_that_does_not_carry_the_conversation_after_all_is_forgotten_and_the_wish_placed_anew()
    {
        entry.Recovered(new Holder(C, T1, 5));
        entry.Open(Create());
        var asked = Placed();
        (asked.Node, asked.OnlyIfHeld).ShouldBe((C, true));

        entry.Settled(asked.Wish.Id, asked.Epoch, C, new Refused(RefusalCode.ConversationNotFound, ""));

        Placed().ShouldSatisfyAllConditions(p => p.Node.ShouldBe(A), p => p.OnlyIfHeld.ShouldBeFalse());
        entry.Holder.ShouldBeNull();
    }

    [Fact]
    public void A_wish_whose_holder_does_not_answer_waits_for_the_holder_or_its_loss()
    {
        entry.Recovered(new Holder(C, T1, 5));
        var wish = Create();
        entry.Open(wish);
        Placed().Node.ShouldBe(C);

        entry.Overdue(wish.Id, C);
        entry.TakeEffects().ShouldBeEmpty();
        entry.Open(wish);
        Placed().Node.ShouldBe(C);
        entry.NodeLost(C);

        Placed().ShouldSatisfyAllConditions(p => p.Node.ShouldBe(A), p => p.Wish.ShouldBe(wish));
    }

    [Fact]
    public void An_end_that_comes_before_it_is_known_what_is_carried_is_not_forgotten()
    {
        entry.Ended(A, T1);

        entry.Recovered(new Holder(A, T1, 5));

        entry.Holder.ShouldBeNull();
    }

    [Fact]
    public void A_tube_that_is_told_late_and_is_the_only_one_is_kept_so_that_it_is_not_unknown()
    {
        var wish = Vacant(Create());
        var epoch = Placed().Epoch;
        entry.Abandon(wish.Id);
        entry.TakeEffects();

        entry.Settled(wish.Id, epoch, A, Made(T1));

        entry.Holder!.Value.TubeId.ShouldBe(T1);
    }

    [Fact]
    public void A_second_create_waits_for_the_first_and_is_answered_by_the_node_that_has_the_tube()
    {
        var first = Vacant(Create());
        var epoch = Placed().Epoch;
        var second = Create();
        entry.Open(second);
        entry.TakeEffects().ShouldBeEmpty();

        entry.Settled(first.Id, epoch, A, Made(T1));

        entry.TakeEffects().OfType<EntryEffect.Place>().ShouldHaveSingleItem().ShouldSatisfyAllConditions(p => p.Node.ShouldBe(A), p => p.Wish.ShouldBe(second));
        entry.Settled(second.Id, epoch + 1, A, new Refused(RefusalCode.ConversationExists, "") { TubeId = T1 });
        entry.TakeEffects().OfType<EntryEffect.Answer>().ShouldHaveSingleItem().WishId.ShouldBe(second.Id);
        entry.Holder!.Value.TubeId.ShouldBe(T1);
    }

    [Fact]
    public void A_full_node_is_passed_over()
    {
        var wish = Vacant(Create());
        var place = Placed();

        entry.Settled(wish.Id, place.Epoch, A, Full(3));

        Placed().Node.ShouldBe(B);
    }

    [Fact]
    public void Only_when_all_are_full_the_create_is_refused_with_the_shortest_hint()
    {
        candidates = [A, B, C];
        var wish = Vacant(Create());
        foreach (var (node, seconds) in new[] { (A, 3), (B, 1), (C, 2) })
        {
            var place = Placed();
            place.Node.ShouldBe(node);
            entry.Settled(wish.Id, place.Epoch, node, Full(seconds));
        }

        var refused = Answered().ShouldBeOfType<Refused>();
        (refused.Code, refused.RetryAfter).ShouldBe((RefusalCode.Overloaded, TimeSpan.FromSeconds(1)));
        entry.IsIdle.ShouldBeTrue();
    }

    [Fact]
    public void A_node_that_cannot_record_is_passed_over_and_where_none_can_the_create_is_told_so()
    {
        candidates = [A, B];
        var wish = Vacant(Create());
        foreach (var node in candidates)
        {
            var place = Placed();
            place.Node.ShouldBe(node);
            entry.Settled(wish.Id, place.Epoch, node, new Refused(RefusalCode.AuditUnavailable, "the disk is full"));
        }

        Answered().ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.AuditUnavailable);
        entry.IsIdle.ShouldBeTrue();
    }

    [Fact]
    public void A_create_that_may_wait_waits_where_a_place_is_free_soonest_once_all_are_full()
    {
        candidates = [A, B];
        var wish = Vacant(Create(maxWait: TimeSpan.FromMinutes(1)));
        foreach (var seconds in new[] { 1, 2 })
        {
            var asked = Placed();
            ((CreateTube)asked.Command).MaxWait.ShouldBeNull();
            entry.Settled(wish.Id, asked.Epoch, asked.Node, Full(seconds));
        }

        var place = Placed();

        place.Node.ShouldBe(A);
        ((CreateTube)place.Command).MaxWait.ShouldBe(TimeSpan.FromMinutes(1));
        entry.Settled(wish.Id, place.Epoch, A, Full(5));
        Answered().ShouldBe(Full(5));
    }

    [Fact]
    public void A_refusal_that_another_node_would_give_too_is_the_answer()
    {
        var wish = Vacant(Create());
        var place = Placed();
        var refused = new Refused(RefusalCode.InvalidSdp, "no");

        entry.Settled(wish.Id, place.Epoch, A, refused);

        Answered().ShouldBe(refused);
    }

    [Fact]
    public void A_node_that_does_not_say_that_it_works_is_given_up_and_what_it_makes_late_is_closed()
    {
        var wish = Vacant(Create());
        var old = Placed().Epoch;

        entry.Overdue(wish.Id, A);

        entry.TakeEffects().ShouldBe([new EntryEffect.Unplace(A, wish.Id), new EntryEffect.Place(B, wish, old + 1, wish.Command, false)]);
        entry.Settled(wish.Id, old + 1, B, Made(T2));
        entry.TakeEffects();
        entry.Settled(wish.Id, old, A, Made(T1));
        entry.TakeEffects().ShouldBe([new EntryEffect.Unplace(A, wish.Id)]);
        entry.Holder!.Value.Node.ShouldBe(B);
    }

    [Fact]
    public void A_node_that_works_on_it_has_its_time()
    {
        var wish = Vacant(Create());
        Placed();

        entry.Taken(wish.Id, A);
        entry.Overdue(wish.Id, A);

        entry.TakeEffects().ShouldBeEmpty();
    }

    [Fact]
    public void Three_silent_nodes_are_enough()
    {
        var wish = Vacant(Create());
        foreach (var node in new[] { A, B, C })
        {
            Placed().Node.ShouldBe(node);
            entry.Overdue(wish.Id, node);
        }

        Answered().ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.NodeUnreachable);
    }

    [Fact]
    public void A_node_that_is_lost_while_it_works_is_passed_over()
    {
        var wish = Vacant(Create());
        Placed();
        entry.Taken(wish.Id, A);

        entry.NodeLost(A);

        Placed().Node.ShouldBe(B);
    }

    [Fact]
    public void A_create_that_names_a_tube_is_placed_on_its_node_only()
    {
        var wish = Vacant(Create() with { At = C });
        var place = Placed();
        place.Node.ShouldBe(C);

        entry.Settled(wish.Id, place.Epoch, C, Full(1));

        Answered().ShouldBe(Full(1));
    }

    [Fact]
    public void Without_a_node_the_create_is_refused()
    {
        candidates = [];

        Vacant(Create());

        Answered().ShouldBeOfType<Refused>().Retryable.ShouldBeTrue();
    }

    [Fact]
    public void Nobody_wants_it_any_more()
    {
        var first = Vacant(Create());
        var second = Create();
        entry.Open(second);
        Placed();

        entry.Abandon(first.Id);

        var effects = entry.TakeEffects();
        effects[0].ShouldBe(new EntryEffect.Unplace(A, first.Id));
        effects[1].ShouldBeOfType<EntryEffect.Place>().Wish.ShouldBe(second);
        entry.Abandon(second.Id);
        entry.TakeEffects().ShouldBe([new EntryEffect.Unplace(A, second.Id)]);
        entry.IsIdle.ShouldBeTrue();
    }

    [Fact]
    public void A_made_tube_that_nobody_wants_is_closed_by_its_node()
    {
        var wish = Vacant(Create());
        entry.Settled(wish.Id, Placed().Epoch, A, Made(T1));
        entry.TakeEffects();

        entry.Abandon(wish.Id);

        entry.TakeEffects().ShouldBe([new EntryEffect.Unplace(A, wish.Id)]);
    }

    [Fact]
    public void A_conversation_that_ended_or_whose_node_is_lost_can_be_placed_again_with_a_higher_epoch()
    {
        entry.Recovered(new Holder(A, T1, 2000));

        entry.Ended(A, T2);
        entry.Holder.ShouldNotBeNull();
        entry.Ended(A, T1);
        entry.Holder.ShouldBeNull();
        entry.Open(Create());
        Placed().Epoch.ShouldBe(2001);

        entry.Held(new(B, T2, 3000));
        entry.NodeLost(B);
        entry.Holder.ShouldBeNull();
    }

    [Fact]
    public void Of_two_tubes_the_later_placement_stays_in_whichever_order_they_are_announced()
    {
        var (old, young) = (new Holder(A, T1, 1), new Holder(B, T2, 2));
        entry.Recovered(old);
        entry.Held(young);
        entry.TakeEffects().ShouldBe([new EntryEffect.Supersede(old)]);
        entry.Held(old);
        entry.TakeEffects().ShouldBe([new EntryEffect.Supersede(old)]);
        entry.Holder.ShouldBe(young);
        entry.Held(young);
        entry.TakeEffects().ShouldBeEmpty();
    }

    [Fact]
    public void Of_two_tubes_of_one_epoch_the_same_one_stays_on_every_node()
    {
        var (one, other) = (new Holder(A, T1, 1), new Holder(B, T2, 1));
        var mirror = new ConversationEntry(() => candidates, () => now);
        entry.Recovered(one);
        mirror.Recovered(other);
        entry.Held(other);
        mirror.Held(one);

        entry.Holder.ShouldBe(mirror.Holder);
    }

    [Fact]
    public void A_tube_that_lives_already_is_kept_and_what_is_being_made_beside_it_is_not()
    {
        var wish = Vacant(Create());
        Placed();

        entry.Held(new(B, T2, 5));

        var effects = entry.TakeEffects();
        effects[0].ShouldBe(new EntryEffect.Unplace(A, wish.Id));
        effects[1].ShouldBeOfType<EntryEffect.Place>().Node.ShouldBe(B); // which says that it exists
        entry.Holder!.Value.TubeId.ShouldBe(T2);
    }

    [Fact]
    public void A_node_that_knew_of_the_conversation_when_the_entry_did_not_is_believed()
    {
        var wish = Vacant(Create());
        var place = Placed();

        entry.Settled(wish.Id, place.Epoch, A, new Refused(RefusalCode.ConversationExists, "") { TubeId = T1 });

        entry.Holder!.Value.TubeId.ShouldBe(T1);
    }

    [Fact]
    public void What_was_settled_for_an_entry_that_is_gone_is_kept_for_the_asker_that_repeats_its_wish()
    {
        var wish = Create();
        entry.Settled(wish.Id, 900, A, Made(T1));
        entry.Recovered(null);

        entry.Holder.ShouldBe(new Holder(A, T1, 900));
        entry.Open(wish);
        Placed().Node.ShouldBe(A);
    }

    [Fact]
    public void Too_many_creates_for_one_conversation_do_not_pile_up()
    {
        for (var i = 0; i < ConversationEntry.MaxWaiting; i++)
            entry.Open(Create());
        entry.TakeEffects().ShouldBeEmpty();

        entry.Open(Create());

        Answered().ShouldBeOfType<Refused>().Code.ShouldBe(RefusalCode.Overloaded);
    }

    /// <summary>
    /// Random histories: whatever comes, in whatever order, twice or late, the entry answers each wish at most once, never asks two nodes for one wish at the same time
    /// without giving the first up, and every tube it heard of is its holder's, or was given up, ended or lost.
    /// </summary>
    [Fact]
    public void Whatever_happens_no_two_tubes_stay() => Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 5]).Array[1, 60].Sample(steps =>
    {
        var nodes = new[] { A, B, C, D };
        var subject = new ConversationEntry(() => nodes, () => now);
        var wishes = Enumerable.Range(0, 6).Select(_ => Create()).ToArray();
        var answers = new Dictionary<Guid, int>();
        var live = new HashSet<(NodeAddress Node, TubeId Tube)>();   // tubes that exist
        var made = new Dictionary<(NodeAddress, Guid), TubeId>();
        var open = new List<EntryEffect.Place>();
        var serial = 0;
        foreach (var (what, n, w) in steps)
        {
            var (node, wish) = (nodes[n], wishes[w]);
            switch (what)
            {
                case 0 or 1:
                    subject.Open(wish);
                    break;
                case 2:
                    subject.Recovered(null);
                    break;
                case 3 or 4 when open.Count > 0:
                    var place = open[(n + w) % open.Count];
                    open.Remove(place);
                    if (live.Where(l => l.Node == place.Node).Select(l => (TubeId?)l.Tube).FirstOrDefault() is { } existing)
                    {
                        subject.Settled(place.Wish.Id, place.Epoch, place.Node, new Refused(RefusalCode.ConversationExists, "") { TubeId = existing });
                        break;
                    }

                    if (place.OnlyIfHeld)
                    {
                        subject.Settled(place.Wish.Id, place.Epoch, place.Node, new Refused(RefusalCode.ConversationNotFound, ""));
                        break;
                    }

                    var tube = new TubeId($"t{++serial}");
                    live.Add((place.Node, tube));
                    made[(place.Node, place.Wish.Id)] = tube;
                    subject.Settled(place.Wish.Id, place.Epoch, place.Node, Made(tube));
                    break;
                case 5 when open.Count > 0:
                    subject.Overdue(open[^1].Wish.Id, open[^1].Node);
                    break;
                case 6:
                    subject.Abandon(wish.Id);
                    break;
                case 7:
                    live.RemoveWhere(l => l.Node == node);
                    open.RemoveAll(p => p.Node == node);
                    subject.NodeLost(node);
                    break;
                case 8 when live.Count > 0:
                    var ended = live.First();
                    live.Remove(ended);
                    subject.Ended(ended.Node, ended.Tube);
                    break;
                case 9:
                    foreach (var (holder, carried) in live.ToArray())
                        subject.Held(new(holder, carried, 1));
                    break;
            }

            foreach (var effect in subject.TakeEffects())
                switch (effect)
                {
                    case EntryEffect.Place p:
                        open.Add(p);
                        break;
                    case EntryEffect.Unplace u:
                        open.RemoveAll(p => p.Node == u.Node && p.Wish.Id == u.WishId);
                        if (made.Remove((u.Node, u.WishId), out var unmade))
                            live.Remove((u.Node, unmade));
                        break;
                    case EntryEffect.Supersede s:
                        live.Remove((s.Loser.Node, s.Loser.TubeId));
                        break;
                    case EntryEffect.Answer a:
                        answers[a.WishId] = answers.GetValueOrDefault(a.WishId) + 1;
                        break;
                }

            open.Count(p => !p.OnlyIfHeld).ShouldBeLessThanOrEqualTo(1); // the others make nothing
        }

        // What the nodes announce when the cluster is quiet again settles it.
        subject.Recovered(null);
        for (var round = 0; round < 3; round++)
        {
            foreach (var (holder, carried) in live.ToArray())
                subject.Held(new(holder, carried, 1));
            foreach (var effect in subject.TakeEffects())
                if (effect is EntryEffect.Supersede s)
                    live.Remove((s.Loser.Node, s.Loser.TubeId));
        }

        live.Count.ShouldBeLessThanOrEqualTo(1);
    }, iter: 20_000);

    private static Wish Create(TimeSpan? maxWait = null) => new(Guid.NewGuid(), new CreateTube(Conversation, new EchoSettings()) { MaxWait = maxWait }, null);

    private static TubeCreated Made(TubeId tube) => new(tube, Conversation, "n", TubeState.Connecting);

    private static Refused Full(int seconds) => new(RefusalCode.Overloaded, "full") { RetryAfter = TimeSpan.FromSeconds(seconds) };

    private Wish Vacant(Wish wish)
    {
        entry.Recovered(null);
        entry.Open(wish);
        return wish;
    }

    private EntryEffect.Place Placed() => Single<EntryEffect.Place>();

    private RegistryReply Answered() => Single<EntryEffect.Answer>().Reply;

    private T Single<T>() where T : EntryEffect => entry.TakeEffects().Where(e => e is not EntryEffect.Unplace).ShouldHaveSingleItem().ShouldBeOfType<T>();
}
