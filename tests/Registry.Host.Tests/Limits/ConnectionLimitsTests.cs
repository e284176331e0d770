using System.Net;
using System.Net.Sockets;
using Akka.Configuration;
using Registry.Host.Limits;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Limits;

/// <summary>Connections, on real sockets of two addresses of loopback.</summary>
public sealed class ConnectionLimitsTests
{
    private const int Connections = 8;

    private static readonly IPAddress greedy = IPAddress.Parse("127.0.0.2");
    private static readonly IPAddress other = IPAddress.Parse("127.0.0.3");

    [Fact]
    public async Task One_address_has_half_of_the_connections_and_the_rest_is_for_others()
    {
        await using var gateway = await ScriptedGateway.StartAsync(security: $"registry.http.limits.connections = {Connections}");
        var held = new List<TcpClient>();
        try
        {
            for (var i = 0; i < Connections / 2; i++)
            {
                var connection = await OpenAsync(gateway.Url, greedy);
                held.Add(connection);
                (await IsAnsweredAsync(connection)).ShouldBeTrue();
            }

            (await AskAsync(gateway.Url, greedy)).ShouldBeFalse();
            (await AskAsync(gateway.Url, other)).ShouldBeTrue();

            held[0].Dispose();
            var hasRoom = false;
            await Eventually.BecomesAsync(true, () => hasRoom = hasRoom || AskAsync(gateway.Url, greedy).GetAwaiter().GetResult(), "room for a connection");
        }
        finally
        {
            held.ForEach(connection => connection.Dispose());
        }
    }

    [Fact]
    public async Task A_trusted_proxy_has_all_of_them()
    {
        await using var gateway = await ScriptedGateway.StartAsync(security: $"registry.http {{ trusted-proxies = [\"{greedy}\"], limits.connections-per-address = 1 }}");
        using var first = await OpenAsync(gateway.Url, greedy);
        (await IsAnsweredAsync(first)).ShouldBeTrue();
        (await AskAsync(gateway.Url, greedy)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("connections = 9", 5)]
    [InlineData("connections = 1", 1)]
    [InlineData("connections = off", null)]
    [InlineData("connections-per-address = off", null)]
    [InlineData("connections-per-address = 7", 7)]
    public void The_share_follows_from_the_settings(string setting, int? share) => Read(setting).ConnectionsPerAddress.ShouldBe(share);

    [Theory]
    [InlineData("connections-per-address = 0")]
    [InlineData("connections-per-address = third")]
    public void A_share_of_no_use_is_refused_by_name(string setting) =>
        Should.Throw<ConfigurationException>(() => Read(setting)).Message.ShouldContain("registry.http.limits.connections-per-address must be off, half, or a whole number");

    private static RequestLimits Read(string setting) => RequestLimits.From(ConfigurationFactory.ParseString($"registry.http.limits {{ {setting} }}"));

    private static async Task<TcpClient> OpenAsync(Uri gateway, IPAddress from)
    {
        var client = new TcpClient(new IPEndPoint(from, 0));
        await client.ConnectAsync(gateway.Host, gateway.Port);
        return client;
    }

    private static async Task<bool> AskAsync(Uri gateway, IPAddress from)
    {
        try
        {
            using var client = await OpenAsync(gateway, from);
            return await IsAnsweredAsync(client);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return false; // Before connecting was done.
        }
    }

    // false when it is closed unheard.
    private static async Task<bool> IsAnsweredAsync(TcpClient client)
    {
        try
        {
            await client.GetStream().WriteAsync("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            return await client.GetStream().ReadAsync(new byte[1024]).AsTask().WaitAsync(Eventually.Patience) > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
