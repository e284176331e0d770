using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Registry.Host.Security;
using Registry.Host.Telemetry;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Messages;
using LogLevel = Microsoft.Extensions.Logging.LogLevel;

namespace Registry.Host.Tests.Telemetry;

public sealed class LogTests
{
    [Fact]
    public async Task Json_lines_name_the_tube_its_conversation_and_the_trace_of_the_call()
    {
        var log = new RecordedLog();
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        await using (var gateway = await RealGateway.WithAsync("registry.telemetry.log.format = json", log))
        {
            gateway.Http.DefaultRequestHeaders.Add("traceparent", $"00-{trace}-b7ad6b7169203331-00");
            var tube = await gateway.CreateTubeAsync("talk \"7\"\u2028");
            await gateway.CloseTubeAsync(tube);
            var lines = await log.UntilAsync(text => text.Contains("closed: Client", StringComparison.Ordinal));

            var records = lines.Select(line => JsonDocument.Parse(line).RootElement).ToArray();
            foreach (var what in new[] { $" made for conversation talk \"7\"\u2028: echo, owner: -", " closed: Client" })
            {
                var record = records.Single(r => Text(r, "message")!.Contains(what, StringComparison.Ordinal));
                (Text(record, "tubeId"), Text(record, "conversationId"), Text(record, "traceId"), Text(record, "level")).ShouldBe((tube, "talk \"7\"\u2028", trace, "information"));
                DateTimeOffset.Parse(Text(record, "time")!, CultureInfo.InvariantCulture).Offset.ShouldBe(TimeSpan.Zero);
            }
            records.Single(r => Text(r, "message")!.Contains("closed: Client", StringComparison.Ordinal)).GetProperty("fields").GetProperty("Reason").GetString().ShouldBe("Client");
            records.ShouldAllBe(r => Text(r, "source")!.Length > 1);
            records.First(r => Text(r, "message")!.StartsWith("Registry of node", StringComparison.Ordinal)).GetProperty("fields").GetProperty("MaxTubes").GetInt32().ShouldBe(10000);
        }
    }

    [Fact]
    public async Task What_Akka_says_by_numbers_stands_where_its_numbers_say()
    {
        var log = new RecordedLog();
        await using var gateway = await RealGateway.WithAsync("", log);

        gateway.Services.GetRequiredService<ActorSystem>().Log.Warning("{2}: {0} before {1}, {0} again", "first", LogLevel.Debug, 3);

        (await log.UntilAsync(text => text.Contains("again", StringComparison.Ordinal))).ShouldContain(line => line.EndsWith("3: first before Debug, first again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_waits_to_be_written_when_the_gateway_stops_is_written()
    {
        var log = new RecordedLog { Pause = TimeSpan.FromMilliseconds(1) };
        await using (var gateway = await RealGateway.WithAsync("", log))
            for (var i = 0; i < 50; i++)
                gateway.Services.GetRequiredService<ActorSystem>().Log.Warning("line {0}.", i);

        log.ToString().ShouldContain("line 49.");
    }

    [Fact]
    public async Task A_category_has_a_level_of_its_own()
    {
        var log = new RecordedLog();
        await using var gateway = await RealGateway.WithAsync("""registry.telemetry.log { level = warning, levels = ["Microsoft.AspNetCore.Hosting = debug", "/user/tube-registry = information"] }""", log);
        await gateway.CloseTubeAsync(await gateway.CreateTubeAsync("c"));

        var lines = await log.UntilAsync(text => text.Contains("closed: Client", StringComparison.Ordinal) && text.Contains("Request finished", StringComparison.Ordinal));

        lines.ShouldContain(line => line.Contains("INFO [Microsoft.AspNetCore.Hosting.Diagnostics] Request starting", StringComparison.Ordinal));
        lines.ShouldNotContain(line => line.Contains("Microsoft.AspNetCore.Routing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_said_of_keys_that_their_folder_protects()
    {
        using var folder = new TemporaryFolder();
        var log = new RecordedLog();
        await using (var gateway = await RealGateway.WithAsync($"registry.auth.token-keys = \"{folder.File("tokens")}\"", log))
            gateway.Services.GetRequiredService<TubeTokens>().Create(new(new("tube"), "node", TubeState.New), DateTimeOffset.UtcNow.AddMinutes(1));

        Directory.GetFiles(folder.File("tokens")).ShouldHaveSingleItem();
        log.ToString().ShouldNotContain("WARN");
    }

    [Fact]
    public async Task Who_sends_wrong_keys_is_named_until_it_is_not_heard_any_more()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("keys"), "");
        var log = new RecordedLog();
        await using var gateway = await RealGateway.WithAsync($"registry.auth.keys = \"{folder.File("keys")}\"", log);
        gateway.Http.DefaultRequestHeaders.Authorization = new("Bearer", "tr_nobody_guess");
        for (var i = 0; i < 3 * FailedAttempts.Burst; i++)
            (await gateway.Http.GetAsync("/v1/capacity")).Dispose();

        var lines = await log.UntilAsync(text => text.Contains("too often", StringComparison.Ordinal));
        lines.First(line => line.Contains("wrong key", StringComparison.Ordinal)).ShouldMatch(@"WARN .*127\.0\.0\.1 sent a wrong key or token$");
        // As many as are looked at, and one more for each pause while this ran.
        lines.Count(line => line.Contains("wrong key", StringComparison.Ordinal)).ShouldBeInRange(FailedAttempts.Burst, 2 * FailedAttempts.Burst);
    }

    [Theory]
    [InlineData("Microsoft.AspNetCore.Routing.Matcher", LogLevel.Error)]
    [InlineData("Microsoft.AspNetCore.RoutingOther", LogLevel.Debug)]
    [InlineData("Microsoft.Extensions.Hosting.Internal", LogLevel.None)]
    [InlineData("Microsoft.Hosting", LogLevel.Warning)]
    [InlineData("Registry", LogLevel.Information)]
    public void The_longest_category_counts(string source, LogLevel level) =>
        TelemetrySettings.From(ConfigurationFactory.ParseString("""registry.telemetry.log.levels = ["Microsoft.AspNetCore=debug", " Microsoft.AspNetCore.Routing = error"]""")).Log.LevelOf(source).ShouldBe(level);

    [Theory]
    [InlineData("registry.telemetry.log.levels = [\"Microsoft\"]", "'Microsoft'")]
    [InlineData("registry.telemetry.log.levels = [\"Microsoft = loud\"]", "registry.telemetry.log.levels")]
    [InlineData("registry.telemetry.log.level = loud", "registry.telemetry.log.level")]
    [InlineData("registry.telemetry.log.format = xml", "text or json")]
    [InlineData("registry.telemetry.trace-percent = 101", "registry.telemetry.trace-percent")]
    [InlineData("registry.telemetry.otlp-endpoint = \"localhost:4318\"", "registry.telemetry.otlp-endpoint")]
    public void A_wrong_setting_is_named(string settings, string named) =>
        Should.Throw<ConfigurationException>(() => TelemetrySettings.From(ConfigurationFactory.ParseString(settings))).Message.ShouldContain(named);

    private static string? Text(JsonElement record, string name) => record.TryGetProperty(name, out var value) ? value.GetString() : null;
}
