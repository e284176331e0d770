using System.Net;
using System.Security.Cryptography;
using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Forwards and gateways that go out of service, over the real stack.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task A_forward_moves_to_another_gateway_and_what_ran_before_finishes_on_the_old_tube()
    {
        const int length = 60_000_000;
        await using var server = await ByteServer.StartAsync();
        await using var first = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var second = await RealGateway.StartAsync(server.EndPoint.ToString());
        var forward = new RunningForward(server.EndPoint, first.Url, second.Url);
        var before = await forward.NextReadyAsync();
        // More than all windows hold, and nobody reads on: it runs until the test wants its end.
        using var http = new HttpClient { DefaultRequestHeaders = { ConnectionClose = true } };
        await using var download = await http.GetStreamAsync(new Uri($"http://{forward.Listen}/{length}")).WaitAsync(Eventually.Patience);
        using var visits = new CancellationTokenSource();
        var visiting = VisitAsync(forward.Listen, visits.Token);

        (await first.SendAsync(HttpMethod.Post, "/v1/node/drain", new { deadlineMs = 600_000 })).Status.ShouldBe(HttpStatusCode.Accepted);

        var after = await forward.NextReadyAsync();
        after.Listen.ShouldBe(before.Listen);
        after.Gateway.ShouldBe(second.Url.GetLeftPart(UriPartial.Authority));
        (first.TubeActors, second.TubeActors).ShouldBe((1, 1));
        (await SHA256.HashDataAsync(download).AsTask().WaitAsync(Eventually.Patience)).ShouldBe(ByteServer.HashOf(length));
        await Eventually.BecomesAsync(0, () => first.TubeActors, "tubes of the draining gateway");
        await visits.CancelAsync();
        (await visiting).ShouldBeGreaterThan(0);
        var (_, old) = await first.SendAsync(HttpMethod.Get, $"/v1/tubes/{before.TubeId}");
        old.GetProperty("closeReason").GetProperty("name").GetString().ShouldBeOneOf("Client", "Normal");

        await forward.DisposeAsync();
        await NothingStaysAsync(first, second);
        await Eventually.BecomesAsync(0, () => TcpSockets.CountOf(forward.Listen.Port), "sockets of the forward");
    }

    [Fact]
    public async Task A_forward_whose_only_gateway_drains_keeps_its_tube_until_it_can_have_another()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);
        var before = forward.Last;

        await gateway.SendAsync(HttpMethod.Post, "/v1/node/drain");
        (await forward.NextLineAsync()).ShouldBe($"{forward.Listen}: node {before.Node} went out of service; no other gateway to move to; staying until it stops or is back."); // after the first try to have another
        await VisitOnceAsync(forward.Listen);
        gateway.Registry.Directory.List().Single().TubeId.ToString().ShouldBe(before.TubeId);
        (await gateway.SendAsync(HttpMethod.Delete, "/v1/node/drain")).Status.ShouldBe(HttpStatusCode.OK);

        (await forward.NextReadyAsync()).TubeId.ShouldNotBe(before.TubeId);
        forward.Lines.Skip(1).ShouldBe([$"{forward.Listen}: node {before.Node} went out of service and is back. Moved to a new tube on it."]);
        await VisitOnceAsync(forward.Listen);
        await Eventually.BecomesAsync(forward.Last.TubeId, () => string.Join(' ', gateway.Registry.Directory.List().Select(tube => tube.TubeId)), "tubes");
    }

    [Fact]
    public async Task A_gateway_that_stops_lets_its_forwards_move_first_and_waits_no_longer_than_that()
    {
        await using var server = await ByteServer.StartAsync();
        var stopping = await RealGateway.StoppingWithinAsync(TimeSpan.FromMinutes(10), server.EndPoint.ToString());
        await using var other = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = new RunningForward(server.EndPoint, stopping.Url, other.Url);
        await forward.NextReadyAsync();
        using var visits = new CancellationTokenSource();
        var visiting = VisitAsync(forward.Listen, visits.Token);

        await stopping.DisposeAsync().AsTask().WaitAsync(Eventually.Patience);

        (await forward.NextReadyAsync()).Gateway.ShouldBe(other.Url.GetLeftPart(UriPartial.Authority));
        await VisitOnceAsync(forward.Listen);
        await visits.CancelAsync();
        (await visiting).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_gateway_that_is_not_there_is_passed_over()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());

        await using var forward = new RunningForward(server.EndPoint, new Uri($"http://{RealPrograms.Programs.FreeEndPoint()}/"), gateway.Url);

        (await forward.NextReadyAsync()).Gateway.ShouldBe(gateway.Url.GetLeftPart(UriPartial.Authority));
    }

    [Fact]
    public async Task A_connection_that_comes_while_the_tube_is_being_replaced_waits_for_the_next_one()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);

        await gateway.CloseTubeAsync(forward.Last.TubeId);
        await forward.NextLineAsync(); // it was lost
        var visit = VisitOnceAsync(forward.Listen);

        await forward.NextReadyAsync();
        await visit;
    }

    [Fact]
    public async Task The_command_waits_until_the_gateway_is_drained()
    {
        await using var gateway = await RealGateway.StartAsync();
        var tube = await gateway.CreateTubeAsync("c");
        var (output, error) = (new StringWriter(), new StringWriter());

        var code = await CommandLine.InvokeAsync(["drain", "--deadline", "100ms", "--wait", "--gateway", gateway.Url.ToString()], output, error);

        code.ShouldBe(0, error.ToString());
        output.ToString().ShouldContain("Drained");
        (await gateway.SendAsync(HttpMethod.Get, "/readyz")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await gateway.SendAsync(HttpMethod.Get, $"/v1/tubes/{tube}")).Body.GetProperty("closeReason").GetProperty("name").GetString().ShouldBe("NodeStopped");
        (await gateway.SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId = "late", settings = RealGateway.Echo })).Body.GetProperty("code").GetString().ShouldBe("draining");
    }

    /// <summary>Connects again and again until told to end; a connection that is refused or cut fails it.</summary>
    private static async Task<int> VisitAsync(IPEndPoint endPoint, CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count++)
            await VisitOnceAsync(endPoint);
        return count;
    }

    private static async Task VisitOnceAsync(IPEndPoint endPoint)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { ConnectionClose = true } };
        (await http.GetByteArrayAsync(new Uri($"http://{endPoint}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
    }

    private static async Task NothingStaysAsync(params RealGateway[] gateways)
    {
        foreach (var gateway in gateways)
        {
            await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tube actors");
            await Eventually.BecomesAsync(0, () => gateway.OpenConnections, "peer connections");
        }
    }
}
