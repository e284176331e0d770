using System.Diagnostics;
using Registry.Host.Serving;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Forwards whose gateway, a process of its own, is killed.</summary>
public sealed class KilledGatewayTests
{
    [Fact]
    public async Task A_forward_with_another_gateway_moves_there_and_one_without_waits_for_its_own_to_come_back()
    {
        await using var server = await ByteServer.StartAsync();
        await using var other = await RealGateway.StartAsync(server.EndPoint.ToString());
        var http = $"http://{Programs.FreeEndPoint()}";
        using var killed = await StartAsync(http, server);
        await using var moving = new RunningForward(server.EndPoint, new Uri(http), other.Url);
        await using var staying = new RunningForward(server.EndPoint, new Uri(http));
        (await moving.NextReadyAsync()).Gateway.ShouldBe(http);
        var before = await staying.NextReadyAsync();
        using var client = new HttpClient();
        // More than all windows hold, and nobody reads it.
        await using var download = await client.GetStreamAsync(new Uri($"http://{staying.Listen}/60000000")).WaitAsync(Eventually.Patience);

        await KillAsync(killed);
        // Nobody answers for these, and they must not be lost.
        var visits = new[] { moving, staying }.Select(forward => VisitAsync(forward)).ToArray();

        (await moving.NextReadyAsync()).Gateway.ShouldBe($"http://{other.Url.Authority}");
        // That the gateway does not answer is said while the path is not missed yet.
        foreach (var forward in new[] { moving, staying })
            await Eventually.BecomesAsync(true, () => forward.Lines.Contains($"{forward.Listen}: the gateway {http}/ does not answer; the tube stays while its path carries data."), "first lines");
        moving.Lines.ShouldContain($"{moving.Listen}: the path is silent and the gateway {http}/ does not answer; asking for another tube.");
        moving.Lines.ShouldContain(line => line.StartsWith($"{moving.Listen}: moved to another tube. Connections on the old one wait for its path, until ", StringComparison.Ordinal));
        await Eventually.BecomesAsync(true, () => staying.Lines.Contains($"{staying.Listen}: the path is silent and the gateway {http}/ does not answer; waiting for the path to come back."), "second line");
        using var again = await StartAsync(http, server);
        (await staying.NextReadyAsync()).TubeId.ShouldNotBe(before.TubeId);
        await Task.WhenAll(visits);
        await KillAsync(again);

        staying.Lines.ShouldContain($"{staying.Listen}: tube lost: The gateway {http}/ no longer has the tube. Reconnecting.");
        await Eventually.BecomesAsync(1, () => staying.Lines.Count(line => line == $"{staying.Listen}: a connection ended with the tube."), "lines about the download");
        staying.Lines.SkipWhile(line => !line.Contains("tube lost", StringComparison.Ordinal)).ShouldContain($"{staying.Listen}: a connection ended with the tube.", "the reason comes first");
    }

    private static async Task<Process> StartAsync(string http, ByteServer server)
    {
        var gateway = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "serve", "--http", http, "--allow", server.EndPoint.ToString());
        _ = gateway.StandardError.ReadToEndAsync();
        (await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldNotBeNull();
        _ = gateway.StandardOutput.ReadToEndAsync();
        return gateway;
    }

    private static async Task KillAsync(Process gateway)
    {
        gateway.Kill();
        await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
    }

    private static async Task VisitAsync(RunningForward forward)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { ConnectionClose = true } };
        (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
    }
}
