using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Host.Cli;

namespace Registry.Host.Tests.EndToEnd;

public sealed class ForwardTests
{
    [Fact]
    public async Task A_download_through_a_forward_arrives_whole()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);
        using var http = ShortConnections();
        const int length = 20_000_000;

        var bytes = await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{length}")).WaitAsync(Eventually.Patience);

        bytes.Length.ShouldBe(length);
        SHA256.HashData(bytes).ShouldBe(ByteServer.HashOf(length));
        forward.Last.Path.ShouldBe("host/host");
    }

    [Fact]
    public async Task A_download_over_a_tube_with_a_limit_takes_its_time_and_arrives_whole()
    {
        const int rate = 2 * 1024 * 1024;
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync($"registry {{ tube.max-bytes-per-second = {rate}, targets.allow = [\"{server.EndPoint}\"] }}");
        await using var forward = await gateway.ForwardAsync(server.EndPoint);
        using var http = ShortConnections();
        const int length = rate;
        var start = Stopwatch.GetTimestamp();

        var bytes = await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{length}")).WaitAsync(Eventually.Patience);

        // A quarter of a second's worth passes at once, a piece on credit.
        Stopwatch.GetElapsedTime(start).ShouldBeGreaterThan(TimeSpan.FromSeconds(0.7));
        SHA256.HashData(bytes).ShouldBe(ByteServer.HashOf(length));
    }

    [Fact]
    public async Task Of_500_short_connections_in_turn_and_100_at_once_none_is_lost_or_left_open()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        gateway.TubeActors.ShouldBe(0);
        var forward = await gateway.ForwardAsync(server.EndPoint);
        gateway.TubeActors.ShouldBe(1);
        var socketsBefore = TcpSockets.CountOf(forward.Listen.Port, server.EndPoint.Port);

        using (var http = ShortConnections())
        {
            for (var i = 0; i < 500; i++)
                (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{i}")).WaitAsync(Eventually.Patience)).Length.ShouldBe(i);
            var atOnce = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{i * 100}")))).WaitAsync(Eventually.Patience);
            atOnce.Select(bytes => bytes.Length).ShouldBe(Enumerable.Range(0, 100).Select(i => i * 100));
        }

        server.Total.ShouldBe(600);
        await Eventually.BecomesAsync(0, () => server.Open, "connections at the target");
        await Eventually.BecomesAsync(socketsBefore, () => TcpSockets.CountOf(forward.Listen.Port, server.EndPoint.Port), "sockets of the forward and the gateway");
        gateway.TubeActors.ShouldBe(1);
        await forward.DisposeAsync();
        await NothingStaysAsync(gateway);
    }

    [Fact]
    public async Task A_tube_that_the_gateway_closes_is_replaced_on_the_same_local_port()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);
        var first = forward.Last;

        using var closed = await gateway.Http.DeleteAsync(new Uri($"/v1/tubes/{first.TubeId}?reason=Client", UriKind.Relative));
        closed.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        var second = await forward.NextReadyAsync();

        // Not that this client did.
        forward.Lines.ShouldHaveSingleItem().ShouldBe($"{first.Listen}: tube lost: Somebody else closed it at the gateway, with the reason Client. Reconnecting.");
        (first.IsFirst, second.IsFirst).ShouldBe((true, false));
        second.Listen.ShouldBe(first.Listen);
        second.TubeId.ShouldNotBe(first.TubeId);
        using var http = ShortConnections();
        (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
    }

    [Fact]
    public async Task A_tube_that_nobody_used_is_followed_by_another_once_a_client_connects()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync($"registry {{ tube.idle-timeout = 1s, targets.allow = [\"{server.EndPoint}\"] }}");
        await using var forward = await gateway.ForwardAsync(server.EndPoint);

        (await forward.NextLineAsync()).ShouldBe($"{forward.Listen}: the gateway ended the tube, which nobody used: No user bytes went either way for 1 s. The next one is made when a client connects.");
        var next = forward.NextReadyAsync();
        await Eventually.BecomesAsync(0, () => gateway.Registry.Directory.Count, "tubes");
        using var http = ShortConnections();
        (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
        (await next).IsFirst.ShouldBeFalse();
    }

    [Fact]
    public async Task A_download_goes_on_over_an_ICE_restart_that_the_gateway_is_told_to_make()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);
        var restart = $"/v1/tubes/{forward.Last.TubeId}/ice-restart";
        using var http = ShortConnections();
        const int length = 60_000_000;

        var download = http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{length}")).WaitAsync(Eventually.Patience);
        var (status, offer) = await gateway.SendAsync(HttpMethod.Post, restart);

        status.ShouldBe(HttpStatusCode.OK);
        offer.GetProperty("type").GetString().ShouldBe("offer");
        // Before the forward has answered, the next restart has to wait for that.
        var pause = TimeSpan.FromSeconds(5).TotalMilliseconds;
        using var patience = new CancellationTokenSource(Eventually.Patience);
        while ((await gateway.SendAsync(HttpMethod.Post, restart)).Body.GetProperty("retryAfterMs").GetDouble() > pause)
            await Task.Delay(20, patience.Token);
        SHA256.HashData(await download).ShouldBe(ByteServer.HashOf(length));
        gateway.TubeActors.ShouldBe(1);
        forward.Lines.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_tube_that_ends_while_it_is_being_made_is_followed_by_another()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var proxy = await MeddlingProxy.StartAsync(gateway);
        await using var forward = new RunningForward(server.EndPoint, proxy.Url);
        var first = await forward.NextReadyAsync();

        proxy.CloseNextAfter(first.TubeId);
        await gateway.CloseTubeAsync(first.TubeId);

        var next = await forward.NextReadyAsync();
        proxy.Answered.IsCompleted.ShouldBeTrue();
        forward.Lines.ShouldContain(line => line.StartsWith($"{first.Listen}: no tube yet: ", StringComparison.Ordinal) && line.EndsWith("Trying again in 1 s.", StringComparison.Ordinal));
        next.Listen.ShouldBe(first.Listen);
        using var http = ShortConnections();
        (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
    }

    [Fact]
    public async Task Candidates_of_the_gateway_that_are_of_no_use_are_told_once()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var proxy = await MeddlingProxy.StartAsync(gateway, spoilsCandidates: true);
        await using var forward = new RunningForward(server.EndPoint, proxy.Url);

        await forward.NextReadyAsync(); // by the addresses that the gateway's checks come from

        (await forward.NextLineAsync()).ShouldContain("A candidate of the gateway is of no use: ");
        forward.Lines.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_target_that_refuses_closes_the_client_and_is_named_with_the_reason()
    {
        var refusing = FreeEndPoint();
        await using var gateway = await RealGateway.StartAsync(refusing.ToString());
        await using (var forward = await gateway.ForwardAsync(refusing))
        {
            (await ReadToEndAsync(forward.Listen)).ShouldBe(0);
            (await forward.NextLineAsync()).ShouldBe($"{forward.Listen}: {refusing} cannot be reached: Connection refused.");
        }
        await NothingStaysAsync(gateway);
    }

    [Fact]
    public async Task A_target_without_a_rule_is_denied_and_one_line_says_so()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync();
        await using var forward = await gateway.ForwardAsync(server.EndPoint);

        // Before anyone connects, and not again when someone does.
        (await forward.NextLineAsync()).ShouldStartWith($"{forward.Listen}: No rule allows {server.EndPoint}. Add one to registry.targets.allow");
        (await ReadToEndAsync(forward.Listen)).ShouldBe(0);
        (await ReadToEndAsync(forward.Listen)).ShouldBe(0);
        forward.Lines.Count.ShouldBe(1);
        server.Total.ShouldBe(0);
    }

    [Fact]
    public async Task A_port_in_use_for_the_listener_is_named_and_no_tube_stays()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var gateway = await RealGateway.StartAsync();
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(["forward", "-L", $"{((IPEndPoint)taken.LocalEndpoint).Port}:127.0.0.1:1", "--gateway", gateway.Url.ToString()], new StringWriter(), error);

        code.ShouldBe((int)ExitCode.AddressUnavailable, error.ToString());
        error.ToString().ShouldContain($"-L: cannot listen on {taken.LocalEndpoint}");
        gateway.Registry.Directory.Count.ShouldBe(0);
    }

    [Fact]
    public async Task An_address_that_this_machine_has_not_is_what_is_wrong_and_not_the_port()
    {
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(["forward", "-L", "192.0.2.1:15432:127.0.0.1:1"], new StringWriter(), error);

        code.ShouldBe((int)ExitCode.AddressUnavailable, error.ToString());
        error.ToString().ShouldContain("192.0.2.1 is no address of this machine");
        error.ToString().ShouldNotContain("another port");
    }

    [Fact]
    public async Task Lines_on_standard_error_begin_with_the_time()
    {
        var error = new StringWriter();

        await CommandLine.InvokeAsync(["forward", "-L", "0:127.0.0.1:1", "--gateway", $"http://{FreeEndPoint()}", "--gateway", $"http://{FreeEndPoint()}"], new StringWriter(), error);

        error.ToString().ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z forward: 127\.0\.0\.1:\d+: No gateway answers");
    }

    private static async Task NothingStaysAsync(RealGateway gateway)
    {
        await Eventually.BecomesAsync(0, () => gateway.Registry.Directory.Count, "tubes");
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tube actors");
        await Eventually.BecomesAsync(0, () => gateway.OpenConnections, "peer connections");
    }

    private static HttpClient ShortConnections()
    {
        var http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });
        http.DefaultRequestHeaders.ConnectionClose = true;
        return http;
    }

    private static IPEndPoint FreeEndPoint()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    // The number of bytes until the end; a cut counts as an end.
    private static async Task<int> ReadToEndAsync(IPEndPoint endPoint)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // The cut may come before connecting has returned.
            await socket.ConnectAsync(endPoint).WaitAsync(Eventually.Patience);
            return await socket.ReceiveAsync(new byte[100]).WaitAsync(Eventually.Patience);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
