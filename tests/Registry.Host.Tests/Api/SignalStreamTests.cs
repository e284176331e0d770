using System.Net;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

public sealed class SignalStreamTests
{
    private static readonly TubeId Tube = new("t1");

    [Fact]
    public async Task Signals_are_numbered_events_and_the_stream_ends_when_they_do()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        gateway.Registry.Emit(new IceCandidateFound(Tube, 1, default, "candidate:1 1 udp 1 127.0.0.1 9 typ host"));
        gateway.Registry.Emit(new ConnectionStateChanged(Tube, 2, default, TubeState.Ready));
        gateway.Registry.Emit(new GuacdInstruction(Tube, 3, default, "c", "4.size,1.0,4.1024,3.768;"));
        gateway.Registry.Emit(new ChannelClosed(Tube, 4, default, "c", "tube_closed", CloseReason.Client));
        gateway.Registry.Emit(new TubeClosed(Tube, 5, default, CloseReason.Client, "Bye."));
        gateway.Registry.EndSignals();

        await using var stream = await OpenEvents.OfAsync(gateway.Http, "/v1/tubes/t1/signals");
        var events = await stream.RestAsync();

        events.Select(e => (e.Id, e.Kind)).ShouldBe([("1", "ice_candidate"), ("2", "connection_state_changed"), ("3", "guacd_instruction"), ("4", "channel_closed"), ("5", "tube_closed")]);
        events[0].Data.GetProperty("candidate").GetString().ShouldBe("candidate:1 1 udp 1 127.0.0.1 9 typ host");
        events[1].Data.GetProperty("state").GetString().ShouldBe("ready");
        (events[2].Data.GetProperty("channelId").GetString(), events[2].Data.GetProperty("instruction").GetString()).ShouldBe(("c", "4.size,1.0,4.1024,3.768;"));
        events[3].Data.GetProperty("outcome").GetString().ShouldBe("tube_closed");
        events[3].Data.GetProperty("closeReason").GetProperty("code").GetInt32().ShouldBe(5);
        events[4].Data.GetProperty("text").GetString().ShouldBe("Bye.");
    }

    [Fact]
    public async Task Last_event_id_and_after_say_where_to_go_on()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        gateway.Registry.EndSignals();

        await using var first = await OpenEvents.OfAsync(gateway.Http, "/v1/tubes/t1/signals?after=3");
        gateway.Registry.AskedAfter.ShouldBe(3);
        await using var second = await OpenEvents.OfAsync(gateway.Http, "/v1/tubes/t1/signals?after=3", "7");
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
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": events");
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("");

        time.Advance(TimeSpan.FromSeconds(15));

        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": heartbeat");
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
            (await reader.ReadLineAsync()).ShouldBe(": events");
        }
        await gateway.Registry.Released.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task A_gateway_that_stops_ends_open_streams()
    {
        var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[Tube] = new(Tube, "n", TubeState.Connecting);
        using var response = await gateway.Http.GetAsync("/v1/tubes/t1/signals", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync()).ShouldBe(": events");
        var rest = reader.ReadToEndAsync();

        await gateway.DisposeAsync();

        (await rest.WaitAsync(Eventually.Patience)).Trim().ShouldBe("");
        await gateway.Registry.Released.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Signals_of_an_unknown_tube_are_a_problem()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var (status, body) = await gateway.SendAsync(HttpMethod.Get, "/v1/tubes/nobody/signals");
        status.ShouldBe(HttpStatusCode.NotFound);
        body.GetProperty("code").GetString().ShouldBe("tube_not_found");
    }
}
