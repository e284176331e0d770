using Akka.Actor;
using Registry.Actors.Signals;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class SignalSpecs(ITestOutputHelper output) : RegistrySpec(output)
{
    [Fact]
    public async Task An_actor_gets_what_it_missed_then_what_comes_and_the_close_last()
    {
        var created = await CreatedAsync(Create("c"));
        var probe = CreateTestProbe();

        Actor.Tell(new SubscribeSignals(created.TubeId), probe);
        await probe.ExpectMsgAsync<Done>();
        await probe.ExpectMsgAsync<ConnectionStateChanged>(s => s.Sequence == 1 && s.State == TubeState.Initializing);
        await Registry.CloseTubeAsync(new(created.TubeId, CloseReason.Client));

        var rest = new List<TubeSignal>();
        do
            rest.Add(await probe.ExpectMsgAsync<TubeSignal>());
        while (rest[^1] is not TubeClosed);
        rest.Select(s => s.Sequence).ShouldBe(Enumerable.Range(2, rest.Count).Select(i => (long)i));
        rest[^2].ShouldBeOfType<ChannelClosed>();
    }

    [Fact]
    public async Task A_subscriber_resumes_where_it_was_also_after_the_close()
    {
        var created = await CreatedAsync(Create("c"));
        await Registry.CloseTubeAsync(new(created.TubeId));
        var all = await SignalsAsync(created.TubeId);
        var probe = CreateTestProbe();

        (await CollectAsync(Registry.Signals(created.TubeId, 3)!)).ShouldBe(all.Skip(3));
        Actor.Tell(new SubscribeSignals(created.TubeId, all.Count - 1), probe);
        await probe.ExpectMsgAsync<Done>();
        (await probe.ExpectMsgAsync<TubeClosed>()).ShouldBe(all[^1]);
    }

    [Fact]
    public async Task A_subscriber_that_unsubscribes_or_dies_hears_nothing_more()
    {
        var created = await CreatedAsync(Create("c"));
        var leaver = CreateTestProbe();
        var dying = CreateTestProbe();
        foreach (var probe in new[] { leaver, dying })
        {
            Actor.Tell(new SubscribeSignals(created.TubeId, 1000), probe);
            await probe.ExpectMsgAsync<Done>();
        }

        Actor.Tell(new UnsubscribeSignals(created.TubeId), leaver);
        await leaver.ExpectMsgAsync<Done>();
        Sys.Stop(dying);
        (await Registry.CloseTubeAsync(new(created.TubeId))).ShouldBeOfType<Done>();

        leaver.HasMessages.ShouldBeFalse();
    }

    [Fact]
    public async Task A_window_bounds_what_a_slow_actor_can_pile_up()
    {
        var created = await CreatedAsync(Create("c")); // 2 states and 2 candidates
        var probe = CreateTestProbe();
        Actor.Tell(new SubscribeSignals(created.TubeId) { Window = 3 }, probe);
        await probe.ExpectMsgAsync<Done>();
        for (var i = 1; i <= 3; i++)
            (await probe.ExpectMsgAsync<TubeSignal>()).Sequence.ShouldBe(i);
        await Registry.AssociateAsync(new(created.TubeId, new("other")));
        probe.HasMessages.ShouldBeFalse();

        Actor.Tell(new SubscribeSignals(created.TubeId, 3) { Window = 3 }, probe);
        await probe.ExpectMsgAsync<Done>();
        (await probe.ExpectMsgAsync<TubeSignal>()).Sequence.ShouldBe(4);
        await Registry.CloseTubeAsync(new(created.TubeId));
        (await probe.ExpectMsgAsync<TubeSignal>()).Sequence.ShouldBe(5);
        (await probe.ExpectMsgAsync<TubeSignal>()).Sequence.ShouldBe(6);
        probe.HasMessages.ShouldBeFalse();

        Actor.Tell(new SubscribeSignals(created.TubeId, 6) { Window = 3 }, probe);
        await probe.ExpectMsgAsync<Done>();
        (await probe.ExpectMsgAsync<TubeClosed>()).Sequence.ShouldBe(7);
    }

    [Fact]
    public async Task A_window_of_nothing_is_refused()
    {
        var created = await CreatedAsync(Create("c"));

        (await Actor.Ask<RegistryReply>(new SubscribeSignals(created.TubeId) { Window = 0 }, TimeSpan.FromSeconds(10))).ShouldBeOfType<Refused>().Key.ShouldBe("window");
    }

    [Fact]
    public async Task A_reader_that_comes_too_late_is_told_what_it_missed()
    {
        var id = new TubeId("t");
        var buffer = new TubeSignalBuffer(id, 16);
        for (var i = 0; i < 40; i++)
            buffer.Publish((t, n) => new IceCandidateFound(t, n, DateTimeOffset.UnixEpoch, $"{n}"));
        buffer.Complete();

        var fresh = await CollectAsync(buffer.ReadAsync(0, CancellationToken.None));
        fresh[0].ShouldBe(new SignalsMissed(id, 24, DateTimeOffset.UnixEpoch, 1));
        fresh.Skip(1).Select(s => s.Sequence).ShouldBe(Enumerable.Range(25, 16).Select(i => (long)i));

        (await CollectAsync(buffer.ReadAsync(20, CancellationToken.None)))[0].ShouldBe(new SignalsMissed(id, 24, DateTimeOffset.UnixEpoch, 21));
        (await CollectAsync(buffer.ReadAsync(24, CancellationToken.None)))[0].Sequence.ShouldBe(25);
        (await CollectAsync(buffer.ReadAsync(99, CancellationToken.None))).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_slow_reader_never_holds_up_the_writer_and_gets_the_rest()
    {
        var buffer = new TubeSignalBuffer(new("t"), 16);
        buffer.Publish((t, n) => new IceCandidateFound(t, n, DateTimeOffset.UnixEpoch, "first"));
        await using var reader = buffer.ReadAsync(0, CancellationToken.None).GetAsyncEnumerator();
        (await reader.MoveNextAsync()).ShouldBeTrue();

        for (var i = 0; i < 1000; i++)
            buffer.Publish((t, n) => new IceCandidateFound(t, n, DateTimeOffset.UnixEpoch, ""));

        (await reader.MoveNextAsync()).ShouldBeTrue();
        var missed = reader.Current.ShouldBeOfType<SignalsMissed>();
        (missed.First, missed.Sequence).ShouldBe((2, 985));
        (await reader.MoveNextAsync()).ShouldBeTrue();
        reader.Current.Sequence.ShouldBe(986);
    }

    [Fact]
    public async Task A_waiting_reader_can_be_cancelled()
    {
        var created = await CreatedAsync(Create("c"));
        using var cancel = new CancellationTokenSource();
        var reading = CollectAsync(Registry.Signals(created.TubeId, 1000, cancel.Token)!);

        await cancel.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(reading);
    }
}
