using System.Net;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;

namespace Registry.Host.Tests.Api;

/// <summary><c>GET /v1/events</c> over a scripted registry.</summary>
public sealed class EventApiTests
{
    private static readonly TubeId Tube = new("t1");

    [Fact]
    public async Task Listed_tubes_carry_no_id_so_that_a_client_cut_off_within_the_list_gets_all_of_it_again()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Emit(new TubeListed(new(Tube, "n", TubeState.Ready) { Owner = "o" }));
        gateway.Registry.Emit(new TubesListed("run-7", "n"));
        gateway.Registry.Emit(new TubeSignalled("run-8", new ConnectionStateChanged(Tube, 3, default, TubeState.Disconnected)));
        gateway.Registry.Emit(new TubeSignalled("run-9", new TubeClosed(Tube, 4, default, CloseReason.Client, "Bye.")));
        gateway.Registry.EndChanges();

        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        var events = await stream.RestAsync();

        gateway.Registry.AskedFrom.ShouldBeNull();
        events[1].Data.GetProperty("node").GetString().ShouldBe("n");
        events.Select(e => e.Kind).ShouldBe(["tube", "tubes_listed", "connection_state_changed", "tube_closed"]);
        events.Select(e => e.Id).ShouldBe([null, "run-7", "run-8", "run-9"]);
        events[0].Data.GetProperty("owner").GetString().ShouldBe("o");
        events[0].Data.GetProperty("state").GetString().ShouldBe("ready");
        events[2].Data.GetProperty("sequence").GetInt64().ShouldBe(3);
        events[3].Data.GetProperty("closeReason").GetProperty("name").GetString().ShouldBe("Client");
    }

    [Fact]
    public async Task An_id_says_where_to_go_on_and_the_header_wins()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Emit(new TubesListed("run-7", "n"));
        gateway.Registry.EndChanges();
        await using var first = await OpenEvents.OfAsync(gateway.Http);
        var id = (await first.NextAsync()).Id!;

        await using var byHeader = await OpenEvents.OfAsync(gateway.Http, "/v1/events?after=nonsense", id);
        gateway.Registry.AskedFrom.ShouldBe("run-7");
        await using var byQuery = await OpenEvents.OfAsync(gateway.Http, "/v1/events?after=run-3");
        gateway.Registry.AskedFrom.ShouldBe("run-3");
    }

    [Fact]
    public async Task A_silent_node_sends_heartbeats_every_15_seconds()
    {
        var time = new FakeTimeProvider();
        await using var gateway = await ScriptedGateway.StartAsync(time);
        using var response = await gateway.Http.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": events");

        // The first heartbeat's timer runs since before that line.
        time.Advance(TimeSpan.FromSeconds(14.9));
        gateway.Registry.Emit(new TubesListed("run-1", "n"));
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("");
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience))!.ShouldStartWith("id: ");
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("event: tubes_listed");
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("data: {\"node\":\"n\"}");
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe("");
        time.Advance(TimeSpan.FromSeconds(0.1));
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": heartbeat");
    }

    [Fact]
    public async Task A_client_that_leaves_releases_its_watch()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Emit(new TubesListed("run-0", "n"));
        await using (var stream = await OpenEvents.OfAsync(gateway.Http))
            await stream.NextAsync();
        await gateway.Registry.Released.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task A_gateway_that_stops_ends_open_watches()
    {
        var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Emit(new TubesListed("run-0", "n"));
        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        await stream.NextAsync();

        var stopping = gateway.DisposeAsync().AsTask();

        (await stream.RestAsync()).ShouldBeEmpty();
        await gateway.Registry.Released.Task.WaitAsync(Eventually.Patience);
        await stopping.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task A_registry_that_fails_cuts_the_stream_rather_than_ending_it_as_if_all_were_said()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Emit(new TubesListed("run-0", "n"));
        await using var stream = await OpenEvents.OfAsync(gateway.Http);
        await stream.NextAsync();

        gateway.Registry.EndChanges(new InvalidOperationException("A bug."));

        await Should.ThrowAsync<HttpIOException>(stream.NextOrEndAsync());
    }
}
