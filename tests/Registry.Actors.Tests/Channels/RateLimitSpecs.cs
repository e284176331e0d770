using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels.Flow;

namespace Registry.Actors.Tests.Channels;

public sealed class RateLimitSpecs
{
    private const int Rate = 10_000;
    private const int Burst = Rate / 4;
    private const int Piece = 1000;

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task After_a_burst_so_many_bytes_pass_in_a_second()
    {
        using var limit = new RateLimit(Rate, time);
        Task[] tasks = [.. Enumerable.Range(0, 100).Select(_ => limit.PayAsync(new(), Piece, CancellationToken.None).AsTask())];
        Passed().ShouldBe(Burst / Piece + 1); // the last on credit

        for (var second = 1; second <= 5; second++)
        {
            Advance(TimeSpan.FromSeconds(1));
            // A timer counts milliseconds, and the clock of this test moves by ten.
            var least = (Burst + second * Rate) / Piece - 1;
            await TunnelFixture.UntilAsync(() => Passed() >= least);
            Passed().ShouldBeLessThanOrEqualTo(least + 2);
        }

        int Passed() => tasks.Count(task => task.IsCompleted);
    }

    [Fact]
    public async Task A_pause_saves_up_one_burst_and_no_more()
    {
        using var limit = new RateLimit(Rate, time);
        await limit.PayAsync(new(), Burst, CancellationToken.None);
        time.Advance(TimeSpan.FromHours(1));

        await limit.PayAsync(new(), Burst, CancellationToken.None);
        limit.PayAsync(new(), 1, CancellationToken.None).AsTask().IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_keystroke_passes_the_bulk_transfers_that_wait()
    {
        using var limit = new RateLimit(Rate, time);
        await limit.PayAsync(new(), Burst + Piece, CancellationToken.None);
        RateAccount[] bulk = [.. Enumerable.Range(0, 20).Select(_ => new RateAccount { Paid = Piece })]; // each has had its turn
        Task[] waiting = [.. bulk.Select(account => limit.PayAsync(account, Piece, CancellationToken.None).AsTask())];

        var keystroke = limit.PayAsync(new(), 1, CancellationToken.None).AsTask();
        Advance(TimeSpan.FromMilliseconds(Piece * 1000 / Rate + 20));

        await TunnelFixture.UntilAsync(() => keystroke.IsCompleted);
        waiting.Count(task => task.IsCompleted).ShouldBeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task Those_who_send_much_get_equal_parts_whatever_the_size_of_their_pieces()
    {
        using var limit = new RateLimit(Rate, time);
        int[] pieces = [100, 500, 1000];
        Task[][] payments = [.. pieces.Select(piece =>
        {
            var account = new RateAccount();
            return (Task[])[.. Enumerable.Range(0, 60_000 / piece).Select(_ => limit.PayAsync(account, piece, CancellationToken.None).AsTask())];
        })];

        Advance(TimeSpan.FromSeconds(6));
        await TunnelFixture.UntilAsync(() => Passed().Sum() >= 6 * Rate);

        // The first had the burst to itself.
        Passed().ShouldAllBe(bytes => bytes >= 6 * Rate / 3 - 1000 && bytes <= 6 * Rate / 3 + Burst + 1000, string.Join(' ', Passed()));

        int[] Passed() => [.. payments.Select((tasks, i) => tasks.Count(task => task.IsCompleted) * pieces[i])];
    }

    [Fact]
    public async Task Who_gives_up_pays_nothing()
    {
        using var limit = new RateLimit(Rate, time);
        await limit.PayAsync(new(), Burst + Piece, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var first = limit.PayAsync(new(), 1_000_000, stop.Token).AsTask();
        var second = limit.PayAsync(new(), 1, CancellationToken.None).AsTask();

        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => first);
        Advance(TimeSpan.FromMilliseconds(Piece * 1000 / Rate + 20));

        await TunnelFixture.UntilAsync(() => second.IsCompleted);
        limit.PayAsync(new(), 1, CancellationToken.None).AsTask().IsCompleted.ShouldBeTrue(); // something is left
    }

    [Fact]
    public void Tubes_of_one_owner_share_a_limit_for_as_long_as_there_are_any()
    {
        var owners = new OwnerRates(LimitsOf(Rate), time);
        var one = owners.Open("a", null);
        var two = owners.Open("a", 2 * Rate);
        var other = owners.Open("b", null);
        owners.Open(null, null).Sending.ShouldBeEmpty();

        two.Sending.Count.ShouldBe(2);
        two.Sending[1].ShouldBe(one.Sending.ShouldHaveSingleItem());
        two.Receiving[1].ShouldBe(one.Receiving.ShouldHaveSingleItem());
        one.Receiving[0].ShouldNotBe(one.Sending[0]);
        other.Sending[0].ShouldNotBe(one.Sending[0]);

        one.Dispose();
        owners.Count.ShouldBe(2);
        two.Dispose();
        other.Dispose();
        owners.Count.ShouldBe(0);
        new OwnerRates(LimitsOf(null), time).Open("a", null).Sending.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_owner_s_rate_changes_for_the_tubes_it_has()
    {
        var limits = LimitsOf(Rate);
        var tube = new OwnerRates(limits, time).Open("a", null);
        var sending = tube.Sending.ShouldHaveSingleItem();
        await sending.PayAsync(new(), Rate, CancellationToken.None);
        var waiting = sending.PayAsync(new(), 1, CancellationToken.None).AsTask();

        limits.Change(SettingsOf(1000 * Rate));
        Advance(TimeSpan.FromMilliseconds(20));

        await TunnelFixture.UntilAsync(() => waiting.IsCompleted);
        limits.Change(SettingsOf(null));
        await sending.PayAsync(new(), 100 * Rate, CancellationToken.None);
        tube.Dispose();
    }

    private static TubeLimits LimitsOf(int? ownerRate) => new(SettingsOf(ownerRate));

    private static RegistrySettings SettingsOf(int? ownerRate) => RegistrySettings.From(Akka.Configuration.Config.Empty) with { MaxOwnerBytesPerSecond = ownerRate };

    [Fact]
    public async Task A_tunnel_s_connections_are_held_to_the_rate_both_ways_and_lose_nothing()
    {
        const int rate = 100_000;
        var sent = RandomNumberGenerator.GetBytes(150_000);
        await using var server = LoopbackServer.Echo();
        await using var tunnel = new TunnelFixture(server.EndPoint, time: time, farRates: new(rate, time));
        using var client = await tunnel.ConnectAsync();
        var start = time.GetTimestamp();

        var writing = Task.Run(async () =>
        {
            await new NetworkStream(client).WriteAsync(sent);
            client.Shutdown(SocketShutdown.Send);
        });
        var reading = TunnelFixture.ReadToEndAsync(client);
        while (!reading.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(5));
            await Task.Delay(1);
        }

        await writing;
        (await reading).ShouldBe(sent);
        // The echo is under way while the rest is sent. What a burst and the piece on credit are let pass at once.
        time.GetElapsedTime(start).TotalSeconds.ShouldBeGreaterThanOrEqualTo((sent.Length - rate / 4 - 16 * 1024) / (double)rate);
    }

    private void Advance(TimeSpan by)
    {
        for (var step = TimeSpan.FromMilliseconds(10); by > TimeSpan.Zero; by -= step)
            time.Advance(step);
    }
}
