using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Trace;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Telemetry;

/// <summary>What a gateway sends to a receiver of OTLP.</summary>
public sealed class TraceExportTests
{
    [Fact]
    public async Task A_call_is_one_trace_from_the_callers_traceparent_to_the_first_channel()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var gateway = await RealGateway.WithAsync(receiver.Setting);
        var (trace, caller) = (ActivityTraceId.CreateRandom().ToHexString(), ActivitySpanId.CreateRandom().ToHexString());
        await using var peer = new EchoPeer();
        await peer.ConnectAsync(gateway.Http, "traced", traceParent: $"00-{trace}-{caller}-01");

        var spans = await receiver.TraceAsync(trace, () => Flush(gateway), "POST /v1/tubes", "tube.connect");

        var call = spans.Single(s => s.Name == "POST /v1/tubes");
        (call.ParentId, call.Attributes["http.route"]).ShouldBe((caller, "/v1/tubes"));
        var create = spans.Single(s => s.Name == "registry.create");
        (create.ParentId, create.Source, create.Attributes["tube.id"], create.IsError).ShouldBe((call.SpanId, "Registry", peer.TubeId, false));
        var connect = spans.Single(s => s.Name == "tube.connect");
        foreach (var name in new[] { "registry.admit", "tube.make", "tube.connect" })
            spans.Single(s => s.Name == name).ParentId.ShouldBe(create.SpanId, name);
        foreach (var name in new[] { "ice.connect", "dtls.connect", "sctp.connect" })
            spans.Single(s => s.Name == name).ParentId.ShouldBe(connect.SpanId, name);
        spans.Count.ShouldBe(8);
    }

    [Fact]
    public async Task A_refusal_is_an_error_of_its_code_and_calls_that_are_made_all_the_time_are_left_out()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var gateway = await RealGateway.WithAsync(receiver.Setting);
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        gateway.Http.DefaultRequestHeaders.Add("traceparent", $"00-{trace}-b7ad6b7169203331-01");
        foreach (var path in new[] { "/metrics", "/healthz", "/readyz" })
            (await gateway.Http.GetAsync(path)).IsSuccessStatusCode.ShouldBeTrue();
        using var refused = await gateway.Http.PostAsJsonAsync("/v1/tubes", new { conversationId = "c", settings = RealGateway.Echo, offer = "?" });
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);

        var spans = await receiver.TraceAsync(trace, () => Flush(gateway), "POST /v1/tubes");

        spans.Count(s => s.ParentId == "b7ad6b7169203331").ShouldBe(1);
        var create = spans.Single(s => s.Name == "registry.create");
        (create.IsError, create.Attributes["error.type"]).ShouldBe((true, "invalid_sdp"));
    }

    [Fact]
    public async Task A_receiver_that_is_not_there_stops_nothing()
    {
        await using var gateway = await RealGateway.WithAsync($"registry.telemetry.otlp-endpoint = \"http://127.0.0.1:1\"");

        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("c"));
    }

    private static void Flush(RealGateway gateway) => gateway.Services.GetRequiredService<TracerProvider>().ForceFlush();
}
