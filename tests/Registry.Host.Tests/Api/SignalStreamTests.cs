using System.Net;
using Microsoft.Extensions.Time.Testing;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

public sealed class SignalStreamTests
{
    private static readonly TubeId Tube = new("t1");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Signals_are_numbered_events_and_the_stream_ends_when_they_do()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        gateway.Registry.Emit(new IceCandidateFound(Tube, 1, default, "candidate:1 1 udp 1 127.0.0.1 9 typ host"));
        gateway.Registry.Emit(new ConnectionStateChanged(Tube, 2, default, TubeState.Ready));
        gateway.Registry.Emit(new ChannelClosed(Tube, 3, default, "c", "tube_closed", CloseReason.Client));
        gateway.Registry.Emit(new TubeClosed(Tube, 4, default, CloseReason.Client, "Bye."));
        gateway.Registry.EndSignals();

        var events = await ReadAllAsync(gateway, "/v1/tubes/t1/signals");

        events.Select(e => (e.Id, e.Type)).ShouldBe([("1", "ice_candidate"), ("2", "connection_state_changed"), ("3", "channel_closed"), ("4", "tube_closed")]);
        events[0].Data.GetProperty("candidate").GetString().ShouldBe("candidate:1 1 udp 1 127.0.0.1 9 typ host");
        events[1].Data.GetProperty("state").GetString().ShouldBe("ready");
        events[2].Data.GetProperty("outcome").GetString().ShouldBe("tube_closed");
        events[2].Data.GetProperty("closeReason").GetProperty("code").GetInt32().ShouldBe(5);
        events[3].Data.GetProperty("text").GetString().ShouldBe("Bye.");
    }

    [Fact]
    public async Task Last_event_id_and_after_say_where_to_go_on()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        gateway.Registry.EndSignals();

        await ReadAllAsync(gateway, "/v1/tubes/t1/signals?after=3");
        gateway.Registry.AskedAfter.ShouldBe(3);
        await ReadAllAsync(gateway, "/v1/tubes/t1/signals?after=3", "7");
        gateway.Registry.AskedAfter.ShouldBe(7);
    }

    [Fact]
    public async Task A_silent_stream_sends_heartbeats_every_15_seconds()
    {
        var time = new FakeTimeProvider();
        await using var gateway = await ScriptedGateway.StartAsync(time);
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        using var response = await gateway.Http.GetAsync("/v1/tubes/t1/signals", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync().WaitAsync(Patience)).ShouldBe(": signals");
        (await reader.ReadLineAsync().WaitAsync(Patience)).ShouldBe("");

        var line = reader.ReadLineAsync();
        // The timer starts after the first line was sent, so the clock is moved until it is running and fires.
        while (!line.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(15));
            await Task.Yield();
        }
        (await line).ShouldBe(": heartbeat");
    }

    [Fact]
    public async Task A_client_that_leaves_releases_the_subscription()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        gateway.Registry.Emit(new ConnectionStateChanged(Tube, 1, default, TubeState.Ready));
        using (var response = await gateway.Http.GetAsync("/v1/tubes/t1/signals", HttpCompletionOption.ResponseHeadersRead))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            (await reader.ReadLineAsync()).ShouldBe(": signals");
        }
        await gateway.Registry.Released.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_gateway_that_stops_ends_open_streams()
    {
        var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        using var response = await gateway.Http.GetAsync("/v1/tubes/t1/signals", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync()).ShouldBe(": signals");
        var rest = reader.ReadToEndAsync();

        await gateway.DisposeAsync();

        (await rest.WaitAsync(Patience)).Trim().ShouldBe("");
        await gateway.Registry.Released.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task Signals_of_an_unknown_tube_are_a_problem()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var (status, body) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/nobody/signals");
        status.ShouldBe(HttpStatusCode.NotFound);
        body.GetProperty("code").GetString().ShouldBe("tube_not_found");
    }

    private static async Task<List<(string Id, string Type, System.Text.Json.JsonElement Data)>> ReadAllAsync(ScriptedGateway gateway, string path, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        using var response = await gateway.Http.SendAsync(request).WaitAsync(Patience);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var text = await response.Content.ReadAsStringAsync().WaitAsync(Patience);
        return [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(block => block[0] != ':').Select(Parse)];
    }

    private static (string Id, string Type, System.Text.Json.JsonElement Data) Parse(string block)
    {
        var fields = block.Split('\n').Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return (fields["id"], fields["event"], System.Text.Json.JsonDocument.Parse(fields["data"]).RootElement);
    }
}
