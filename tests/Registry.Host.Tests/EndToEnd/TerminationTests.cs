using System.Globalization;
using System.Net;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>The gateway as a process of its own.</summary>
public sealed class TerminationTests
{
    [Fact]
    public async Task A_gateway_that_is_told_to_terminate_says_on_every_tube_and_channel_why_and_exits_in_order()
    {
        using var home = new TemporaryFolder();
        using var gateway = Programs.Start("env", $"HOME={home.Path}", "dotnet", typeof(Gateway).Assembly.Location, "serve", "--http", "http://127.0.0.1:0", "--set", "registry.drain.stop-deadline=100ms");
        var errors = gateway.StandardError.ReadToEndAsync();
        try
        {
            var line = await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
            using var client = new GatewayClient(new(GatewayClient.ParseGateway(line!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1])));
            var tubes = await Task.WhenAll(Enumerable.Range(0, 3).Select(number => client.CreateTubeAsync(new()
            {
                ConversationId = $"conversation-{number}",
                Settings = TubeSettings.Of(new { conversationType = "echo" }),
            }, CancellationToken.None)));
            var streams = tubes.Select(tube => OpenAsync(client, tube.TubeId)).ToArray();
            await Task.WhenAll(streams.Select(s => s.Opened)).WaitAsync(Eventually.Patience);

            await Programs.RunAsync(Programs.Start("kill", "-TERM", gateway.Id.ToString(CultureInfo.InvariantCulture)));

            foreach (var (_, whole) in streams)
            {
                var signals = await whole.WaitAsync(Eventually.Patience);
                signals.ShouldContain(s => s.Kind == "node_draining");
                signals.Single(s => s.Kind == "channel_closed").CloseReason!.Name.ShouldBe("NodeStopped");
                signals.Single(s => s.Kind == "tube_closed").ShouldBe(signals[^1]);
                signals[^1].CloseReason!.Name.ShouldBe("NodeStopped");
            }

            await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
            gateway.ExitCode.ShouldBe(0, await errors);
            Directory.Exists(home.File(".aspnet")).ShouldBeFalse("Keys of tokens that end with the process were written.");
        }
        finally
        {
            if (!gateway.HasExited)
                gateway.Kill();
        }
    }

    [Fact]
    public async Task A_gateway_that_waits_for_its_clients_to_move_is_not_ready()
    {
        using var gateway = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "serve", "--http", "http://127.0.0.1:0", "--set", "registry.drain.stop-deadline=1h");
        _ = gateway.StandardError.ReadToEndAsync();
        try
        {
            var line = await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
            using var http = new HttpClient { BaseAddress = new(line!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]) };
            await using var client = new RunningForward(new IPEndPoint(IPAddress.Loopback, 9), http.BaseAddress);
            await client.NextReadyAsync();
            (await ReadyAsync(http)).ShouldBe(HttpStatusCode.OK);

            await Programs.RunAsync(Programs.Start("kill", "-TERM", gateway.Id.ToString(CultureInfo.InvariantCulture)));
            await Eventually.BecomesAsync(HttpStatusCode.ServiceUnavailable, () => ReadyAsync(http).GetAwaiter().GetResult(), "readiness");
            gateway.HasExited.ShouldBeFalse();
        }
        finally
        {
            if (!gateway.HasExited)
                gateway.Kill();
        }
    }

    [Fact]
    public async Task A_forward_that_gets_two_signals_in_quick_succession_closes_its_tube_as_after_one()
    {
        await using var gateway = await RealGateway.StartAsync("127.0.0.1:9");
        using var forward = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "forward", "-L", "0:127.0.0.1:9", "--gateway", gateway.Url.ToString());
        var errors = forward.StandardError.ReadToEndAsync();
        try
        {
            (await forward.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldNotBeNull();
            gateway.TubeActors.ShouldBe(1);

            // As "timeout" does: the process, then its group.
            var pid = forward.Id.ToString(CultureInfo.InvariantCulture);
            await Programs.RunAsync(Programs.Start("sh", "-c", $"kill -TERM {pid}; kill -INT {pid}; kill -TERM {pid}"));

            await forward.WaitForExitAsync().WaitAsync(Eventually.Patience);
            forward.ExitCode.ShouldBe(0, await errors);
            await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
            gateway.Registry.Directory.Count.ShouldBe(0);
        }
        finally
        {
            if (!forward.HasExited)
                forward.Kill();
        }
    }

    private static async Task<HttpStatusCode> ReadyAsync(HttpClient http)
    {
        using var response = await http.GetAsync(new Uri("/readyz", UriKind.Relative)).WaitAsync(Eventually.Patience);
        return response.StatusCode;
    }

    private static (Task Opened, Task<List<SignalBody>> Whole) OpenAsync(GatewayClient client, string tubeId)
    {
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (opened.Task, Task.Run(async () =>
        {
            var signals = new List<SignalBody>();
            await foreach (var signal in client.ReadSignalsAsync(tubeId, CancellationToken.None))
            {
                signals.Add(signal);
                opened.TrySetResult();
            }

            return signals;
        }));
    }
}
