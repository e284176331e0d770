using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Wrong input over HTTP against the real stack: each is refused by name, and nothing stays behind.</summary>
public sealed class BadSignallingTests : IAsyncLifetime
{
    private RealGateway gateway = null!;
    private InProcessRegistry peer = null!;

    public async Task InitializeAsync()
    {
        gateway = await RealGateway.StartAsync();
        peer = await InProcessRegistry.StartAsync(new() { PeerConnections = new() { SocketPerConnection = true } });
    }

    public async Task DisposeAsync()
    {
        await peer.DisposeAsync();
        await gateway.DisposeAsync();
    }

    [Theory]
    [InlineData("not base64!")]
    [InlineData("aGVsbG8gd29ybGQ=")]
    public async Task An_offer_that_is_no_description_is_refused(string offer)
    {
        var problem = await RefusedCreateAsync(offer);
        problem.GetProperty("code").GetString().ShouldBe("invalid_sdp");
        problem.GetProperty("field").GetString().ShouldBe("offer");
        await NothingStaysAsync();
    }

    [Theory]
    [InlineData("a=fingerprint", "fingerprint")]
    [InlineData("a=ice-ufrag", "ice-ufrag")]
    [InlineData("m=application", "m=application")]
    public async Task An_offer_that_lacks_a_line_is_refused_and_the_line_is_named(string prefix, string named)
    {
        var offer = await MakeOfferAsync();
        var lines = Encoding.UTF8.GetString(Convert.FromBase64String(offer.Offer!)).Split('\n').Where(line => !line.StartsWith(prefix, StringComparison.Ordinal));

        var problem = await RefusedCreateAsync(Convert.ToBase64String(Encoding.UTF8.GetBytes(string.Join('\n', lines))));

        problem.GetProperty("code").GetString().ShouldBe("invalid_sdp");
        problem.GetProperty("detail").GetString()!.ShouldContain(named);
        await NothingStaysAsync();
    }

    [Fact]
    public async Task A_certificate_with_another_fingerprint_ends_the_tube_with_that_reason()
    {
        var offer = await MakeOfferAsync();
        var sdp = Encoding.UTF8.GetString(Convert.FromBase64String(offer.Offer!));
        var at = sdp.IndexOf("a=fingerprint:", StringComparison.Ordinal);
        var digit = sdp.IndexOf(' ', at + 1) + 1;
        var wrong = sdp[..digit] + (sdp[digit] == '0' ? '1' : '0') + sdp[(digit + 1)..];

        using var client = new GatewayClient(new(gateway.Url));
        var created = await client.CreateTubeAsync(new() { ConversationId = "c", Settings = Echo, TrickleIce = false, Offer = Convert.ToBase64String(Encoding.UTF8.GetBytes(wrong)) }, default);
        (await peer.Registry.SetRemoteDescriptionAsync(new(offer.TubeId, DescriptionType.Answer, created.Answer!))).ShouldBe(Done.Instance);

        SignalBody? last = null;
        await foreach (var signal in client.ReadSignalsAsync(created.TubeId, CancellationToken.None))
            last = signal;
        last!.Kind.ShouldBe("tube_closed");
        last.CloseReason!.Name.ShouldBe(nameof(CloseReason.ConnectionFailed));
        last.Text!.ShouldContain("fingerprint");
        await NothingStaysAsync();
    }

    [Fact]
    public async Task A_candidate_that_does_not_parse_is_refused_and_its_place_named()
    {
        var offer = await MakeOfferAsync();
        var created = await CreateAsync(offer.Offer!);
        var tubeId = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("tubeId").GetString();

        using var response = await gateway.Http.PostAsJsonAsync($"/v1/tubes/{tubeId}/candidates", new { candidates = new[] { "candidate:1 one udp" } });

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        problem.GetProperty("code").GetString().ShouldBe("invalid_candidate");
        problem.GetProperty("detail").GetString()!.ShouldContain("candidates[0]");
        (await gateway.Http.DeleteAsync(new Uri($"/v1/tubes/{tubeId}", UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await gateway.Http.DeleteAsync(new Uri($"/v1/tubes/{tubeId}", UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await NothingStaysAsync();
    }

    [Fact]
    public async Task A_conversation_that_is_live_is_refused_and_its_tube_named()
    {
        using var first = await CreateAsync((await MakeOfferAsync()).Offer!);
        first.StatusCode.ShouldBe(HttpStatusCode.Created);
        var tubeId = (await first.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("tubeId").GetString();

        using var second = await CreateAsync((await MakeOfferAsync()).Offer!);

        second.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        var problem = await second.Content.ReadFromJsonAsync<JsonElement>();
        problem.GetProperty("code").GetString().ShouldBe("conversation_exists");
        problem.GetProperty("tubeId").GetString().ShouldBe(tubeId);
        (await gateway.Http.DeleteAsync(new Uri("/v1/conversations/c", UriKind.Relative))).IsSuccessStatusCode.ShouldBeTrue();
        (await gateway.Http.DeleteAsync(new Uri($"/v1/tubes/{tubeId}", UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await NothingStaysAsync();
    }

    [Fact]
    public async Task Signals_are_replayed_after_the_last_one_the_client_has()
    {
        using var created = await CreateAsync((await MakeOfferAsync()).Offer!, trickle: true);
        var tubeId = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("tubeId").GetString()!;
        (await gateway.Http.DeleteAsync(new Uri($"/v1/tubes/{tubeId}", UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        var all = await ReadIdsAsync(tubeId, null);
        all.ShouldBe(Enumerable.Range(1, all.Count).Select(number => (long)number));
        all.Count.ShouldBeGreaterThan(2);
        (await ReadIdsAsync(tubeId, "2")).ShouldBe(all.Skip(2));
    }

    private static Dictionary<string, JsonElement> Echo => TubeSettings.Of(new { conversationType = "echo" });

    private async Task<List<long>> ReadIdsAsync(string tubeId, string? lastEventId)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/tubes/{tubeId}/signals");
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        using var response = await gateway.Http.SendAsync(request).WaitAsync(Eventually.Patience);
        var text = await response.Content.ReadAsStringAsync().WaitAsync(Eventually.Patience);
        text.ShouldContain("event: tube_closed");
        return [.. text.Split('\n').Where(line => line.StartsWith("id: ", StringComparison.Ordinal)).Select(line => long.Parse(line[4..], System.Globalization.CultureInfo.InvariantCulture))];
    }

    private async Task<TubeCreated> MakeOfferAsync() =>
        (await peer.Registry.CreateAsync(new(new($"peer-{Guid.NewGuid()}"), new EchoSettings()) { TrickleIce = false })).ShouldBeOfType<TubeCreated>();

    private Task<HttpResponseMessage> CreateAsync(string offer, bool trickle = false) =>
        gateway.Http.PostAsJsonAsync("/v1/tubes", new { conversationId = "c", settings = Echo, offer, trickleIce = trickle });

    private async Task<JsonElement> RefusedCreateAsync(string offer)
    {
        using var response = await CreateAsync(offer);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task NothingStaysAsync()
    {
        await Eventually.BecomesAsync(0, () => gateway.Registry.Directory.Count, "tubes");
        await Eventually.BecomesAsync(0, () => gateway.Registry.Capacity.ActiveCreates, "creates");
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tube actors");
        await Eventually.BecomesAsync(0, () => gateway.OpenConnections, "peer connections");
    }
}
