using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Api;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Cli;

/// <summary>When a forward says what happens to its tube.</summary>
public sealed class ForwardReportTests
{
    private readonly FakeTimeProvider time = new();
    private readonly ConcurrentQueue<string> lines = new();

    [Fact]
    public void A_gateway_that_does_not_answer_is_named_soon_and_once_and_when_it_answers_again()
    {
        using var maker = new GatewayClient(new(new("http://gateway.example/")));
        using var other = new GatewayClient(new(new("http://other.example/")));
        var silence = new GatewayUnreachableException(maker.Gateway, "No answer.");
        var gateway = new SilentGateway(maker, lines.Enqueue, time);

        gateway.Tried(maker, silence);
        var unknown = new GatewayRefusedException(other.Gateway, new ProblemBody(404, "tube_not_found", "why")); // which says nothing of it
        gateway.Tried(other, unknown);
        lines.ShouldBeEmpty();
        time.Advance(SilentGateway.Patience);
        gateway.Tried(other, unknown);
        lines.ShouldBe(["the gateway http://gateway.example/ does not answer; the tube stays while its path carries data."]);
        gateway.Tried(maker, silence);

        gateway.Tried(maker, null);
        gateway.Tried(maker, silence);
        lines.Skip(1).ShouldBe(["the gateway http://gateway.example/ answers again."]);

        gateway.Tried(other, null);
        time.Advance(SilentGateway.Patience);
        gateway.Tried(other, unknown);
        lines.Count.ShouldBe(2);
    }

    [Fact]
    public void What_answers_in_a_gateways_place_does_not_answer_for_it()
    {
        using var maker = new GatewayClient(new(new("http://gateway.example/")));
        var gateway = new SilentGateway(maker, lines.Enqueue, time);
        var closed = new GatewayUnreachableException(maker.Gateway, "Ended without an answer.") { IsAnswered = true };

        gateway.Tried(maker, closed);
        time.Advance(SilentGateway.Patience);
        gateway.Tried(maker, closed);

        lines.ShouldBe(["the gateway http://gateway.example/ does not answer as one; the tube stays while its path carries data."]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_port_is_said_on_standard_output_and_all_that_follows_on_standard_error(bool json)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var report = new ForwardReport("forward", output, error, json);
        var first = new ForwardReady("127.0.0.1:80", "db:5432", "t1", "host/host", "http://gateway.example", "n") { IsFirst = true, Text = "Forwarding from here" };

        report.Forwarding(first);
        error.ToString().ShouldBe("");
        report.Forwarding(first with { IsFirst = false, TubeId = "t1a", IsRenewal = true });
        error.ToString().ShouldBe("");
        report.Forwarding(first with { IsFirst = false, TubeId = "t2" });

        var said = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        if (json)
            said.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("tubeId").GetString()).ShouldBe(["t1", "t1a", "t2"]);
        else
            said.ShouldBe(["Forwarding from here (tube t1, host/host)"]);
        error.ToString().ShouldEndWith($"Z forward: 127.0.0.1:80: now over tube t2 on n (host/host).{Environment.NewLine}");
    }

    [Fact]
    public async Task Tries_become_rarer_and_begin_anew_once_a_tube_that_stayed_is_lost()
    {
        var pause = new RetryPause(time);
        var announced = new List<string>();
        for (var number = 0; number < 6; number++)
        {
            announced.Add(pause.Announce(isCutByClients: true));
            (await PassAsync(pause.WaitAsync(() => null, loss: null, forClient: false, CancellationToken.None))).ShouldBeFalse();
        }

        // Each a fifth shorter or longer.
        string.Join(' ', announced).ShouldMatch(@"^Trying again in 1 s\. Trying again in 1 s\. Trying again in 2 s\. Trying again in [345] s\. Trying again in ([6-9]|10) s\. Trying again about every 15 s, and when a client connects\.$");
        (await PassAsync(pause.WaitAsync(() => null, loss: Task.CompletedTask, forClient: false, CancellationToken.None))).ShouldBeTrue();
        pause.Announce(isCutByClients: true).ShouldBe("Trying again in 1 s.");
    }

