using System.Globalization;
using System.Net;
using System.Text;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Meters are the process's: another gateway in it would be scraped too.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public sealed class AloneInTheProcess;

/// <summary><c>/metrics</c> of a gateway over the real stack.</summary>
[Collection(nameof(AloneInTheProcess))]
public sealed class MetricsTests : IAsyncLifetime
{
    private const int Bytes = 10_000;

    private RealGateway gateway = null!;

    public async Task InitializeAsync() => gateway = await RealGateway.WithAsync("registry.tube.connecting-timeout = 10m");

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Fact]
    public async Task Tubes_creates_refusals_ends_durations_and_bytes_are_counted()
    {
        await gateway.CreateTubeAsync("waits");
        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("goes"));
        (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId = "waits", settings = RealGateway.Echo })).Status.ShouldBe(HttpStatusCode.Conflict);
        await using var peers = PeerConnectionFactory.Create();
        await using var peer = peers.CreatePeerConnection();
        await EchoAsync(peer, "talks");

        var figures = await ScrapeUntilAsync(now => now.GetValueOrDefault("registry_tubes{state=\"ready\"}") == 1 && now["registry_traffic_bytes_total{direction=\"sent\"}"] >= Bytes);

        figures["registry_tubes{state=\"connecting\"}"].ShouldBe(1);
        figures["registry_tubes{state=\"closed\"}"].ShouldBe(0);
        figures["registry_creates_total{outcome=\"created\"}"].ShouldBe(3);
        figures["registry_creates_in_flight"].ShouldBe(0);
        figures["registry_creates_waiting"].ShouldBe(0);
        figures["registry_refusals_total{code=\"conversation_exists\"}"].ShouldBe(1);
        figures["registry_tubes_closed_total{reason=\"Client\"}"].ShouldBe(1);
        figures["registry_channels_closed_total{reason=\"Client\"}"].ShouldBe(1);
        ShouldHaveCarriedTheEcho(figures);
        figures["registry_traffic_messages_total{direction=\"received\"}"].ShouldBeInRange(1, 2);
        figures["registry_create_duration_seconds_count{outcome=\"created\"}"].ShouldBe(3);
        figures["registry_create_duration_seconds_bucket{outcome=\"created\",le=\"+Inf\"}"].ShouldBe(3);
        figures["registry_create_duration_seconds_sum{outcome=\"created\"}"].ShouldBeInRange(double.Epsilon, Eventually.Patience.TotalSeconds);
        figures["registry_close_duration_seconds_count"].ShouldBe(1);
        figures.Keys.ShouldContain(name => name.StartsWith("dotnet_gc_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_tube_carried_stays_counted_after_its_end()
    {
        await using var peers = PeerConnectionFactory.Create();
        await using var peer = peers.CreatePeerConnection();
        var tube = await EchoAsync(peer, "talks");
        await gateway.CloseTubeAsync(tube);

        var figures = await ScrapeUntilAsync(now => now["registry_tubes_closed_total{reason=\"Client\"}"] == 1);

        ShouldHaveCarriedTheEcho(figures);
        figures["registry_tubes{state=\"ready\"}"].ShouldBe(0);
    }

    [Fact]
    public async Task A_thousand_tubes_have_the_series_of_five_and_none_names_one()
    {
        await MakeAndCloseAsync(5); // and whatever the runtime counts once it has happened
        var few = await MakeAndCloseAsync(5);
        var many = await MakeAndCloseAsync(1000);

        many.ShouldBe(few, ignoreOrder: true);
        (await gateway.Http.GetStringAsync("/metrics")).ShouldContain("# TYPE registry_tubes gauge");
    }

    private static void ShouldHaveCarriedTheEcho(Dictionary<string, double> figures)
    {
        foreach (var direction in new[] { "sent", "received" })
            figures[$"registry_traffic_bytes_total{{direction=\"{direction}\"}}"].ShouldBe(Bytes);
    }

    /// <returns>The gateway's series, while the tubes lived and after.</returns>
    private async Task<string[]> MakeAndCloseAsync(int count)
    {
        var tubes = new List<TubeId>();
        foreach (var batch in Enumerable.Range(0, count).Chunk(50))
            foreach (var reply in await Task.WhenAll(batch.Select(number => gateway.Registry.CreateAsync(
                new(new($"conversation-{count}-{number}"), TunnelSettings.Dial($"target-{number}.example", 1000 + number)) { Owner = $"owner-{count}-{number}", RequestKey = $"key-{count}-{number}" }))))
                tubes.Add(reply.ShouldBeOfType<TubeCreated>().TubeId);
        var during = await ScrapeUntilAsync(now => now["registry_tubes{state=\"connecting\"}"] == count);
        foreach (var batch in tubes.Chunk(50))
            await Task.WhenAll(batch.Select(tube => gateway.Registry.CloseTubeAsync(new(tube))));
        var after = await ScrapeUntilAsync(now => now["registry_tubes{state=\"connecting\"}"] == 0);

        // What .NET counts, such as exceptions by type, depends on what happens, not on tubes.
        string[] series = [.. during.Keys.Union(after.Keys).Where(name => !name.StartsWith("dotnet_", StringComparison.Ordinal))];
        foreach (var name in series)
            foreach (var own in new[] { "conversation-", "owner-", "target-", "key-", tubes[0].ToString(), tubes[^1].ToString() })
                name.ShouldNotContain(own);
        return series;
    }

    /// <summary>Connects a peer and sends <see cref="Bytes"/> there and back.</summary>
    /// <returns>The gateway's tube.</returns>
    private async Task<string> EchoAsync(IPeerConnection peer, string conversationId)
    {
        var channel = peer.CreateDataChannel(conversationId);
        var offer = await peer.CreateOfferAsync();
        await peer.SetLocalDescriptionAsync(offer);
        // The gateway's candidates are enough: it finds the peer's by the checks that come in.
        var (status, created) = await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId, settings = RealGateway.Echo, offer = SdpText.Encode(offer.Sdp), trickleIce = false });
        status.ShouldBe(HttpStatusCode.Created, created.ToString());
        await peer.SetRemoteDescriptionAsync(new(SdpType.Answer, Encoding.UTF8.GetString(created.GetProperty("answer").GetBytesFromBase64())));
        await channel.WaitForOpenAsync().WaitAsync(Eventually.Patience);
        await channel.SendAsync(new byte[Bytes]);
        using var echo = await channel.ReceiveAsync().AsTask().WaitAsync(Eventually.Patience);
        echo.ShouldNotBeNull().Data.Length.ShouldBe(Bytes);
        return created.GetProperty("tubeId").GetString()!;
    }

    // A scrape is answered from the last one for a moment, and what other threads count may be on its way.
    private async Task<Dictionary<string, double>> ScrapeUntilAsync(Func<Dictionary<string, double>, bool> wanted)
    {
        var deadline = Environment.TickCount64 + (long)Eventually.Patience.TotalMilliseconds;
        while (true)
        {
            var text = await gateway.Http.GetStringAsync("/metrics");
            var figures = text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(Parse).ToDictionary();
            if (wanted(figures))
                return figures;
            Environment.TickCount64.ShouldBeLessThan(deadline, text);
            await Task.Delay(20);
        }
    }

    private static (string Series, double Value) Parse(string line)
    {
        var separator = line.LastIndexOf(' ');
        var series = line[..separator].Replace("otel_scope_name=\"Registry\"", "", StringComparison.Ordinal).Replace("{,", "{", StringComparison.Ordinal).Replace("{}", "", StringComparison.Ordinal);
        return (series, double.Parse(line[(separator + 1)..], CultureInfo.InvariantCulture));
    }
}
