using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Tests.Scripted;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tests.Channels;

/// <summary>Credit, bounds, turns and heartbeats, each by itself.</summary>
public sealed class FlowSpecs
{
    private static readonly FlowLimits Limits = new(256 * 1024, 1024 * 1024, 8 * 1024 * 1024);
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task A_sender_spends_what_was_granted_and_then_waits()
    {
        var budget = new SendBudget();
        var early = budget.WaitAsync(16, CancellationToken.None).AsTask();
        early.IsCompleted.ShouldBeFalse();

        budget.Grant(20).ShouldBeNull();

        (await early).ShouldBe(16);
        budget.Spend(16);
        (await budget.WaitAsync(16, CancellationToken.None)).ShouldBe(4);
        budget.Spend(4);
        budget.WaitAsync(16, CancellationToken.None).AsTask().IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_peer_that_knows_no_credit_sets_no_limit()
    {
        var budget = new SendBudget();
        budget.Lift();
        budget.Spend(1000);
        (await budget.WaitAsync(16, CancellationToken.None)).ShouldBe(16);
    }

    [Fact]
    public void Credit_out_of_range_is_told()
    {
        var budget = new SendBudget();
        budget.Grant(0).ShouldNotBeNull();
        budget.Grant(int.MaxValue).ShouldBeNull();
        budget.Grant(1).ShouldNotBeNull();
    }

    [Fact]
    public void A_window_starts_at_256_KiB_and_grows_to_1_MiB_for_a_fast_peer_only()
    {
        var time = new FakeTimeProvider();
        var budget = new ReceiveBudget(new(Limits), time);
        budget.Open().ShouldBe(256 * 1024);

        Use(budget, 128 * 1024, RoundTrip).ShouldBe(128 * 1024 + 256 * 1024);
        budget.Window.ShouldBe(512 * 1024);
        time.Advance(3 * RoundTrip); // slow: half a window in three round trips
        Use(budget, 256 * 1024, RoundTrip).ShouldBe(256 * 1024);
        budget.Window.ShouldBe(512 * 1024);
        Use(budget, 256 * 1024, RoundTrip);
        Use(budget, 512 * 1024, RoundTrip);
        budget.Window.ShouldBe(1024 * 1024);
    }

    [Fact]
    public async Task What_waits_in_the_tube_leaves_less_to_each_connection()
    {
        var tube = new TubeFlow(Limits);
        var budget = new ReceiveBudget(tube, new FakeTimeProvider());
        budget.Open();
        await tube.Receiving.EnterAsync(7 * 1024 * 1024 + 512 * 1024, CancellationToken.None); // a quarter of the rest is 128 KiB

        Use(budget, 256 * 1024, RoundTrip).ShouldBe(128 * 1024);
    }

    [Fact]
    public async Task Connections_that_stand_still_take_nothing_of_the_windows_of_others()
    {
        var tube = new TubeFlow(Limits);
        var budget = new ReceiveBudget(tube, new FakeTimeProvider());
        budget.Open();
        Use(budget, 256 * 1024, RoundTrip);
        Use(budget, 512 * 1024, RoundTrip);
        budget.Window.ShouldBe(1024 * 1024);

        await tube.Receiving.EnterAsync(4 * 1024 * 1024, CancellationToken.None); // four full windows

        Use(budget, 1024 * 1024, RoundTrip).ShouldBe(1024 * 1024);
    }

    [Fact]
    public void A_tube_that_has_promised_much_promises_less()
    {
        var tube = new TubeFlow(Limits);
        ReceiveBudget[] others = [.. Enumerable.Range(0, 1000).Select(_ => new ReceiveBudget(tube, new FakeTimeProvider()))];

        int[] first = [.. others.Take(100).Select(b => b.Open())];
        first.Take(16).ShouldAllBe(credit => credit == 256 * 1024);
        first[^1].ShouldBe(16 * 1024);
        Use(others[0], 256 * 1024, RoundTrip).ShouldBe(128 * 1024);
        Use(others[0], 128 * 1024, RoundTrip).ShouldBe(64 * 1024);

        foreach (var other in others)
            other.Close();
        tube.Promised.ShouldBe(0);
    }

    [Fact]
    public void What_may_come_and_what_waits_never_pass_the_window() =>
        Gen.Select(Gen.Int[1, 64 * 1024], Gen.Int[0, 100]).Array[1, 200].Sample(steps =>
        {
            var time = new FakeTimeProvider();
            var tube = new TubeFlow(Limits);
            var budget = new ReceiveBudget(tube, time);
            long credit = budget.Open(), waiting = 0;
            foreach (var (bytes, milliseconds) in steps)
            {
                time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                budget.TryReceive(bytes).ShouldBe(bytes <= credit);
                if (bytes <= credit)
                    (credit, waiting) = (credit - bytes, waiting + bytes);
                var consumed = (int)Math.Min(waiting, bytes / 2);
                waiting -= consumed;
                credit += budget.Consume(consumed, RoundTrip);
                (credit + waiting).ShouldBeLessThanOrEqualTo(Limits.MaxWindow);
                tube.Promised.ShouldBe(credit + waiting);
                budget.Queued.ShouldBe((int)waiting);
            }

            // A peer that used its credit up and whose bytes all went on is never left without.
            while (credit > 0)
            {
                var rest = (int)credit;
                budget.TryReceive(rest).ShouldBeTrue();
                (credit, waiting) = (0, waiting + rest);
            }

            budget.Consume((int)waiting, RoundTrip).ShouldBeGreaterThan(0);
        });

    [Fact]
    public async Task Who_would_pass_the_limit_waits_for_its_turn()
    {
        var queued = new QueuedBytes(100);
        await queued.EnterAsync(60, CancellationToken.None);
        using var impatient = new CancellationTokenSource();
        var first = queued.EnterAsync(50, impatient.Token).AsTask();
        var second = queued.EnterAsync(40, CancellationToken.None).AsTask();
        second.IsCompleted.ShouldBeFalse(); // there is room, but the other came first

        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        await second;

        queued.Queued.ShouldBe(100);
        var large = queued.EnterAsync(1000, CancellationToken.None).AsTask();
        queued.Leave(60);
        large.IsCompleted.ShouldBeFalse();
        queued.Leave(40);
        await large; // more than the limit, but alone
        queued.Leave(1000);
        queued.Queued.ShouldBe(0);
    }

    [Fact]
    public void A_heartbeat_measures_the_round_trip_and_finds_the_silent_peer()
    {
        var heartbeat = new Heartbeat(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30));
        static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);

