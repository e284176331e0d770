using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

public sealed class StoppingTests
{
    [Fact]
    public async Task A_gateway_that_stops_tells_its_subscribers_why_the_tube_ends()
    {
        var gateway = await RealGateway.StartAsync();
        using var client = new GatewayClient(new(gateway.Url));
        var tube = await client.CreateTubeAsync(new()
        {
            ConversationId = "stopping",
            Settings = TubeSettings.Of(new { conversationType = "echo" }),
        }, CancellationToken.None);
        var subscribed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = Task.Run(async () =>
        {
            var signals = new List<SignalBody>();
            await foreach (var signal in client.ReadSignalsAsync(tube.TubeId, CancellationToken.None))
            {
                signals.Add(signal);
                subscribed.TrySetResult();
            }
            return signals;
        });
        await subscribed.Task.WaitAsync(Eventually.Patience);

        await gateway.DisposeAsync();

        var last = (await reading.WaitAsync(Eventually.Patience))[^1];
        last.Kind.ShouldBe("tube_closed");
        last.CloseReason.ShouldNotBeNull().Name.ShouldBe("NodeStopped");
    }
}
