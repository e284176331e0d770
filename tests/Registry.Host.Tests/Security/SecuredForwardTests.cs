using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Registry.Actors;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving.Reload;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Telemetry;
using Registry.Messages;

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

    [Fact]
    public async Task A_forward_whose_key_was_taken_away_says_so_as_it_says_all_else()
    {
        using var folder = new TemporaryFolder();
        var (key, line) = ApiKeys.Create("laptop", [Roles.Creator], "alice");
        await File.WriteAllTextAsync(folder.File("keys"), line);
        await File.WriteAllTextAsync(folder.File("laptop.key"), key);
        await using var gateway = await RealGateway.WithKeysAsync(folder.File("keys"), "127.0.0.1:9");
        await using var output = new RecordedLog();
        await using var error = new RecordedLog();
        var running = CommandLine.InvokeAsync(["forward", "-L", "0:127.0.0.1:9", "--gateway", gateway.Url.ToString(), "--key-file", folder.File("laptop.key")], output, error);
        await output.UntilAsync(said => running.IsCompleted || said.Contains("Forwarding from", StringComparison.Ordinal));

        await File.WriteAllTextAsync(folder.File("keys"), ApiKeys.Create("other", [Roles.Viewer], null).Line);
        await gateway.Services.GetRequiredService<GatewayReload>().ReloadAsync();
        await gateway.Registry.CloseTubeAsync(new(gateway.Registry.Directory.List().Single().TubeId, CloseReason.AdminClosed));

        (await running.WaitAsync(Eventually.Patience)).ShouldBe((int)ExitCode.Refused, error.ToString());
        var lines = error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.ShouldAllBe(said => Regex.IsMatch(said, @"^\d{4}-.*Z forward: 127\.0\.0\.1:\d+: "));
        lines.ShouldAllBe(said => !said.Contains("could not be told to close", StringComparison.Ordinal), "it would say the same");
        lines[^1].ShouldMatch(@": ended for good: The gateway http.* refused: The key or token is wrong.* \(unauthenticated\) Put one that is valid into the file of --key-file, and start it again\.$");
    }

    [Fact]
    public async Task A_forward_whose_key_is_replaced_in_its_file_goes_on_with_the_new_one()
    {
        using var folder = new TemporaryFolder();
        var (before, line) = ApiKeys.Create("laptop", [Roles.Creator], "alice");
        var (after, next) = ApiKeys.Create("laptop2", [Roles.Creator], "alice");
        await File.WriteAllTextAsync(folder.File("keys"), line);
        await File.WriteAllTextAsync(folder.File("laptop.key"), before);
        await using var gateway = await RealGateway.WithKeysAsync(folder.File("keys"), "127.0.0.1:9");
        await using var output = new RecordedLog();
        await using var error = new RecordedLog();
        var running = CommandLine.InvokeAsync(["forward", "-L", "0:127.0.0.1:9", "--json", "--gateway", gateway.Url.ToString(), "--key-file", folder.File("laptop.key")], output, error);
        await output.UntilAsync(said => running.IsCompleted || said.Contains("tubeId", StringComparison.Ordinal));

        await File.WriteAllTextAsync(folder.File("laptop.key"), after);
        await File.WriteAllTextAsync(folder.File("keys"), next);
        await gateway.Services.GetRequiredService<GatewayReload>().ReloadAsync();
        await gateway.Registry.CloseTubeAsync(new(gateway.Registry.Directory.List().Single().TubeId, CloseReason.AdminClosed));
        await error.UntilAsync(said => running.IsCompleted || said.Contains("now over tube", StringComparison.Ordinal));
        running.IsCompleted.ShouldBeFalse(error.ToString());

        // It ends by itself, for good, once this one is taken away too.
        await File.WriteAllTextAsync(folder.File("keys"), ApiKeys.Create("other", [Roles.Viewer], null).Line);
        await gateway.Services.GetRequiredService<GatewayReload>().ReloadAsync();
        await gateway.Registry.CloseTubeAsync(new(gateway.Registry.Directory.List().Single().TubeId, CloseReason.AdminClosed));
        (await running.WaitAsync(Eventually.Patience)).ShouldBe((int)ExitCode.Refused, error.ToString());
    }
}