        heartbeat.Next(At(0), out _).ShouldBe(Beat.Ping);
        heartbeat.RoundTrip.ShouldBe(TimeSpan.Zero);
        heartbeat.Answered(At(0.05));
        heartbeat.RoundTrip.ShouldBe(RoundTrip);
        heartbeat.Answered(At(9)); // nothing was asked
        heartbeat.RoundTrip.ShouldBe(RoundTrip);
        heartbeat.Next(At(15), out var wait).ShouldBe(Beat.None);
        wait.ShouldBe(RoundTrip);
        heartbeat.Next(At(16), out wait).ShouldBe(Beat.Ping);
        wait.ShouldBe(At(15));
        heartbeat.Heard(At(20)); // other traffic: alive, if slow
        heartbeat.Next(At(46), out wait).ShouldBe(Beat.None);
        wait.ShouldBe(At(4));
        heartbeat.Next(At(50), out _).ShouldBe(Beat.PeerIsDead);
    }

    [Fact]
    public async Task Small_frames_go_before_large_ones_and_large_ones_in_turn()
    {
        var (near, far) = ScriptedDataChannel.Pair(window: 20_000);
        using var link = new FrameLink(near, TimeProvider.System);
        var fill = Data(9, 20_000);
        await link.SendAsync(fill, CancellationToken.None); // from here on the channel is full
        var sends = new List<Task>
        {
            link.SendAsync(Data(1, 16_000), CancellationToken.None).AsTask(),
            link.SendAsync(Data(2, 16_000), CancellationToken.None).AsTask(),
            link.SendAsync(Data(3, 16_000), CancellationToken.None).AsTask(),
        };
        sends.Add(link.SendAsync(Data(4, 10), CancellationToken.None).AsTask());
        link.TryReply(ControlMessage.Encode(ControlCode.Pong, 0)).ShouldBeTrue();

        var order = new List<uint>();
        for (var i = 0; i < 6; i++)
            order.Add(await NextAsync(far));

        order.Remove(1).ShouldBeTrue(); // it may have been handed over before the small ones came
        order.ShouldBe([9u, 4u, 0u, 2u, 3u]);
        await Task.WhenAll(sends);
        await link.Completion;
    }

    [Fact]
    public async Task Endless_small_frames_leave_large_ones_a_turn()
    {
        var (near, far) = ScriptedDataChannel.Pair(window: 1);
        using var link = new FrameLink(near, TimeProvider.System);
        await link.SendAsync(Data(9, 1), CancellationToken.None);
        var large = link.SendAsync(Data(1, 16_000), CancellationToken.None).AsTask();
        var sends = Enumerable.Range(0, 100).Select(_ => link.SendAsync(Data(2, 1000), CancellationToken.None).AsTask()).ToList();

        var order = new List<uint>();
        for (var i = 0; i < 102; i++)
            order.Add(await NextAsync(far));

        order.IndexOf(1).ShouldBeInRange(1, 30);
        await Task.WhenAll([large, .. sends]);
    }

    [Fact]
    public async Task A_sender_that_gives_up_lets_the_next_one_go()
    {
        var (near, far) = ScriptedDataChannel.Pair(window: 1);
        using var link = new FrameLink(near, TimeProvider.System);
        using var impatient = new CancellationTokenSource();
        await link.SendAsync(Data(9, 1), CancellationToken.None);
        Task[] abandoned = [link.SendAsync(Data(1, 16_000), impatient.Token).AsTask(), link.SendAsync(Data(2, 16_000), impatient.Token).AsTask()];
        var kept = link.SendAsync(Data(3, 16_000), CancellationToken.None).AsTask();

        await impatient.CancelAsync();
        foreach (var task in abandoned)
            await Should.ThrowAsync<OperationCanceledException>(task);

        (await NextAsync(far)).ShouldBe(9u);
        (await NextAsync(far)).ShouldBe(3u);
        await kept;
    }

    [Fact]
    public async Task The_end_of_the_channel_ends_every_wait()
    {
        var (near, _) = ScriptedDataChannel.Pair(window: 1);
        using var link = new FrameLink(near, TimeProvider.System);
        await link.SendAsync(Data(9, 1), CancellationToken.None);
        Task[] waiting = [link.SendAsync(Data(1, 16_000), CancellationToken.None).AsTask(), link.SendAsync(Data(2, 1), CancellationToken.None).AsTask()];

        near.Close();

        foreach (var task in waiting)
            await Should.ThrowAsync<DataChannelClosedException>(task);
        link.Dispose();
        await link.Completion;
    }

    private static byte[] Data(uint connection, int length) => Frame.Encode(connection, 0, new byte[length]);

    private static int Use(ReceiveBudget budget, int bytes, TimeSpan roundTrip)
    {
        budget.TryReceive(bytes).ShouldBeTrue();
        return budget.Consume(bytes, roundTrip);
    }

    private static async Task<uint> NextAsync(ScriptedDataChannel channel)
    {
        using var message = (await channel.ReceiveAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldNotBeNull();
        using var parser = new FrameParser(1 << 20);
        parser.Append(message.Data);
        parser.TryRead(out var frame).ShouldBe(FrameStatus.Frame);
        return frame.Connection;
    }
}
