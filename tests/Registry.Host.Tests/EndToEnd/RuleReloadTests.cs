using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Target rules that change while the gateway, a process of its own, carries connections.</summary>
public sealed class RuleReloadTests
{
    [Fact]
    public async Task On_SIGHUP_the_rules_are_read_again_and_a_connection_that_they_deny_ends()
    {
        using var folder = new TemporaryFolder();
        await using var server = await ByteServer.StartAsync();
        await WriteAsync(folder, $"{server.EndPoint}");
        using var gateway = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "serve", "--http", "http://127.0.0.1:0", "--config", folder.File("gateway.conf"));
        try
        {
            var url = (await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience))!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1];
            _ = gateway.StandardOutput.ReadToEndAsync();
            await using var forward = new RunningForward(server.EndPoint, new Uri(url));
            await forward.NextReadyAsync();
            using var client = await ConnectAsync(forward);
            await Eventually.BecomesAsync(1, () => server.Open, "connections at the target");

            await WriteAsync(folder, "nonsense");
            await HangUpAsync(gateway);
            (await LineAsync(gateway, "nothing changed")).ShouldContain("line 1: registry.targets.allow must be");
            server.Open.ShouldBe(1);
            await WriteAsync(folder, "10.0.0.0/8:22");
            await HangUpAsync(gateway);

            (await LineAsync(gateway, "target rule")).ShouldContain("1 target rule in force; 1 connection that");
            (await Should.ThrowAsync<SocketException>(() => client.ReceiveAsync(new byte[1]).WaitAsync(Eventually.Patience))).SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
            await Eventually.BecomesAsync(0, () => server.Open, "connections at the target");
            (await forward.NextLineAsync()).ShouldStartWith($"{forward.Listen}: a connection was cut: The rules changed. No rule allows {server.EndPoint}");
            await AttemptAsync(forward);
            (await forward.NextLineAsync()).ShouldContain($"No rule allows {server.EndPoint}");
            var line = await LineAsync(gateway, "Audit: dial");
            line.ShouldContain($"to {server.EndPoint} denied, no_rule; tube {forward.Last.TubeId}, conversation forward-");
            line.ShouldEndWith($": No rule allows {server.EndPoint}. Add one to registry.targets.allow or by --allow, for example \"{server.EndPoint}\".");
        }
        finally
        {
            gateway.Kill();
            await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
        }
    }

    [Fact]
    public async Task The_gateway_s_own_port_is_not_dialled_by_any_rule()
    {
        await using var gateway = await RealGateway.StartAsync("*", "127.0.0.0/8:*", "[::1]:*", "localhost:*");
        await using var forward = await gateway.ForwardAsync(IPEndPoint.Parse(gateway.Url.Authority));

        await AttemptAsync(forward);

        (await forward.NextLineAsync()).ShouldContain("the gateway itself listens there");
    }

    private static Task WriteAsync(TemporaryFolder folder, string rule) => File.WriteAllTextAsync(folder.File("gateway.conf"), $"registry.targets.allow = [\"{rule}\"]");

    private static async Task HangUpAsync(System.Diagnostics.Process gateway) => await Programs.RunAsync(Programs.Start("kill", "-HUP", gateway.Id.ToString(CultureInfo.InvariantCulture)));

    private static async Task<string> LineAsync(System.Diagnostics.Process process, string text)
    {
        while (true)
        {
            var line = (await process.StandardError.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldNotBeNull();
            if (line.Contains(text, StringComparison.Ordinal))
                return line;
        }
    }

    // The reset of one that is denied may come before the connect has returned.
    private static async Task AttemptAsync(RunningForward forward)
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(forward.Listen).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)client.ReceiveAsync(new byte[1])).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task<Socket> ConnectAsync(RunningForward forward)
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(forward.Listen);
        return client;
    }
}
