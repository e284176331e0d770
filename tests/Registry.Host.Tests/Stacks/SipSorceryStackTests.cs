using System.Net.Http.Json;
using System.Security.Cryptography;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Stacks;

/// <summary>A build with SIPSorcery.</summary>
public sealed class SipSorceryStackTests
{
    private const string Chosen = "registry.webrtc.stack = sipsorcery";

    [Fact]
    public async Task The_stack_can_be_chosen()
    {
        var (code, output, error) = await RunAsync("check-config", "--set", Chosen);

        code.ShouldBe((int)ExitCode.Ok, error);
        output.ShouldStartWith("The configuration is good.");
    }

    [Theory]
    [InlineData("registry.webrtc.tcp-port must be off", "--set", "registry.webrtc.tcp-port = 0")]
    [InlineData("--udp-port is for a WebRTC stack whose tubes share one port", "--udp-port", "20000")]
    public async Task Settings_that_it_cannot_follow_are_refused(string expected, params string[] arguments)
    {
        var (code, _, error) = await RunAsync(["serve", "--http", "http://127.0.0.1:0", "--set", Chosen, .. arguments]);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain(expected);
        error.ShouldContain("registry.webrtc.stack");
    }

    [Fact]
    public async Task A_forward_of_the_managed_stack_goes_through_a_gateway_of_SIPSorcery()
    {
        const int length = 300_000;
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithAsync(Chosen, server.EndPoint.ToString());
        await using (var forward = await gateway.ForwardAsync(server.EndPoint))
        {
            using var http = new HttpClient();
            var bytes = await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/{length}")).WaitAsync(Eventually.Patience);
            SHA256.HashData(bytes).ShouldBe(ByteServer.HashOf(length));
            gateway.OpenConnections.ShouldBe(1);

            var tube = gateway.Registry.Directory.List().Single().TubeId;
            using var refused = await gateway.Http.PostAsync(new Uri($"/v1/tubes/{tube}/ice-restart", UriKind.Relative), null);
            ((int)refused.StatusCode).ShouldBe(501);
            (await refused.Content.ReadFromJsonAsync<Dictionary<string, object>>()).ShouldNotBeNull()["code"].ToString().ShouldBe("not_supported");
        }

        await Eventually.BecomesAsync(0, () => gateway.OpenConnections, "peer connections");
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tube actors");
    }
}
