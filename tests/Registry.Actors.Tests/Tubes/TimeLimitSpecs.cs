using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class TimeLimitSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o =>
{
    o.IdleTimeout = TimeSpan.FromMinutes(30);
    o.MaxAge = TimeSpan.FromHours(8);
})
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task A_tube_without_user_bytes_ends_at_the_idle_limit()
    {
        var (near, far) = await PairAsync();

        Clock.Advance(TimeSpan.FromMinutes(30) - Moment);
        await StateAsync(near.TubeId, TubeState.Ready);
        Clock.Advance(Moment);

        await ClosedAsync(near.TubeId, CloseReason.IdleTimeout);
        Registry.Directory.TryGetClosed(near.TubeId, out var closed).ShouldBeTrue();
        closed.CloseText.ShouldBe("No user bytes went either way for 1800 s.");
        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(far.TubeId, out _).ShouldBeTrue());
        await NothingLeftAsync();
    }

    [Fact]
    public async Task User_bytes_either_way_start_the_time_anew_and_show_in_the_snapshot()
    {
        var (tube, _, far) = await ReadyAsync(Create("c")); // echoes what comes
        Clock.Advance(TimeSpan.FromMinutes(20));

        await SendAsync(far, tube.TubeId, new byte[] { 1 });
        Clock.Advance(TimeSpan.FromMinutes(29));
        await StateAsync(tube.TubeId, TubeState.Ready);

        Clock.Advance(TimeSpan.FromMinutes(1));
        await ClosedAsync(tube.TubeId, CloseReason.IdleTimeout);
        Registry.Directory.TryGetClosed(tube.TubeId, out var closed).ShouldBeTrue();
        closed.Traffic.LastReceivedAt.ShouldBe(Clock.Now - TimeSpan.FromMinutes(30));
        closed.Traffic.LastSentAt.ShouldBe(Clock.Now - TimeSpan.FromMinutes(30));
    }

    [Fact]
    public async Task Keepalives_are_no_user_bytes()
    {
        var (tube, _, far) = await ReadyAsync(Create("t", Listen));

        for (var minute = 0; minute < 30; minute++)
        {
            await far.Channels.Single().SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0)));
            Clock.Advance(TimeSpan.FromMinutes(1));
        }

        await ClosedAsync(tube.TubeId, CloseReason.IdleTimeout);
        Registry.Directory.TryGetClosed(tube.TubeId, out var closed).ShouldBeTrue();
        closed.Traffic.LastReceivedAt.ShouldBeNull();
        closed.Traffic.LastSentAt.ShouldBeNull();
    }

    [Fact]
    public async Task A_tube_ends_at_its_age_limit_however_busy_it_is()
    {
        var (tube, _, far) = await ReadyAsync(Create("c"));
        for (var i = 0; i < 8 * 4; i++)
        {
            await StateAsync(tube.TubeId, TubeState.Ready);
            await SendAsync(far, tube.TubeId, new byte[] { 1 });
            Clock.Advance(TimeSpan.FromMinutes(15));
        }

        await ClosedAsync(tube.TubeId, CloseReason.AgeLimit);
        Registry.Directory.TryGetClosed(tube.TubeId, out var closed).ShouldBeTrue();
        closed.CloseText.ShouldBe("The tube reached its age limit of 28800 s.");
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(60, 30)]
    public async Task A_create_may_ask_for_less_but_not_for_more(int asked, int expected)
    {
        var offerer = await CreatedAsync(Create("near") with { IdleTimeout = TimeSpan.FromMinutes(asked) });
        var answerer = await CreatedAsync(Create("far") with { Offer = offerer.Offer });
        await Registry.SetRemoteDescriptionAsync(new(offerer.TubeId, DescriptionType.Answer, answerer.Answer!));
        await StateAsync(offerer.TubeId, TubeState.Ready);

        Clock.Advance(TimeSpan.FromMinutes(expected) - Moment);
        await StateAsync(offerer.TubeId, TubeState.Ready);
        Clock.Advance(Moment);

        await ClosedAsync(offerer.TubeId, CloseReason.IdleTimeout);
    }

    [Fact]
    public async Task An_age_limit_that_comes_while_the_tube_is_made_ends_it_too()
    {
        Peers.Hold("CreateOffer");
        var creating = Registry.CreateAsync(Create("c") with { MaxAge = TimeSpan.FromSeconds(1) });
        await AwaitAssertAsync(() => Peers.Connections.Count.ShouldBe(1));

        Clock.Advance(TimeSpan.FromSeconds(1));

        (await creating).ShouldBeOfType<Refused>().Message.ShouldContain("age limit");
        await NothingLeftAsync();
    }

    private async Task SendAsync(Scripted.ScriptedPeerConnection far, TubeId tube, byte[] message)
    {
        await far.Channels.Single().SendAsync(message);
        await AwaitAssertAsync(() =>
        {
            Registry.Directory.TryGetTraffic(tube, out var traffic).ShouldBeTrue();
            traffic.LastSentAt.ShouldBe(Clock.Now); // its echo
        });
    }

    private Task ClosedAsync(TubeId tube, CloseReason reason) => AwaitAssertAsync(() =>
    {
        Registry.Directory.TryGetClosed(tube, out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(reason);
    });
}