    [Fact]
    public async Task Tries_begin_anew_after_a_tube_that_lived_as_long_as_the_longest_pause_and_not_after_one_that_ended_at_once()
    {
        var pause = new RetryPause(time);
        pause.Announce(isCutByClients: true, isLoss: true).ShouldBe("Reconnecting.");
        for (var number = 0; number < 6; number++)
        {
            pause.Ready();
            time.Advance(TimeSpan.FromMilliseconds(5));
            pause.Over(isDrained: false);
            await PassAsync(pause.WaitAsync(() => null, loss: null, forClient: false, CancellationToken.None));
        }

        pause.Announce(isCutByClients: true, isLoss: true).ShouldBe("Trying again about every 15 s, and when a client connects.");
        pause.Ready();
        time.Advance(TimeSpan.FromSeconds(15));
        pause.Over(isDrained: false);
        pause.Announce(isCutByClients: true, isLoss: true).ShouldBe("Reconnecting.");
    }

    [Fact]
    public async Task A_tube_whose_node_goes_out_of_service_is_left_without_delay_however_short_it_lived()
    {
        var pause = new RetryPause(time);
        for (var number = 0; number < 6; number++)
            await PassAsync(pause.WaitAsync(() => null, loss: null, forClient: false, CancellationToken.None));

        pause.Ready();
        pause.Over(isDrained: true);
        pause.Announce(isCutByClients: true, isLoss: true).ShouldBe("Reconnecting.");
    }

    [Fact]
    public async Task After_a_tube_that_nobody_used_nothing_is_tried_before_a_client_waits_where_one_can()
    {
        var pause = new RetryPause(time);
        var client = new TaskCompletionSource();
        var waiting = pause.WaitAsync(() => client.Task, loss: null, forClient: true, CancellationToken.None);
        for (var number = 0; number < 100; number++)
        {
            time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Yield();
        }

        waiting.IsCompleted.ShouldBeFalse();
        client.SetResult();
        await waiting.WaitAsync(Eventually.Patience);
        await PassAsync(pause.WaitAsync(() => null, loss: null, forClient: true, CancellationToken.None));
    }

    [Fact]
    public void A_target_that_no_rule_allows_is_said_once_for_all_tubes_and_again_when_one_allowed_it_meanwhile()
    {
        var denied = new DeniedTargets(lines.Enqueue);
        foreach (var warning in new[] { "No rule.", "No rule.", null, "No rule.", "Never." })
            denied.Warn("127.0.0.1:80", warning);
        lines.ShouldBe(["127.0.0.1:80: No rule.", "127.0.0.1:80: No rule.", "127.0.0.1:80: Never."]);
    }

    // Time goes on as long as it is waited for.
    private async Task<bool> PassAsync(Task<bool> waiting)
    {
        while (!waiting.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Yield();
        }

        return await waiting;
    }

    [Fact]
    public async Task Connections_that_ended_with_a_tube_are_said_after_the_reason_and_without_one_late()
    {
        var ended = new EndedConnections(lines.Enqueue, time);
        ended.Add("127.0.0.1:80", 2);
        ended.Add("127.0.0.1:80", 1);
        ended.Add("", 1);
        lines.ShouldBeEmpty();

        ended.Tell("127.0.0.1:80");
        ended.Tell("127.0.0.1:80");
        lines.ShouldBe(["127.0.0.1:80: 3 connections ended with the tube."]);

        time.Advance(EndedConnections.Patience);
        await Eventually.BecomesAsync("a connection ended with the tube.", () => lines.LastOrDefault(), "the other");
        lines.Count.ShouldBe(2);
    }

    [Fact]
    public void Connections_that_end_a_little_after_the_reason_was_said_are_said_at_once_and_those_of_the_next_tube_after_its_own()
    {
        var ended = new EndedConnections(lines.Enqueue, time);
        ended.Explain("127.0.0.1:80");
        ended.Add("127.0.0.1:80", 2);
        lines.ShouldBe(["127.0.0.1:80: 2 connections ended with the tube."]);

        ended.Expect("127.0.0.1:80");
        ended.Add("127.0.0.1:80", 1);
        lines.Count.ShouldBe(1);
    }
}
