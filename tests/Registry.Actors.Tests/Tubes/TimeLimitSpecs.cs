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
        await AwaitAssertAsync(() => Registry.Directory.TryGetClosed(far.TubeId, out _).ShouldBeTrue());
        await NothingLeftAsync();
    }

    [Fact]
    public async Task User_bytes_either_way_start_the_time_anew_and_show_in_the_snapshot()
    {
        var (near, far) = await PairAsync(); // echoes: what one sends to the other comes back
        Clock.Advance(TimeSpan.FromMinutes(20));

        await Peers.Connections[0].Channels.Single().SendAsync(new byte[] { 1 });
        await AwaitAssertAsync(() =>
        {
            Registry.Directory.TryGetTraffic(far.TubeId, out var traffic).ShouldBeTrue();
            traffic.LastReceivedAt.ShouldBe(Clock.Now);
        });
        Clock.Advance(TimeSpan.FromMinutes(29));
        await StateAsync(far.TubeId, TubeState.Ready);
        await StateAsync(near.TubeId, TubeState.Ready);

        Clock.Advance(TimeSpan.FromMinutes(1));
        await ClosedAsync(far.TubeId, CloseReason.IdleTimeout);
        Registry.Directory.TryGetClosed(far.TubeId, out var closed).ShouldBeTrue();
        closed.Traffic.LastReceivedAt.ShouldBe(Clock.Now - TimeSpan.FromMinutes(30));
    }

    [Fact]
    public async Task Keepalives_are_no_user_bytes()
    {
        var (near, _) = await PairAsync("t", Listen, TunnelSettings.Dial("127.0.0.1", 9));
        var peer = Peers.Connections[1].Channels.Single();

        for (var minute = 0; minute < 30; minute++)
        {
            await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.Encode(ControlCode.Ping, 0)));
            Clock.Advance(TimeSpan.FromMinutes(1));
        }

        await ClosedAsync(near.TubeId, CloseReason.IdleTimeout);
    }

    [Fact]
    public async Task A_tube_ends_at_its_age_limit_however_busy_it_is()
    {
        var (near, _) = await PairAsync();
        for (var i = 0; i < 8 * 4; i++)
        {
            await StateAsync(near.TubeId, TubeState.Ready);
            await Peers.Connections[1].Channels.Single().SendAsync(new byte[] { 1 });
            await AwaitAssertAsync(() =>
            {
                Registry.Directory.TryGetTraffic(near.TubeId, out var traffic).ShouldBeTrue();
                traffic.LastReceivedAt.ShouldBe(Clock.Now);
            });
            Clock.Advance(TimeSpan.FromMinutes(15));
        }

        await ClosedAsync(near.TubeId, CloseReason.AgeLimit);
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

    private Task ClosedAsync(TubeId tube, CloseReason reason) => AwaitAssertAsync(() =>
    {
        Registry.Directory.TryGetClosed(tube, out var closed).ShouldBeTrue();
        closed.CloseReason.ShouldBe(reason);
    });
}
