using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Host.Cli;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Telemetry;

namespace Registry.Host.Tests.EndToEnd;

/// <summary><c>forward -R</c>: the gateway listens, this process dials.</summary>
public sealed class RemoteForwardTests
{
    private const string Listening = "registry.channels.listen = loopback";

    [ProgramFact("curl")]
    public async Task Curl_at_the_gateway_s_port_reaches_a_server_here_also_after_the_tube_was_lost()
    {
        const int length = 5_000_000;
        using var folder = new TemporaryFolder();
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync(Listening);
        await using var forward = Forward(server.EndPoint, gateway);
        var first = await forward.NextReadyAsync();
        first.IsAtGateway.ShouldBeTrue();

        await Programs.RunAsync(Programs.Start("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--output", folder.File("download"), $"http://{first.Listen}/{length}"));
        await gateway.CloseTubeAsync(first.TubeId);
        var second = await forward.NextReadyAsync();

        await using var file = File.OpenRead(folder.File("download"));
        (await SHA256.HashDataAsync(file)).ShouldBe(ByteServer.HashOf(length));
        second.Listen.ShouldBe(first.Listen);
        second.TubeId.ShouldNotBe(first.TubeId);
        await VisitAsync(second.Listen);
    }

    [Fact]
    public async Task Of_tubes_that_nobody_uses_one_for_a_port_at_the_gateway_is_made_again_each_time_which_is_said_once_and_one_for_a_port_here_is_not()
    {
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync($"{Listening}\nregistry.tube.idle-timeout = 1s", server.EndPoint.ToString());
        var (host, port) = (server.EndPoint.Address.ToString(), server.EndPoint.Port);
        await using var forward = new RunningForward([new RemoteForwardSpecification(new(IPAddress.Loopback, 0), host, port), new ForwardSpecification(new(IPAddress.Loopback, 0), host, port)], gateway.Url);
        ForwardReady? here = null, there = null;
        while (here is null || there is null)
        {
            var ready = await forward.NextReadyAsync();
            (here, there) = ready.IsAtGateway ? (here, ready) : (ready, there);
        }

        for (var round = 0; round < 2; round++)
        {
            var next = await forward.NextReadyAsync();
            (next.Listen, next.IsRenewal).ShouldBe((there.Listen, true));
        }

        forward.Lines.Where(line => line.StartsWith(there.Listen, StringComparison.Ordinal)).ShouldHaveSingleItem()
            .ShouldBe($"{there.Listen}: the gateway ended the tube, which nobody used: No user bytes went either way for 1 s. Reconnecting. When that happens again it is not said.");
        await VisitAsync(here.Listen);
    }

    [Fact]
    public async Task The_gateway_s_log_says_where_it_listens()
    {
        var log = new RecordedLog();
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync(Listening, log);
        await using var forward = Forward(server.EndPoint, gateway);

        var ready = await forward.NextReadyAsync();

        await log.UntilAsync(text => text.Contains($": tunnel from {ready.Listen}, owner: -", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_gateway_that_is_not_set_to_listen_refuses_and_names_the_setting()
    {
        await using var gateway = await RealGateway.StartAsync();
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(["forward", "-R", "0:127.0.0.1:9", "--gateway", gateway.Url.ToString()], new StringWriter(), error);

        code.ShouldBe((int)ExitCode.Refused, error.ToString());
        error.ToString().ShouldContain($"-R: the gateway {gateway.Url} does not listen on 127.0.0.1:0 for tubes. Set registry.channels.listen = loopback on it");
        error.ToString().ShouldNotContain("settings.");
        gateway.Registry.Directory.Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_gateway_set_to_listen_on_loopback_refuses_any_other_address()
    {
        await using var gateway = await RealGateway.WithAsync(Listening);
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(["forward", "-R", "0.0.0.0:0:127.0.0.1:9", "--gateway", gateway.Url.ToString()], new StringWriter(), error);

        code.ShouldBe((int)ExitCode.Refused, error.ToString());
        error.ToString().ShouldContain("does not listen on 0.0.0.0:0 for tubes. Set registry.channels.listen = any on it");
    }

    [Fact]
    public async Task A_port_in_use_at_the_gateway_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var gateway = await RealGateway.WithAsync(Listening);
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(["forward", "-R", $"{((IPEndPoint)taken.LocalEndpoint).Port}:127.0.0.1:9", "--gateway", gateway.Url.ToString()], new StringWriter(), error);

        code.ShouldBe((int)ExitCode.Refused, error.ToString());
        error.ToString().ShouldContain($"{taken.LocalEndpoint} is in use");
    }

    [Fact]
    public async Task A_target_that_refuses_closes_the_client_and_is_told_here()
    {
        var refusing = Programs.FreeEndPoint();
        await using var gateway = await RealGateway.WithAsync(Listening);
        await using var forward = Forward(refusing, gateway);
        await forward.NextReadyAsync();

        await Should.ThrowAsync<HttpRequestException>(() => VisitAsync(forward.Last.Listen));

        (await forward.NextLineAsync()).ShouldContain(refusing.ToString());
    }

    [Fact]
    public async Task A_draining_gateway_s_port_is_free_at_once_and_what_runs_finishes_while_another_gateway_listens()
    {
        const int length = 30_000_000;
        await using var server = await ByteServer.StartAsync();
        await using var first = await RealGateway.WithAsync(Listening);
        await using var second = await RealGateway.WithAsync(Listening);
        await using var forward = Forward(server.EndPoint, first, second);
        var before = await forward.NextReadyAsync();
        using var http = new HttpClient { DefaultRequestHeaders = { ConnectionClose = true } };
        // More than all windows hold, and nobody reads on: it runs until the test wants its end.
        await using var download = await http.GetStreamAsync(new Uri($"http://{before.Listen}/{length}")).WaitAsync(Eventually.Patience);

        (await first.SendAsync(HttpMethod.Post, "/v1/node/drain", new { deadlineMs = 600_000 })).Status.ShouldBe(HttpStatusCode.Accepted);

        var after = await forward.NextReadyAsync();
        after.Gateway.ShouldBe(second.Url.GetLeftPart(UriPartial.Authority));
        after.Listen.ShouldBe(before.Listen); // both gateways are on one machine
        await VisitAsync(after.Listen);
        first.TubeActors.ShouldBe(1);
        (await SHA256.HashDataAsync(download).AsTask().WaitAsync(Eventually.Patience)).ShouldBe(ByteServer.HashOf(length));
        await Eventually.BecomesAsync(0, () => first.TubeActors, "tubes of the draining gateway");
    }

    private static RunningForward Forward(IPEndPoint target, params RealGateway[] gateways) =>
        new([new RemoteForwardSpecification(new(IPAddress.Loopback, 0), target.Address.ToString(), target.Port)], [.. gateways.Select(gateway => gateway.Url)]);

    private static async Task VisitAsync(string endPoint)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { ConnectionClose = true } };
        (await http.GetByteArrayAsync(new Uri($"http://{endPoint}/1000")).WaitAsync(Eventually.Patience)).Length.ShouldBe(1000);
    }
}
