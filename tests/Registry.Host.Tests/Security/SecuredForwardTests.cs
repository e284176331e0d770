using System.Net;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Security;

/// <summary>The forward command and a gateway that asks for a key.</summary>
public sealed class SecuredForwardTests
{
    [Fact]
    public async Task A_forward_with_a_key_carries_bytes_in_its_owners_name_and_one_without_is_refused_for_good()
    {
        using var folder = new TemporaryFolder();
        var (key, line) = ApiKeys.Create("laptop", [Roles.Creator], "alice");
        await File.WriteAllTextAsync(folder.File("keys"), line);
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.WithKeysAsync(folder.File("keys"), server.EndPoint.ToString());
        ForwardedPort port = new ForwardSpecification(new(IPAddress.Loopback, 0), server.EndPoint.Address.ToString(), server.EndPoint.Port);

        await using (var forward = new RunningForward([port], new GatewayAddress(gateway.Url, key)))
        {
            await forward.NextReadyAsync();
            using var http = new HttpClient();
            (await http.GetByteArrayAsync(new Uri($"http://{forward.Listen}/100000"))).Length.ShouldBe(100_000);
            gateway.Registry.Directory.List().ShouldHaveSingleItem().Owner.ShouldBe("alice");
        }

        var nobody = new RunningForward([port], new GatewayAddress(gateway.Url)); // It ends by itself.
        var refused = await Should.ThrowAsync<GatewayRefusedException>(nobody.NextReadyAsync);
        refused.Message.ShouldContain("--key-file");
    }
}
