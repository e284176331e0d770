using Microsoft.Extensions.Time.Testing;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

public sealed class SharedTimerTests : IDisposable
{
    // A deadline may be late by a step of the system's clock.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(10);

    private readonly FakeTimeProvider time = new();
    private readonly SharedTimer timer;

    public SharedTimerTests()
    {
        var start = time.GetTimestamp();
        timer = new(time, () => time.GetElapsedTime(start));
    }

    [Fact]
    public void Everybody_is_called_at_the_own_time_and_once()
    {
        var (early, late, later) = (new Client(), new Client(), new Client());
        timer.Add(Seconds(2), late);
        timer.Add(Seconds(1), early);
        timer.Add(Seconds(2), later);

        time.Advance(Seconds(1) + Slack);
        (early.Calls, late.Calls, later.Calls).ShouldBe((1, 0, 0));
        time.Advance(Seconds(1));
        (early.Calls, late.Calls, later.Calls).ShouldBe((1, 1, 1));
        time.Advance(Seconds(10));
        (early.Calls, late.Calls, later.Calls).ShouldBe((1, 1, 1));
        timer.Times.ShouldBe(0);
    }

    [Fact]
    public void A_deadline_that_was_taken_back_calls_nobody_and_holds_nothing()
    {
        var (gone, kept) = (new Client(), new Client());
        timer.Add(Seconds(1), gone);
        timer.Add(Seconds(1), kept);
        timer.Remove(Seconds(1), gone);
        timer.Remove(Seconds(3), gone);

        time.Advance(Seconds(5));
        (gone.Calls, kept.Calls).ShouldBe((0, 1));

        timer.Add(Seconds(10), gone);
        timer.Remove(Seconds(10), gone);
        timer.Times.ShouldBe(0);
    }

    [Fact]
    public void A_client_may_set_its_next_deadline_when_one_has_come()
    {
        var client = new Client();
        client.Called = () => timer.Add(Seconds(client.Calls + 1), client);
        timer.Add(Seconds(1), client);
        time.Advance(Slack);

        for (var i = 1; i <= 5; i++)
        {
            time.Advance(Seconds(1));
            client.Calls.ShouldBe(i);
        }
    }

    [Fact]
    public void After_disposal_nobody_is_called()
    {
        var client = new Client();
        timer.Add(Seconds(1), client);
        timer.Dispose();
        timer.Add(Seconds(2), client);
        time.Advance(Seconds(5));
        client.Calls.ShouldBe(0);
    }

    public void Dispose() => timer.Dispose();

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    private sealed class Client : ITimerClient
    {
        public int Calls { get; private set; }

        public Action Called { get; set; } = () => { };

        public void OnDeadline()
        {
            Calls++;
            Called();
        }
    }
}
